import { ConfigError } from '../config/config-error.ts';

/** A failed listen in the operator's words; anything else comes back as it is. */
export function explainListenError(error: unknown, port: number | undefined, host: string | undefined): unknown {
  const where = host === undefined ? '' : ` at ${host}`;
  switch ((error as { code?: string } | null)?.code) {
    case 'EADDRINUSE':
      return new ConfigError(
        'port',
        `${port ?? 'it'}${where} is taken by another program: stop it, or choose another port with --port`,
      );
    case 'EACCES':
      return new ConfigError(
        'port',
        `${port ?? 'it'}${where} needs a permission that this user lacks: choose one of 1024 or above with --port`,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return new ConfigError('host', `"${host ?? ''}" is no address of this machine: choose another one with --host`);
    default:
      return error;
  }
}
