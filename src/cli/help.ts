import { version } from '../core/version.ts';

const OPTIONS = {
  config: '--config FILE       settings: .toml, .json, .js, .mjs, .cjs or .ts',
  port: '--port NUMBER       the port to listen on; 0 takes a free one',
  host: '--host ADDRESS      the address to listen on',
  path: '--path PATH         where BOSH is (default /http-bind/)',
  level: '--log-level LEVEL   trace, debug, info (default), warn, error or silent',
};

const general =
  () => `Sluice ${version()}, an XMPP connection manager: BOSH and WebSocket in front, XMPP over TCP behind.

Usage:
  sluice [serve] [options]   run the gateway
  sluice demo [options]      try it: a gateway, a small XMPP server and a chat page
  sluice check DOMAIN        go the way to an XMPP server step by step, and say what to mend
  sluice check --config FILE say whether a configuration is in order, and what it means
  sluice prebind JID         log in, and print the session for a page to attach to
  sluice test KIND           try a BOSH or WebSocket service: basic, send-recv or stress
  sluice config translate F  print the settings of node-xmpp-bosh's configuration file F as sluice.toml
  sluice help [command]      say more about a command
  sluice --version           print the version
`;

const serve = () => `Usage: sluice serve [options]      (also: bosh-server [options])

Runs the gateway until SIGTERM or SIGINT.

Options:
  ${OPTIONS.config}
  ${OPTIONS.port} (default 5280)
  ${OPTIONS.host} (default: all interfaces)
  ${OPTIONS.path}
  ${OPTIONS.level}

Without --config, the file is $SLUICE_CONFIG, or else sluice.toml, sluice.json or sluice.config.mjs in the working directory.
The command line goes before the environment (SLUICE_PORT, SLUICE_MAX_WAIT_SECONDS, ...), which goes before the file.
All settings: docs/configuration.md
`;

const demo = () => `Usage: sluice demo [options]

Runs a gateway with a small XMPP server in memory and a page with Converse.js, until Ctrl+C. Not for production.

Options:
  ${OPTIONS.port} (default 5280)
  ${OPTIONS.host} (default 127.0.0.1)
`;

const check = () => `Usage: sluice check DOMAIN [options]
       sluice check --config FILE

Goes the way of a client's stream to the XMPP server of a domain, under the settings of this gateway: policy, SRV records, addresses,
TCP, TLS, certificate, stream features; then host-meta, as clients find it. Nobody is logged in. Without a domain, it reads the
settings and says what they mean.

Exit code: 0 where clients can log in (or the configuration is in order), 1 where they cannot, 2 where the settings are wrong.

Options:
  ${OPTIONS.config}
`;

const prebind = () => `Usage: sluice prebind JID [options]

Logs in at a BOSH service and prints { "jid", "sid", "rid", "wait", "inactivity", "url" }: what Converse.js reads at its
prebind_url and Strophe.js attaches to. rid is the next one to use. The password is asked for, or read from standard input where that
is no terminal; it is never an argument, which every user of the machine could see.

Options:
  --url URL             the BOSH service, of any connection manager (default http://localhost:5280/http-bind/)
  --password-file FILE  the password is the first line of this file
  --resource NAME       a resource to ask for (default: a fresh one)
`;

const config = () => `Usage: sluice config translate FILE

Reads a configuration file of node-xmpp-bosh (bosh.conf.js, /etc/bosh.js.conf) and prints the same as sluice.toml, with a remark
for each key that has another name now, another meaning, or none. bosh-server --config=FILE runs with the old file as it is.
docs/migrating.md has the list.
`;

const test = () => `Usage: sluice test basic     --jid JID [options]
       sluice test send-recv --users FILE [options]
       sluice test stress    [--users FILE | --jid JID | --domain DOMAIN] [options]

Tries a BOSH or WebSocket service, of this gateway or of any other.

  basic      logs in with the password, with a wrong one, and as somebody who is not there; then chats with itself
  send-recv  everybody of the file logs in and writes to everybody; each message must come once and in order
  stress     keeps sessions busy for a time, and says how long things took. --domain logs in anonymously, where that is offered

A password is asked for, or read from $SLUICE_TEST_PASSWORD, from --password-file, or from standard input where that is no terminal.
A file of users has a JID and a password on each line; .json and the predecessor's .js with exports.users are read too.

Exit code: 0 where all went well, 1 where it did not, 2 for a wrong option.

Options:
  --url URL             http(s): for BOSH, ws(s): for WebSocket (default http://localhost:5280/http-bind/)
  --jid JID             who logs in
  --password-file FILE  the password is the first line of this file
  --users FILE          who logs in
  --domain DOMAIN       where nobody has to be known
  --messages NUMBER     send-recv: from everybody to everybody (default 10)
  --rate NUMBER         send-recv: messages a second of each user (default 10); stress: sessions opened a second (default 50)
  --sessions NUMBER     stress: how many (default 100)
  --seconds NUMBER      stress: how long (default 30)
  --json                the result as JSON on standard output
`;

/** The help of a command, or of them all. Undefined for a command that does not exist. */
export function help(command?: string): string | undefined {
  if (command === undefined || command === 'help') return general();
  if (command === 'serve') return serve();
  if (command === 'check') return check();
  if (command === 'prebind') return prebind();
  if (command === 'config') return config();
  if (command === 'test') return test();
  return command === 'demo' ? demo() : undefined;
}
