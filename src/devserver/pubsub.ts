import { randomId } from '../core/id.ts';
import type { Account } from './account.ts';
import { childrenOf, element, StanzaFault, treeOf, withAttributes, type Child } from './stanza.ts';
import type { XmlElement } from '../xml/tree.ts';

export const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
export const NS_PUBSUB_OWNER = `${NS_PUBSUB}#owner`;
const MOST_NODES = 100;
const MOST_ITEMS = 100;

/**
 * Personal eventing (XEP-0163) as far as clients must have it to go on: items are kept and given out to everybody, whatever
 * access a node's configuration asks for; nobody is notified.
 */
export function getPubsub(account: Account, payload: Child): string {
  const [request] = childrenOf(payload.xml);
  if (request?.name !== 'items') throw new StanzaFault('service-unavailable');
  const tree = treeOf(request);
  const name = tree.attributes.get('node') ?? '';
  const items = account.nodes.get(name);
  if (items === undefined) throw new StanzaFault('item-not-found');
  const wanted = childrenOf(request.xml).map((item) => treeOf(item).attributes.get('id') ?? '');
  const most = Number(tree.attributes.get('max_items') ?? MOST_ITEMS);
  const found =
    wanted.length > 0 ? wanted.map((id) => items.get(id) ?? '') : most >= 1 ? [...items.values()].slice(-most) : [];
  return wrap(element('items', { node: name }, found.join('')));
}

export function setPubsub(account: Account, payload: Child): string {
  const [request] = childrenOf(payload.xml);
  if (request === undefined) throw new StanzaFault('bad-request');
  const tree = treeOf(request);
  const name = tree.attributes.get('node') ?? '';
  if (name === '') throw new StanzaFault('bad-request');
  switch (request.name) {
    case 'create':
    case 'configure':
      nodeOf(account, name);
      return '';
    case 'publish':
      return publish(nodeOf(account, name), name, request);
    case 'retract':
      return retract(account, name, tree);
    case 'delete':
    case 'purge':
      if (!account.nodes.has(name)) throw new StanzaFault('item-not-found');
      if (request.name === 'delete') account.nodes.delete(name);
      else account.nodes.set(name, new Map());
      return '';
    default:
      throw new StanzaFault('service-unavailable');
  }
}

function wrap(content: string): string {
  return element('pubsub', { xmlns: NS_PUBSUB }, content);
}

/** Made on first use, as PEP nodes are (XEP-0163 §3). */
function nodeOf(account: Account, name: string): Map<string, string> {
  let items = account.nodes.get(name);
  if (items === undefined) {
    if (account.nodes.size >= MOST_NODES) throw new StanzaFault('resource-constraint');
    items = new Map();
    account.nodes.set(name, items);
  }
  return items;
}

function publish(items: Map<string, string>, node: string, request: Child): string {
  const answers = childrenOf(request.xml).map((item) => {
    const id = treeOf(item).attributes.get('id') ?? randomId();
    items.delete(id);
    items.set(id, withAttributes(item.xml, { id }));
    return element('item', { id });
  });
  for (const oldest of [...items.keys()].slice(0, Math.max(0, items.size - MOST_ITEMS))) items.delete(oldest);
  return wrap(element('publish', { node }, answers.join('')));
}

function retract(account: Account, name: string, tree: XmlElement): string {
  const items = account.nodes.get(name);
  for (const item of tree.children) {
    if (typeof item === 'string') continue;
    if (items?.delete(item.attributes.get('id') ?? '') !== true) throw new StanzaFault('item-not-found');
  }
  return '';
}
