import { createHash, X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { UpstreamSecurity } from '../core/ports.ts';
import { isLoopback } from './addresses.ts';
import type { Connection } from './approach.ts';
import { peerCertificate } from './tls.ts';

/** RFC 9266 §2. */
const EXPORTER = 'EXPORTER-Channel-Binding';

/** How well a connection is protected, and what of it a login can be bound to. */
export function securityOf({ socket, isVerified }: Connection): UpstreamSecurity {
  const isLocal = isLoopback((socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
  return {
    isPrivate: isVerified || isLocal,
    binding: (type) => (socket instanceof TLSSocket ? bindingOf(socket, type) : undefined),
  };
}

function bindingOf(socket: TLSSocket, type: Parameters<UpstreamSecurity['binding']>[0]): Buffer | undefined {
  if (type === 'tls-exporter') return socket.exportKeyingMaterial(32, EXPORTER, Buffer.alloc(0));
  if (type === 'tls-server-end-point') return endPoint(peerCertificate(socket).raw);
  // There is none in TLS 1.3, and sessions are never resumed: the first Finished is the client's (RFC 5929 §3.1).
  return socket.getProtocol() === 'TLSv1.2' ? socket.getFinished() : undefined;
}

/** RFC 5929 §4.1: by the hash of the certificate's signature, SHA-256 where that one is weaker or unknown. */
function endPoint(raw: Buffer | undefined): Buffer | undefined {
  if (raw === undefined) return undefined;
  const { signatureAlgorithm = '' } = new X509Certificate(raw) as { signatureAlgorithm?: string };
  const [hash = 'sha256'] = /sha(384|512)/i.exec(signatureAlgorithm) ?? [];
  return createHash(hash.toLowerCase()).update(raw).digest();
}
