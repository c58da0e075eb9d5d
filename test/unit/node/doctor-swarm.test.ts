import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSwarm } from '../../../node/doctor/swarm.ts';
import type { PeerFinding } from '../../../src/net/dial-back.ts';

const addrs = ['/ip4/10.0.0.2/tcp/4007/p2p/x'];
const status = { reachability: 'behind-nat', addrs, otherVersions: [] };
const found = (reached: boolean, skewMs = 0): PeerFinding => {
  return { peer: 'p', failure: null, skewMs, results: [{ address: addrs[0]!, reached }] };
};
const statusOf = (findings: PeerFinding[], name: string) =>
  checkSwarm(status, findings).find((check) => check.name === name);

test('one peer that reached it is enough, and is said where', () => {
  const check = statusOf([found(false), found(true)], 'reachability');
  assert.equal(check?.status, 'ok');
  assert.match(check?.detail ?? '', /1 of 2 peers reached it at \/ip4\/10.0.0.2\/tcp\/4007$/);
});

test('nobody reached it: which port to forward; nobody to ask: no more than that', () => {
  const vain = statusOf([found(false), { peer: 'q', failure: 'gone' }], 'reachability');
  assert.equal(vain?.status, 'warning');
  assert.match(vain?.advice ?? '', /port 4007 .*--announce/);
  assert.match(statusOf([], 'reachability')?.detail ?? '', /no peer is connected/);
  const silent = statusOf([{ peer: 'q', failure: 'gone' }], 'reachability');
  assert.match(silent?.detail ?? '', /none of 1 peers answered/);
  assert.equal(statusOf([], 'clock of the swarm'), undefined);
});

test('the clock is judged by the middle peer', () => {
  const skew = (...skews: number[]) =>
    statusOf(
      skews.map((ms) => found(true, ms)),
      'clock of the swarm',
    );
  assert.equal(skew(10, 200_000, -50)?.status, 'ok');
  assert.equal(skew(-11_000, -12_000, 0)?.status, 'warning');
  const far = skew(121_000, 122_000, 0);
  assert.equal(far?.status, 'problem');
  assert.match(far?.detail ?? '', /121.0 s ahead of 3 peers/);
  assert.match(far?.advice ?? '', /timedatectl/);
});

test('newer peers call for an upgrade, older ones for nothing', () => {
  const versions = (version: number) =>
    checkSwarm({ ...status, otherVersions: [{ peer: 'p', version }] }, []).find(
      ({ name }) => name === 'protocol',
    );
  assert.match(versions(2)?.advice ?? '', /upgrade/);
  assert.equal(versions(0), undefined);
});
