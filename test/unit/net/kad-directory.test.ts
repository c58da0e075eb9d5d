import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateSigner } from '../../../src/crypto/node/keys.ts';
import {
  bucketOf,
  CLASS_BUCKETS,
  classKey,
  type KadDirectory,
} from '../../../src/net/kad-directory.ts';
import { startLab } from '../../support/lab.ts';

async function found(directory: KadDirectory, what: string, max = 100): Promise<string[]> {
  const peers: string[] = [];
  for await (const hint of directory.find(what, { max })) {
    assert.ok(hint.addresses.length > 0);
    peers.push(hint.peer);
  }
  return peers;
}

describe('class keys', () => {
  it('separate networks, classes and buckets', () => {
    const keys = [
      classKey('n', 'cpu/avx2', 0),
      classKey('n', 'cpu/avx2', 1),
      classKey('m', 'cpu/avx2', 0),
      classKey('n', 'cpu/avx', 0),
      classKey('nc', 'pu/avx2', 0),
    ].map(String);
    assert.equal(new Set(keys).size, keys.length);
    assert.equal(keys[0], classKey('n', 'cpu/avx2', 0).toString());
  });

  it('spread nodes over all buckets', () => {
    const used = new Set<number>();
    for (let i = 0; i < 200; i++) used.add(bucketOf(generateSigner().nodeId));
    assert.equal(used.size, CLASS_BUCKETS);
    assert.ok([...used].every((bucket) => bucket < CLASS_BUCKETS));
  });
});

describe('directory', { timeout: 30_000 }, () => {
  it('announces and finds alone, without waiting', async (t) => {
    const lab = await startLab(1);
    t.after(() => lab.stop());
    const { directory } = lab.hosts[0]!;
    await directory.announce(['cpu/avx2']);
    assert.deepEqual(await found(directory, 'cpu/avx2'), []);
  });

  it('leads five nodes and a client to each other', async (t) => {
    const lab = await startLab(5);
    t.after(() => lab.stop());
    const nodes = lab.hosts.slice();
    await Promise.all(
      nodes.map(({ directory }, i) => directory.announce(i < 3 ? ['common', 'rare'] : ['common'])),
    );
    const ids = nodes.map(({ network }) => network.self);
    for (const [i, { directory }] of nodes.entries()) {
      const others = ids.filter((id) => id !== ids[i]);
      assert.deepEqual((await found(directory, 'common')).sort(), others.sort());
    }
    const client = await lab.add({ listen: [], server: false });
    assert.deepEqual((await found(client.directory, 'rare')).sort(), ids.slice(0, 3).sort());
    assert.deepEqual(await found(client.directory, 'nobody has this'), []);
    assert.equal((await found(client.directory, 'common', 2)).length, 2);
  });

  it('tells a late comer what was announced while alone', async (t) => {
    const lab = await startLab(1);
    t.after(() => lab.stop());
    const [first] = lab.hosts;
    await first!.directory.announce(['cpu/avx2']);
    const late = await lab.add();
    assert.deepEqual(await found(late.directory, 'cpu/avx2'), [first!.network.self]);
  });

  it('waits for the routing table of a client that has only just connected', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const ids = lab.hosts.map(({ network }) => network.self);
    for (const { directory } of lab.hosts) await directory.announce(['cpu/avx2']);
    const bootstrap = lab.hosts[0]!.network.addresses();
    const client = await lab.add({ listen: [], server: false, bootstrap });
    await new Promise((resolve) => client.libp2p.addEventListener('peer:connect', resolve));
    const peers = await found(client.directory, 'cpu/avx2');
    assert.deepEqual(peers.sort(), ids.sort());
  });

  it('stops with the caller and refuses absurd lists', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const { directory } = lab.hosts[1]!;
    const classes = Array.from({ length: 65 }, (_, i) => `class ${i}`);
    await assert.rejects(directory.announce(classes), { code: 'BAD_PARAMETER' });
    const find = async () => {
      for await (const hint of directory.find('x', { max: 1, signal: AbortSignal.abort() })) {
        assert.fail(hint.peer);
      }
    };
    await assert.rejects(find, { code: 'INTERRUPTED' });
    const announce = directory.announce(['x'], { signal: AbortSignal.abort() });
    await assert.rejects(announce, { code: 'INTERRUPTED' });
  });
});
