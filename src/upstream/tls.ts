import type { Socket } from 'node:net';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import type { Clock } from '../core/clock.ts';
import { isIpLiteral } from '../core/domain.ts';
import { GatewayError, reasonOf } from '../core/errors.ts';
import type { ClientCertificate, Target } from '../core/ports.ts';
import { isLoopback } from './addresses.ts';
import { checkIdentity } from './identity.ts';
import type { Endpoint } from './lookup.ts';

export interface TlsOptions {
  /** The XMPP domain: what the certificate must be for, whatever host was dialled (RFC 6120 §13.7.2). */
  readonly domain: string;
  readonly endpoint: Endpoint;
  readonly verify: boolean;
  /** Direct TLS names its protocol (XEP-0368 §3); STARTTLS does not. */
  readonly isDirect: boolean;
  readonly timeoutMs: number;
  /** The gateway's own certificate. */
  readonly shown?: ClientCertificate | undefined;
}

/** Forward secret and authenticated suites alone (RFC 9325 §4.2). */
const CIPHERS = [
  ...['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256'],
  ...['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ...['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ...['DHE-RSA-AES128-GCM-SHA256', 'DHE-RSA-AES256-GCM-SHA384'],
].join(':');

/** What never leaves this machine may go in clear, so an unverified certificate takes nothing away (design decision 4). */
export function mustVerify({ host, tls }: Target, { ca }: Endpoint): boolean {
  const mayBeClear = tls === 'optional' || tls === 'if-required';
  return !mayBeClear || ca !== undefined || !isLoopback(host);
}

/** Hexadecimal digits alone, whatever stands between them. */
const plain = (fingerprint: string): string => fingerprint.replace(/[^0-9a-f]/gi, '').toLowerCase();

/**
 * What the server has shown. Not `getPeerX509Certificate()`: on Node 24 it takes the certificate away from the socket, and the
 * next one who asks gets none.
 */
export function peerCertificate(socket: TLSSocket): PeerCertificate {
  return socket.getPeerCertificate();
}

/**
 * Puts TLS on a connected socket, without anything that an earlier connection left: no session is resumed, so nothing is sent
 * early (UP-TLS-15, -16). Rejects with `upstream-tls`, and then nothing was sent to the server but the handshake.
 */
export function secure(socket: Socket, options: TlsOptions, clock: Clock): Promise<TLSSocket> {
  const { domain, endpoint, verify, isDirect, timeoutMs, shown } = options;
  const { ca } = endpoint;
  const pins = endpoint.fingerprints?.map(plain) ?? [];
  return new Promise((resolve, reject) => {
    const deadline = clock.after(timeoutMs, () => fail(new Error('the TLS handshake took too long')));
    const fail = (error: unknown): void => {
      deadline.cancel();
      socket.destroy();
      reject(new GatewayError('upstream-tls', reasonOf(error), { cause: error }));
    };
    let secured: TLSSocket;
    try {
      secured = connect({
        socket,
        minVersion: 'TLSv1.2',
        ciphers: CIPHERS,
        minDHSize: 2048,
        // A pinned certificate is compared below, and nothing else about it counts.
        rejectUnauthorized: verify && pins.length === 0,
        checkServerIdentity: (_host, certificate) => checkIdentity(domain, certificate),
        ...(!isIpLiteral(domain) && { servername: domain }),
        ...(ca !== undefined && { ca }),
        ...(shown !== undefined && { cert: shown.cert, key: shown.key }),
        ...(isDirect && { ALPNProtocols: ['xmpp-client'] }),
      });
    } catch (error) {
      fail(error);
      return;
    }
    secured.once('error', fail);
    secured.once('close', () => fail(new Error('the connection was closed during the TLS handshake')));
    secured.once('secureConnect', () => {
      const { fingerprint256 } = peerCertificate(secured);
      if (pins.length > 0 && !pins.includes(plain(fingerprint256))) {
        fail(new Error(`the certificate has another fingerprint than the pinned ones: ${fingerprint256}`));
        return;
      }
      deadline.cancel();
      secured.removeAllListeners('error');
      secured.removeAllListeners('close');
      resolve(secured);
    });
  });
}
