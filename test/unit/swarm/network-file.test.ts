import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUILT_IN_NETWORKS, parseNetworkFile } from '../../../src/swarm/network-file.ts';
import { schemaOf, schemaProblems } from '../../support/json-schema.ts';

const peer = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN';
const least = { v: 1, name: 'n', id: 'n' };
const full = {
  v: 1,
  name: 'A lab',
  id: 'lab-1.x',
  bootstrap: [`/ip4/127.0.0.1/tcp/4001/p2p/${peer}`, `/dns4/a.example/tcp/1/p2p/${peer}`],
  admission: { kind: 'open', bits: 20 },
  members: [peer],
  policy: { replicas: 1, quorum: 1, cadre: 0 },
};

test('a network file comes back with its defaults filled in', () => {
  assert.deepEqual(parseNetworkFile(JSON.stringify(least)), {
    ok: true,
    value: { ...least, bootstrap: [], admission: { kind: 'none' }, policy: {} },
  });
  assert.deepEqual(parseNetworkFile(JSON.stringify(full)), { ok: true, value: full });
});

test('every malformed key is refused by name, and by the published schema', () => {
  const schema = schemaOf('network');
  const bad: [unknown, RegExp][] = [
    [{ ...least, v: 2 }, /`v`/],
    [{ ...least, name: '' }, /`name`/],
    [{ ...least, id: 'Upper' }, /`id`/],
    [{ ...least, id: '../x' }, /`id`/],
    [{ ...least, bootstrap: 'x' }, /`bootstrap`/],
    [{ ...least, bootstrap: ['/ip4/127.0.0.1/tcp/4001'] }, /does not end in/],
    [{ ...least, bootstrap: Array(65).fill(full.bootstrap[0]) }, /at most 64/],
    [{ ...least, members: ['x'] }, /`members`/],
    [{ ...least, admission: { kind: 'closed' } }, /`admission`/],
    [{ ...least, admission: { kind: 'open', bits: 41 } }, /`admission.bits`/],
    [{ ...least, admission: { kind: 'none', bits: 1 } }, /`admission`/],
    [{ ...least, policy: { cadre: -1 } }, /`policy.cadre`/],
    [{ ...least, policy: { cadres: 1 } }, /policy.cadres/],
    [{ ...least, extra: 1 }, /`extra`/],
    [[], /object/],
  ];
  for (const [value, detail] of bad) {
    const parsed = parseNetworkFile(JSON.stringify(value));
    assert.ok(!parsed.ok, JSON.stringify(value));
    assert.match(parsed.detail ?? '', detail);
    assert.notEqual(schemaProblems(schema, value).length, 0, `schema: ${JSON.stringify(value)}`);
  }
  assert.equal(parseNetworkFile('{').ok, false);
  assert.equal(parseNetworkFile(' '.repeat(65_537)).ok, false);
});

test('good files and the built-in networks fit the published schema', () => {
  for (const network of [least, full, ...Object.values(BUILT_IN_NETWORKS)]) {
    assert.deepEqual(schemaProblems(schemaOf('network'), network), []);
  }
});
