import { readFileSync } from 'node:fs';
import { isIP, type Socket } from 'node:net';
import { checkServerIdentity, connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { GatewayError, reasonOf } from '../core/errors.ts';

export interface TlsOptions {
  /** The XMPP domain: what the certificate must be for, whatever host was dialled (RFC 6120 §13.7.2). */
  readonly domain: string;
  /** PEM text, or a file that holds it. */
  readonly ca?: string | undefined;
  readonly verify: boolean;
  /** Direct TLS names its protocol (XEP-0368 §3); STARTTLS does not. */
  readonly alpn: boolean;
}

/** Puts TLS on a connected socket. Rejects with `upstream-tls`, and then nothing was sent to the server but the handshake. */
export function secure(socket: Socket, { domain, ca, verify, alpn }: TlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.destroy();
      reject(new GatewayError('upstream-tls', reasonOf(error), { cause: error }));
    };
    let secured: TLSSocket;
    try {
      secured = connect({
        socket,
        minVersion: 'TLSv1.2',
        rejectUnauthorized: verify,
        checkServerIdentity: (_host: string, certificate: PeerCertificate) => checkIdentity(domain, certificate),
        ...(isIP(domain) === 0 && { servername: domain }),
        ...(ca !== undefined && { ca: ca.includes('-----BEGIN') ? ca : readFileSync(ca) }),
        ...(alpn && { ALPNProtocols: ['xmpp-client'] }),
      });
    } catch (error) {
      fail(error);
      return;
    }
    secured.once('error', fail);
    secured.once('close', () => fail(new Error('the connection was closed during the TLS handshake')));
    secured.once('secureConnect', () => {
      secured.removeAllListeners('error');
      secured.removeAllListeners('close');
      resolve(secured);
    });
  });
}

/** DNS-IDs count, a common name does not (RFC 9525 §6.3). */
function checkIdentity(domain: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.subjectaltname === undefined) return new Error(`the certificate names no host (wanted ${domain})`);
  return checkServerIdentity(domain, certificate);
}
