import { Agent, request as httpRequest, type ClientRequest } from 'node:http';
import { Agent as TlsAgent, request as httpsRequest } from 'node:https';

/** A request on its way. */
export interface Posted {
  /** The whole of it is with the system, so that a later one does not overtake it here. Resolves also where it fails. */
  readonly sent: Promise<void>;
  /** Rejects with Node's own error where there is no answer. */
  readonly answer: Promise<{ readonly status: number; readonly text: string }>;
}

const agent = new Agent({ keepAlive: true });
const tlsAgent = new TlsAgent({ keepAlive: true });

/** POSTs XML. `fetch` does not tell when a request has left, and the order of BOSH requests matters. */
export function post(url: string, body: string, signal: AbortSignal): Posted {
  const options = {
    method: 'POST',
    headers: { 'Content-Type': 'text/xml; charset=utf-8', 'Content-Length': Buffer.byteLength(body) },
    signal,
  };
  const isTls = url.startsWith('https:');
  const request: ClientRequest = isTls
    ? httpsRequest(url, { ...options, agent: tlsAgent })
    : httpRequest(url, { ...options, agent });
  const sent = new Promise<void>((resolve) => {
    request.once('finish', resolve).once('close', resolve);
  });
  const answer = new Promise<{ status: number; text: string }>((resolve, reject) => {
    request.once('error', (error: NodeJS.ErrnoException) => {
      // The server gave up the idle connection in that moment. The same request may come twice (XEP-0124 §14).
      if (request.reusedSocket && error.code === 'ECONNRESET') resolve(post(url, body, signal).answer);
      else reject(error);
    });
    request.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text })).once('error', reject);
    });
  });
  request.end(body);
  return { sent, answer };
}
