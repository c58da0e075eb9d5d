import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandDnsaddrs } from '../../../src/net/dnsaddr.ts';

const [ONE, TWO] = [
  '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  '12D3KooWNLKi1zk5zjE4gNWXasAAHatgVZbqLBWySMnCR1RQAQt6',
];
const [first, second] = [`/ip4/45.9.0.1/tcp/1/p2p/${ONE}`, `/ip4/45.9.0.2/tcp/1/p2p/${TWO}`];

function expand(addresses: readonly string[], zone: Readonly<Record<string, string[][]>>) {
  const [failures, asked]: [string[], string[]] = [[], []];
  const resolve = async (name: string) => {
    asked.push(name);
    const records = zone[name];
    if (records === undefined) throw new Error('ENOTFOUND');
    return records;
  };
  const found = expandDnsaddrs(addresses, resolve, (name) => failures.push(name));
  return found.then((list) => ({ list, failures, asked }));
}

test('a name stands for its records, of one peer where it names one', async () => {
  const zone = {
    '_dnsaddr.a.example': [
      // A long record arrives in parts.
      [`dnsaddr=${first.slice(0, 20)}`, first.slice(20)],
      [`dnsaddr=${second}`],
      ['v=spf1 -all'],
      ['dnsaddr=/ip4/45.9.0.3/tcp/1'],
      ['dnsaddr=/dnsaddr/b.example'],
    ],
    '_dnsaddr.b.example': [[`dnsaddr=${second}`], ['dnsaddr=/dnsaddr/c.example']],
  };
  const all = await expand(['/dnsaddr/a.example', first, '/dnsaddr/none.example'], zone);
  assert.deepEqual(all.list.sort(), [first, second]);
  assert.deepEqual(all.failures, ['none.example']);
  assert.ok(!all.asked.includes('_dnsaddr.c.example'), 'no deeper than two names');
  const one = await expand([`/dnsaddr/a.example/p2p/${ONE}`], zone);
  assert.deepEqual(one.list, [first]);
});

test('a hostile zone costs a bounded number of answers and addresses', async () => {
  const many = Array.from({ length: 5_000 }, (_, index) => [
    `dnsaddr=/ip4/45.9.${index >> 8}.${index & 255}/tcp/1/p2p/${ONE}`,
  ]);
  const flood = await expand(['/dnsaddr/a.example'], { '_dnsaddr.a.example': many });
  assert.equal(flood.list.length, 32);
  const loops = Array.from({ length: 5_000 }, () => ['dnsaddr=/dnsaddr/a.example']);
  const loop = await expand(['/dnsaddr/a.example'], { '_dnsaddr.a.example': loops });
  assert.deepEqual([loop.list.length, loop.asked.length], [0, 65]);
});
