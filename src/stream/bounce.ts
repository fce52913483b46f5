import type { Stanza } from '../core/ports.ts';
import { READ_BEFORE } from '../xml/limits.ts';
import { NS } from '../xml/ns.ts';
import { parseTree } from '../xml/tree.ts';
import { attributes } from '../xml/write.ts';

/**
 * The answer to a stanza whose client is gone, so that its sender learns of it (XEP-0206 §7): messages come back as
 * recipient-unavailable, requests as service-unavailable. Undefined for what is never answered (RFC 6120 §8.3.1).
 */
export function bounce(stanza: Stanza): Stanza | undefined {
  return stanza.name === 'iq'
    ? answerTo(stanza, 'cancel', 'service-unavailable')
    : answerTo(stanza, 'wait', 'recipient-unavailable');
}

/** The answer to a stanza that a local rule does not let pass (RFC 6120 §8.3.3.12). */
export function refusalOf(stanza: Stanza): Stanza | undefined {
  return answerTo(stanza, 'modify', 'policy-violation');
}

function answerTo(stanza: Stanza, errorType: string, condition: string): Stanza | undefined {
  if (stanza.ns !== NS.client || (stanza.name !== 'message' && stanza.name !== 'iq')) return undefined;
  const values = parseTree(stanza.xml, READ_BEFORE).attributes;
  const type = values.get('type');
  const isRequest = type === 'get' || type === 'set';
  if (stanza.name === 'iq' ? !isRequest : type === 'error') return undefined;
  const head = attributes({ type: 'error', id: values.get('id'), to: values.get('from'), from: values.get('to') });
  const error = `<error type='${errorType}'><${condition} xmlns='${NS.stanzaErrors}'/></error>`;
  const xml = `<${stanza.name} xmlns='${NS.client}'${head}>${error}</${stanza.name}>`;
  return { xml, name: stanza.name, ns: NS.client, bytes: Buffer.byteLength(xml) };
}
