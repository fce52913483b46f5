/** What the demo's pages load. Strings, because the build copies nothing but TypeScript. */

export const STYLE = `:root {
  color-scheme: light dark;
  --paper: #f6f8f9; --card: #fff; --ink: #16242b; --soft: #52656e; --line: #d9e1e5; --accent: #0b6e8a; --on-accent: #fff;
  --warn: #fff4d6; --warn-line: #e3b341; --warn-ink: #4d3800;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #10181c; --card: #18242a; --ink: #e6eef1; --soft: #9fb2bb; --line: #2c3d45; --accent: #54bcd8; --on-accent: #06222b;
    --warn: #33290c; --warn-line: #8a6d1f; --warn-ink: #f5dfa0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.25rem 3rem; max-width: 52rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif;
}
header { display: flex; align-items: center; gap: .9rem; }
header img { width: 3rem; height: 3rem; }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2; }
header p { margin: 0; color: var(--soft); }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; }
h3 { margin: 0; font-size: 1.1rem; }
p { margin: .6rem 0; }
a { color: var(--accent); }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.warning {
  margin-top: 1.5rem; padding: .8rem 1.1rem; border: 1px solid var(--warn-line); border-left-width: .4rem; border-radius: .5rem;
  background: var(--warn); color: var(--warn-ink);
}
.warning p { margin: 0; }
.users { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); }
.card { padding: 1.1rem; border: 1px solid var(--line); border-radius: .7rem; background: var(--card); }
.card p { margin: .4rem 0 0; color: var(--soft); }
.buttons { display: flex; flex-wrap: wrap; gap: .6rem; }
.card .buttons { margin-top: 1rem; }
.button {
  flex: 1; padding: .55rem .9rem; border: 1px solid var(--accent); border-radius: .45rem; color: var(--accent);
  text-align: center; text-decoration: none; white-space: nowrap;
}
.button:hover, .button:focus-visible { background: var(--accent); color: var(--on-accent); }
.button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.2rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; }
pre { margin: .6rem 0; padding: .8rem 1rem; overflow-x: auto; border-radius: .5rem; background: var(--card); border: 1px solid var(--line); }
@media (max-width: 30rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
}
`;

/** On top of Converse's own style: the embedded server has no rooms, and logos from other sites are not loaded. */
export const CHAT_STYLE = `#chatrooms, converse-footer .sponsors { display: none; }
`;

/** A sluice gate, half open. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">
<rect width="64" height="64" rx="14" fill="#0b6e8a"/>
<path d="M14 12h8v40h-8zM42 12h8v40h-8z" fill="#cfe9f1"/>
<path d="M24 12h16v18H24z" fill="#fff"/>
<path d="M24 18h16M24 24h16" stroke="#0b6e8a" stroke-width="2"/>
<path d="M6 46c5-5 9-5 13 0s9 5 13 0 9-5 13 0 9 5 13 0" fill="none" stroke="#7fd3e8" stroke-width="5" stroke-linecap="round"/>
</svg>
`;

/** Starts Converse.js as the user that the page names, and opens the chat with the other one. */
export const CHAT_SCRIPT = `const { jid, password, peer, via } = document.documentElement.dataset;
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
const ways = {
  websocket: { websocket_url: scheme + '://' + location.host + '/xmpp-websocket', authentication: 'login', password },
  bosh: { bosh_service_url: '/http-bind/', authentication: 'login', password },
  // The page knows no password: its server has logged in, and tells it the session.
  prebind: { bosh_service_url: '/http-bind/', authentication: 'prebind', prebind_url: '/demo/prebind?jid=' + jid },
};

converse.plugins.add('sluice-demo', {
  initialize() {
    const { api } = this._converse;
    api.listen.on('connected', async () => {
      await api.waitUntil('rosterContactsFetched');
      await api.chats.open(peer, {}, true);
    });
  },
});

converse.initialize({
  ...ways[via],
  jid,
  auto_login: true,
  // The server forgets everything when it stops: so does the page when it is closed.
  persistent_store: 'sessionStorage',
  reuse_scram_keys: false,
  // This page has its own gateway.
  discover_connection_methods: false,
  assets_path: '/converse/',
  view_mode: 'fullscreen',
  i18n: 'en',
  show_self_in_roster: false,
  // Each page load would be a new device, which nobody can ever read for again.
  blacklisted_plugins: ['converse-omemo'],
  whitelisted_plugins: ['sluice-demo'],
});
`;
