import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FROM_ONE_NEIGHBOUR_MAX,
  FROM_ONE_PLACE_MAX,
  isCrowded,
  placeOf,
} from '../../../src/net/crowding.ts';

test('a place is an IPv4 address or an IPv6 /64, however it is spelled', () => {
  assert.equal(placeOf('/ip4/8.8.8.8/tcp/1'), '8.8.8.8');
  assert.equal(placeOf('/ip6/::ffff:8.8.8.8/tcp/1'), '8.8.8.8');
  const spelled = ['2001:db8:0:1::5', '2001:0DB8:0000:0001:9:8:7:6', '2001:db8::1:0:0:0:1'];
  const places = spelled.map((host) => placeOf(`/ip6/${host}/tcp/1`));
  assert.deepEqual(new Set(places), new Set(['2001:db8:0:1']));
  assert.notEqual(placeOf('/ip6/2001:db8:0:2::5/tcp/1'), places[0]);
  for (const nowhere of [
    '/ip4/127.0.0.1/tcp/1',
    '/ip6/::1/tcp/1',
    '/dns4/example.org/tcp/1',
    '/ip4/8.8.8.8/tcp/1/p2p/x/p2p-circuit',
  ]) {
    assert.equal(placeOf(nowhere), undefined, nowhere);
  }
});

test('one place has its share, neighbours a larger one, this machine no limit', () => {
  const open = (host: string, count: number) =>
    Array.from({ length: count }, (_, port) => `/ip4/${host}/tcp/${port + 1}`);
  const crowd = [...open('8.8.8.8', FROM_ONE_PLACE_MAX - 1), ...open('9.9.9.9', 200)];
  assert.ok(!isCrowded('/ip4/8.8.8.8/tcp/9', crowd));
  assert.ok(isCrowded('/ip4/8.8.8.8/tcp/9', [...crowd, '/ip4/8.8.8.8/tcp/7']));
  assert.ok(!isCrowded('/ip4/10.0.0.1/tcp/9', open('10.0.0.1', FROM_ONE_NEIGHBOUR_MAX - 1)));
  assert.ok(isCrowded('/ip4/10.0.0.1/tcp/9', open('10.0.0.1', FROM_ONE_NEIGHBOUR_MAX)));
  assert.ok(!isCrowded('/ip4/127.0.0.1/tcp/9', open('127.0.0.1', 500)));
});
