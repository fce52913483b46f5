import assert from 'node:assert/strict';
import test from 'node:test';
import {
  STOPS_IN_TEXT,
  afterCharacter,
  codePointAt,
  isChar,
  isNameChar,
  isNameStartChar,
  plainEnd,
  plainTextEnd,
  wholeCharacters,
} from '../../../src/xml/characters.ts';

/** As XML 1.0 §2.2 and §2.3 write them. */
const CHAR = /[\t\n\r -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const START =
  'A-Z_a-z\\xC0-\\xD6\\xD8-\\xF6\\xF8-\\u02FF\\u0370-\\u037D\\u037F-\\u1FFF\\u200C-\\u200D\\u2070-\\u218F\\u2C00-\\u2FEF\\u3001-\\uD7FF\\uF900-\\uFDCF\\uFDF0-\\uFFFD\\u{10000}-\\u{EFFFF}';
const NAME_START_CHAR = new RegExp(`[${START}]`, 'u');
const NAME_CHAR = new RegExp(`[${START}\\-.0-9\\xB7\\u0300-\\u036F\\u203F-\\u2040]`, 'u');

test('X-16, X-17, X-34: each code point belongs to the classes that XML 1.0 puts it in', () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) {
      assert.equal(isChar(code), false);
      continue;
    }
    const character = String.fromCodePoint(code);
    assert.equal(isChar(code), CHAR.test(character), code.toString(16));
    if (code < 0x80) continue;
    assert.equal(isNameStartChar(code), NAME_START_CHAR.test(character), code.toString(16));
    assert.equal(isNameChar(code), NAME_CHAR.test(character), code.toString(16));
  }
});

test('X-18: each character beyond ASCII is read as what it is, and is not read before all of it is there', () => {
  for (let code = 0x80; code <= 0x10ffff; code += code < 0x11000 ? 1 : 97) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const bytes = Buffer.from(String.fromCodePoint(code));
    if (!isChar(code)) {
      assert.throws(() => afterCharacter(bytes, 0, bytes.length), { code: 'not-well-formed' });
      continue;
    }
    assert.equal(afterCharacter(bytes, 0, bytes.length), bytes.length);
    assert.equal(codePointAt(bytes, 0, bytes.length), code);
    for (let end = 1; end < bytes.length; end++) assert.equal(wholeCharacters(bytes, end), 0);
    assert.equal(wholeCharacters(bytes, bytes.length), bytes.length);
  }
});

test('X-16: text read by words ends where text read by bytes does, wherever it lies', () => {
  const specials = Array.from("&<>\t\n\0\u001f %';=?@\u007f\u0080\u00ff", (character) => character.charCodeAt(0));
  for (let offset = 0; offset < 8; offset++) {
    for (let length = 0; length < 72; length++) {
      const buffer = new ArrayBuffer(offset + length + (length % 4));
      const bytes = new Uint8Array(buffer, offset, length).fill(0x61);
      const words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
      for (const special of specials) {
        for (const at of [length - 1, length >> 1, 33, 34, 35, 36].filter((at) => at >= 0 && at < length)) {
          bytes[at] = special;
          for (const start of [0, 1, 2, 3].filter((start) => start <= length)) {
            const expected = plainEnd(STOPS_IN_TEXT.inAny, bytes, start, length);
            assert.equal(plainTextEnd(words, bytes, start, length), expected);
          }
          bytes[at] = 0x61;
        }
      }
    }
  }
});

test('NSV-21: text is read on behind whole references to the five entities, wherever they lie in words, and to nothing else', () => {
  const words = new Int32Array(64);
  const bytes = Buffer.from(words.buffer);
  const whole = ['&lt;', '&gt;', '&amp;', '&quot;', '&apos;'];
  const others = ['&', '&l', '&lt', '&LT;', '&ltt;', '&am;', '&ampp;', '&apo;', '&quo;', '&nbsp;', '&#65;', '&;'];
  for (const reference of [...whole, ...others]) {
    for (let offset = 0; offset < 9; offset++) {
      for (const after of ['', 'b', '<', '&lt;', 'bcdefghi\n\tx>']) {
        const text = `${'a'.repeat(offset)}${reference}${after}`;
        bytes.fill(0x61).write(text);
        const behind = offset + reference.length;
        const found = plainTextEnd(words, bytes, 0, text.length);
        if (others.includes(reference)) assert.equal(found, offset, text);
        else if (after === '<') assert.equal(found, behind, text);
        else assert.equal(found, text.length - (after.endsWith('>') ? 1 : 0), text);
      }
    }
  }
});
