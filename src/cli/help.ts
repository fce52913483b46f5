import { version } from './version.ts';

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

/** The help of a command, or of them all. Undefined for a command that does not exist. */
export function help(command?: string): string | undefined {
  if (command === undefined || command === 'help') return general();
  if (command === 'serve') return serve();
  return command === 'demo' ? demo() : undefined;
}
