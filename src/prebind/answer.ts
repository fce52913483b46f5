import { NS } from '../xml/ns.ts';
import { DEFAULT_XML_LIMITS, XmlError } from '../xml/reader.ts';
import { childOf, elementsOf, parseTree, type XmlElement } from '../xml/tree.ts';
import { PrebindError, type PrebindErrorCode } from './errors.ts';

/** An answer with all that one holds: the stream's features, a login, an IQ. */
const LIMITS = { ...DEFAULT_XML_LIMITS, maxBytes: 1_048_576 };

/** Reads a `<body/>`. Throws `PrebindError`: what is none, and what ends the session. */
export function readAnswer(text: string): XmlElement {
  let body: XmlElement;
  try {
    body = parseTree(text, LIMITS);
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause;
    throw new PrebindError('server-fault', 'the answer is no BOSH body', { cause });
  }
  if (body.name !== 'body' || body.ns !== NS.httpbind) {
    throw new PrebindError('server-fault', 'the answer is no BOSH body: is the URL that of a BOSH service?');
  }
  if (body.attributes.get('type') === 'terminate') throw endOf(body);
  return body;
}

/** XEP-0124 §17.2, and what is nearest to it here. */
const CONDITIONS: Readonly<Record<string, PrebindErrorCode>> = {
  'host-unknown': 'unknown-host',
  'host-gone': 'unknown-host',
  'improper-addressing': 'unknown-host',
  'remote-connection-failed': 'unreachable',
  'policy-violation': 'temporary',
  'system-shutdown': 'temporary',
};

/** RFC 6120 §4.9.3. */
const STREAM_ERRORS: Readonly<Record<string, PrebindErrorCode>> = {
  'host-unknown': 'unknown-host',
  'host-gone': 'unknown-host',
  conflict: 'conflict',
  'policy-violation': 'temporary',
  'resource-constraint': 'temporary',
  'system-shutdown': 'temporary',
  'connection-timeout': 'timeout',
};

function endOf(body: XmlElement): PrebindError {
  const failure = childOf(body, 'failure', NS.sasl) ?? childOf(body, 'failure', NS.sasl2);
  if (failure !== undefined) return failureOf(failure);
  const error = childOf(body, 'error', NS.streams);
  const streamCondition = error === undefined ? undefined : elementsOf(error).find(({ ns }) => ns === NS.streamErrors);
  const condition = body.attributes.get('condition') ?? 'none';
  const code = STREAM_ERRORS[streamCondition?.name ?? ''] ?? CONDITIONS[condition] ?? 'server-fault';
  return new PrebindError(code, `the session was ended: ${(streamCondition?.name ?? condition).slice(0, 60)}`);
}

/** RFC 6120 §6.5. */
const FAILURES: Readonly<Record<string, PrebindErrorCode>> = {
  'not-authorized': 'wrong-credentials',
  'credentials-expired': 'wrong-credentials',
  'invalid-authzid': 'wrong-credentials',
  'account-disabled': 'account-disabled',
  'temporary-auth-failure': 'temporary',
  'invalid-mechanism': 'no-mechanism',
  'mechanism-too-weak': 'no-mechanism',
  'encryption-required': 'no-mechanism',
};

/** Why a server refused a login. */
export function failureOf(element: XmlElement): PrebindError {
  const condition = elementsOf(element).find(({ name }) => name !== 'text')?.name ?? 'no reason given';
  return new PrebindError(FAILURES[condition] ?? 'server-fault', condition.slice(0, 60));
}

/** RFC 6120 §7.7. */
const BIND_ERRORS: Readonly<Record<string, PrebindErrorCode>> = {
  conflict: 'conflict',
  'bad-request': 'bad-request',
  'resource-constraint': 'temporary',
};

/** Why a server refused to bind a resource. */
export function bindErrorOf(iq: XmlElement): PrebindError {
  const error = childOf(iq, 'error');
  const condition = error === undefined ? undefined : elementsOf(error).find(({ ns }) => ns === NS.stanzaErrors)?.name;
  return new PrebindError(BIND_ERRORS[condition ?? ''] ?? 'server-fault', `bind: ${condition ?? 'refused'}`);
}
