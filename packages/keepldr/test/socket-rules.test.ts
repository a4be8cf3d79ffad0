// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isPublicAddress, listenAddress, mayDial, parseSocketRule } from '../src/sockets/rules.ts';

test('nothing is allowed without a rule', () => {
  assert.equal(listenAddress([], { port: 80 }), undefined);
  assert.equal(mayDial([], { host: 'example.com', port: 443 }), undefined);
});

test('a rule for listening covers its address and its ports, and no others', () => {
  const rules = ['127.0.0.1:8000-8099', '[::1]:9000'];
  assert.equal(listenAddress(rules, { port: 8000 }), '127.0.0.1');
  assert.equal(listenAddress(rules, { port: 8099, address: 'LOCALHOST' }), undefined);
  assert.equal(listenAddress(rules, { port: 9000 }), '::1');
  assert.equal(listenAddress(rules, { port: 9000, address: '0:0:0:0:0:0:0:1' }), '::1');
  for (const asked of [
    { port: 7999 },
    { port: 8100 },
    { port: 0 },
    { port: 8000, address: '0.0.0.0' },
    { port: 9000, address: '127.0.0.1' },
  ])
    assert.equal(listenAddress(rules, asked), undefined, JSON.stringify(asked));
});

test('any free port is allowed where all ports are, and every address where a star says so', () => {
  assert.equal(listenAddress(['localhost:*'], { port: 0 }), '127.0.0.1');
  assert.equal(listenAddress(['*:*'], { port: 0 }), '::');
  assert.equal(listenAddress(['*:443'], { port: 443, address: '192.0.2.1' }), '192.0.2.1');
});

test('a rule for connections covers its name, however it is written, and its ports', () => {
  const rules = ['db.example:5432'];
  assert.equal(mayDial(rules, { host: 'DB.example.', port: 5432 }), 'anywhere');
  assert.equal(mayDial(rules, { host: 'db.example', port: 5433 }), undefined);
  assert.equal(mayDial(rules, { host: 'sub.db.example', port: 5432 }), undefined);
});

test('a star for connections means public addresses, unless another rule names the host', () => {
  assert.equal(mayDial(['*:443'], { host: 'example.com', port: 443 }), 'public');
  assert.equal(mayDial(['*:443', 'intranet:443'], { host: 'intranet', port: 443 }), 'anywhere');
});

test('addresses of this machine, its networks and its cloud are not public, in whatever notation', () => {
  for (const address of [
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    'fe80::1',
    'fc00::1',
    'ff02::1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::1',
    '2001:0:1::1',
  ])
    assert.equal(isPublicAddress(address), false, address);
  for (const address of ['1.1.1.1', '172.32.0.1', '2606:4700::1111'])
    assert.equal(isPublicAddress(address), true, address);
});

test('a rule that makes no sense is refused', () => {
  for (const rule of [
    '',
    '127.0.0.1',
    ':80',
    'host:',
    'host:70000',
    'host:9-8',
    'host:-',
    '::1:80',
    'a b:1',
    '[::1]',
  ])
    assert.throws(() => parseSocketRule(rule), { code: 'keepldr/socket-rule' }, rule);
});
