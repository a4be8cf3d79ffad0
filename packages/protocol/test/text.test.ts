// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { cutText, EnarxError, printable, quotedText } from '@enarx/protocol';

describe('text of others', () => {
  test('is cut at a number of bytes and never within a character', () => {
    assert.equal(cutText('añb', 2), 'a');
    assert.equal(cutText('añb', 3), 'añ');
    assert.equal(cutText('a\ud800', 9), 'a\ufffd');
  });

  test('cannot command a terminal, forge a line or turn the direction of writing', () => {
    assert.equal(
      quotedText('a\u001b[2Jb\nc\u202ed\u2028e\u0085', 100),
      'a\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{2028}e\\u{85}',
    );
    assert.equal(quotedText('Zoë 測試 👩', 100), 'Zoë 測試 👩');
  });

  test('has no character in it that is private, unassigned or half of one', () => {
    assert.equal(printable('a\ue000b\u0378c\ud800'), 'a\\u{e000}b\\u{378}c\\u{d800}');
    assert.equal(printable('plain'), 'plain');
  });

  test('says that it was cut', () => {
    assert.equal(quotedText('abcdef', 3), 'abc…');
    assert.equal(quotedText('abc', 3), 'abc');
  });

  test('is quoted so in every error', () => {
    const definition = { kind: 'malformed', status: 400, title: 'No', mend: 'Mend it.' } as const;
    const error = new EnarxError('a/b', definition, { found: '\u0007', expected: 'x'.repeat(5000) });
    assert.equal(error.found, '\\u{7}');
    assert.equal(error.expected, `${'x'.repeat(1024)}…`);
    assert.equal(error.message, `No; found \\u{7}; expected ${'x'.repeat(1024)}…`);
  });
});
