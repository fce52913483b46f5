import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Element, parseElement, stanzasOf } from '../../../src/compat/element.ts';

const MESSAGE =
  "<message xmlns='jabber:client' to='a@b' xml:lang='en'><body>5 &lt; 6 &amp; 7</body><x xmlns='urn:x' n:y='1' xmlns:n='urn:n'><n:z/></x></message>";

test('compat: an element is read and written without a loss', () => {
  const element = parseElement(MESSAGE);
  assert.equal(element.toString(), MESSAGE);
  assert.equal(element.clone().toString(), MESSAGE);
});

test('compat: an element answers as those of ltx do', () => {
  const element = parseElement(MESSAGE);
  assert.deepEqual([element.name, element.attrs['to'], element.attr('xml:lang')], ['message', 'a@b', 'en']);
  assert.equal(element.getChildText('body'), '5 < 6 & 7');
  assert.equal(element.getChildText('nothing'), null);
  const x = element.getChild('x', 'urn:x');
  assert.equal(x?.getNS(), 'urn:x');
  assert.equal(element.getChild('x', 'urn:other'), undefined);
  const z = x?.getChild('z', 'urn:n');
  assert.deepEqual([z?.name, z?.getName(), z?.getNS(), z?.root() === element], ['n:z', 'z', 'urn:n', true]);
  assert.equal(element.getChild('body')?.is('body', 'jabber:client'), true);
  assert.deepEqual(
    element.getChildElements().map(({ name }) => name),
    ['body', 'x'],
  );
});

test('compat: an element is built, changed and escaped', () => {
  const built = new Element('message', { to: 'a@b' }).c('body').t('<&>').up().c('x', 'urn:x').root();
  assert.equal(built.toString(), "<message to='a@b'><body>&lt;&amp;&gt;</body><x xmlns='urn:x'/></message>");
  built.attr('to', "it's");
  built.attr('id', '1');
  built.attr('id', null);
  built.remove('body');
  assert.equal(built.toString(), "<message to='it&apos;s'><x xmlns='urn:x'/></message>");
});

test('compat: what a program gives becomes stanzas: elements of anybody, or text', () => {
  const [message, presence] = stanzasOf("<message><body>x</body></message><presence xmlns='jabber:client'/>");
  assert.deepEqual([message?.name, message?.ns], ['message', 'jabber:client']);
  assert.match(message?.xml ?? '', /^<message xmlns='jabber:client'><body>/);
  assert.equal(presence?.name, 'presence');
  const [features] = stanzasOf({ toString: () => '<stream:features/>' });
  assert.deepEqual([features?.name, features?.ns], ['features', 'http://etherx.jabber.org/streams']);
  for (const wrong of ['text', '<a>', '</stream:stream><b/>', '<!-- x --><a/>', undefined]) {
    assert.throws(() => stanzasOf(wrong), { name: 'XmlError' }, String(wrong));
  }
});
