// The smallest chat with Strophe: goes on with the session whose tokens are in sessionStorage, or logs in.
const { Strophe, $msg, $pres, settings } = globalThis;
const { Status } = Strophe;
const statusNames = Object.fromEntries(Object.entries(Status).map(([name, value]) => [value, name]));
const element = (id) => document.getElementById(id);

function addLine(id, text) {
  const line = document.createElement('li');
  line.textContent = text;
  element(id).append(line);
}

/** What a page has shown outlives it, as in any web client that keeps its messages. */
const shown = JSON.parse(sessionStorage.getItem('shown') ?? '[]');
for (const text of shown) addLine('messages', text);

function onMessage(stanza) {
  const body = stanza.getElementsByTagName('body')[0]?.textContent;
  if (body !== undefined) {
    shown.push(body);
    sessionStorage.setItem('shown', JSON.stringify(shown));
    addLine('messages', body);
  }
  return true;
}

const wishes = new URLSearchParams(location.hash.slice(1));
const key = 'strophe-bosh-session';
const inherited = JSON.parse(sessionStorage.getItem(key));
element('inherited').textContent = JSON.stringify(inherited);
// `#behind=1`: what a tab finds that was copied before the first one sent its last request.
if (wishes.has('behind')) {
  sessionStorage.setItem(key, JSON.stringify({ ...inherited, rid: inherited.rid - wishes.get('behind') }));
}

const connection = new Strophe.Connection(settings.service, { keepalive: true });

function say(text) {
  connection.send($msg({ to: settings.contact, type: 'chat' }).c('body').t(text));
}

function onStatus(status, condition) {
  addLine('statuses', condition ? `${statusNames[status]} ${condition}` : statusNames[status]);
  if (status !== Status.CONNECTED && status !== Status.ATTACHED) return;
  element('jid').textContent = connection.jid;
  connection.addHandler(onMessage, null, 'message');
  if (status === Status.CONNECTED) connection.send($pres());
  // `#say=something`: what the tab says at once.
  else if (wishes.has('say')) say(wishes.get('say'));
}

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  say(element('text').value);
  element('text').value = '';
});

if (inherited === null) connection.connect(settings.jid, settings.password, onStatus);
else connection.restore(settings.jid, onStatus);
