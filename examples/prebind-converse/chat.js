// Converse on a site whose users are logged in: it opens already connected.
const { jid, bosh, converse: files } = document.documentElement.dataset;

converse.plugins.add('site', {
  initialize() {
    const { api } = this._converse;
    // Where prebind_url answered with an error, Converse gives up for good: so begin anew, not all pages at once.
    api.listen.on('noResumeableBOSHSession', () => setTimeout(() => location.reload(), 3000 + Math.random() * 5000));
    // Who leaves the chat leaves the site.
    api.listen.on('logout', () => location.assign('/logout'));
  },
});

converse.initialize({
  authentication: 'prebind',
  prebind_url: '/prebind',
  auto_login: true,
  // Else the session that a reloaded page goes on with may be that of the user before.
  jid,
  bosh_service_url: bosh,
  // No websocket_url: with one, Converse 14 never uses BOSH, and prebind fails.
  discover_connection_methods: false,
  keepalive: true,
  view_mode: 'fullscreen',
  assets_path: files + '/',
  i18n: 'en',
  whitelisted_plugins: ['site'],
});
