import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { equalBytes } from '../../../src/base/bytes.ts';
import type { BlobStore } from '../../../src/base/ports.ts';
import { fetchBlob, fetchPieces, fetchRanges } from '../../../src/blob/fetch.ts';
import { fetchBlobs } from '../../../src/blob/fetch-small.ts';
import { decodeBlobRequest, encodeBlobRequest } from '../../../src/blob/protocol.ts';
import { serveBlobs } from '../../../src/blob/serve.ts';
import { blobRoot, LEAF_BYTES } from '../../../src/blob/tree.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import type { SimNetwork } from '../../../src/sim/sim-network.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { blob } from '../../conformance/blob-store.ts';
import { startLab } from '../../support/lab.ts';

type Reader = Pick<BlobStore, 'size' | 'part' | 'read' | 'leaves'>;

/** A hub, a fetching peer, and holders of the given stores. */
function world(...stores: Reader[]) {
  const hub = new SimHub();
  const fetcher = hub.join();
  const holders: SimNetwork[] = stores.map((store) => {
    const network = hub.join();
    serveBlobs({ network, store });
    return network;
  });
  return { hub, fetcher, holders, ids: holders.map(({ self }) => self) };
}

async function storeOf(...contents: Uint8Array[]): Promise<MemoryBlobStore> {
  const store = new MemoryBlobStore();
  await store.putMany(contents);
  return store;
}

const refOf = (content: Uint8Array) => ({ root: blobRoot(content), bytes: content.length });

/** Compared by hand: the report of a failing deepEqual over megabytes takes for ever. */
function assertSame(got: Uint8Array | undefined, expected: Uint8Array): void {
  assert.equal(got?.length, expected.length);
  assert.ok(equalBytes(got!, expected), 'same length, other bytes');
}

/** Passes everything through except what a test replaces. */
function bent(store: Reader, change: Partial<Reader>): Reader {
  return {
    size: (root) => store.size(root),
    read: (root, offset, length) => store.read(root, offset, length),
    part: (root) => store.part(root),
    leaves: (root) => store.leaves(root),
    ...change,
  };
}

describe('blob exchange', () => {
  it('fetches any ranges of any blob, exactly', async () => {
    const content = blob(9 * LEAF_BYTES + 1234);
    const { fetcher, ids } = world(await storeOf(content));
    const range = fc
      .tuple(fc.nat(content.length), fc.nat(3 * LEAF_BYTES))
      .map(([offset, length]) => ({ offset, length: Math.min(length, content.length - offset) }));
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), async (ranges) => {
        const source = { holders: ids, ref: refOf(content) };
        const got = await fetchRanges(fetcher, source, ranges);
        assert.equal(got.length, ranges.length);
        for (const [i, { offset, length }] of ranges.entries()) {
          assertSame(got[i], content.subarray(offset, offset + length));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('fetches whole blobs of every size around a leaf and a piece', async () => {
    for (const bytes of [0, 1, LEAF_BYTES, LEAF_BYTES + 1, 4 * LEAF_BYTES, 4 * LEAF_BYTES + 1]) {
      const content = blob(bytes);
      const { fetcher, ids } = world(await storeOf(content));
      const got = await fetchBlob(fetcher, { holders: ids, ref: refOf(content) });
      assertSame(got, content);
    }
  });

  it('takes nothing but needed leaves', async () => {
    const content = blob(20 * LEAF_BYTES);
    let bytesRead = 0;
    const store = await storeOf(content);
    const counting = bent(store, {
      read: (root, offset, length) => {
        bytesRead += length;
        return store.read(root, offset, length);
      },
    });
    const { fetcher, ids } = world(counting);
    const ranges = [
      { offset: 5 * LEAF_BYTES + 7, length: 2 },
      { offset: 12 * LEAF_BYTES, length: LEAF_BYTES + 1 },
    ];
    await fetchRanges(fetcher, { holders: ids, ref: refOf(content) }, ranges);
    assert.equal(bytesRead, 3 * LEAF_BYTES);
  });

  it('penalises a tampered leaf and goes on with the next holder where it was', async () => {
    const content = blob(12 * LEAF_BYTES + 9);
    const store = await storeOf(content);
    const read: string[] = [];
    const watched = (name: string, tamperFrom: number) =>
      bent(store, {
        read: async (root, offset, length) => {
          read.push(`${name} ${offset / LEAF_BYTES}`);
          const bytes = await store.read(root, offset, length);
          if (offset >= tamperFrom) bytes![length - 1]! ^= 1;
          return bytes;
        },
      });
    const { fetcher, ids } = world(watched('liar', 4 * LEAF_BYTES), watched('good', Infinity));
    const got = await fetchBlob(fetcher, { holders: ids, ref: refOf(content) });
    assertSame(got, content);
    assert.deepEqual(read.slice(0, 2), ['liar 0', 'liar 4']);
    assert.deepEqual(
      read.filter((line) => line.startsWith('good')),
      ['good 4', 'good 8', 'good 12'],
    );
    assert.deepEqual(fetcher.penalties, [
      { peer: ids[0], penalty: 'reject', reason: 'blob-wrong-leaf' },
    ]);
  });

  it('refuses wrong leaf hashes, wrong lengths and short answers', async () => {
    const content = blob(6 * LEAF_BYTES);
    const store = await storeOf(content);
    const lies: [string, Partial<Reader>][] = [
      ['blob-wrong-leaf-hashes', { leaves: async () => new Uint8Array(6 * 32) }],
      ['blob-malformed-answer', { leaves: async () => new Uint8Array(5 * 32) }],
      ['blob-wrong-leaf', { read: async (_root, _offset, length) => new Uint8Array(length - 1) }],
      ['blob-wrong-leaf', { read: async (_root, _offset, length) => new Uint8Array(length + 1) }],
    ];
    for (const [reason, change] of lies) {
      const { fetcher, ids } = world(bent(store, change));
      const fetching = fetchBlob(fetcher, { holders: ids, ref: refOf(content) });
      await assert.rejects(fetching, { code: 'BLOB_UNAVAILABLE' });
      assert.deepEqual(
        fetcher.penalties.map((penalty) => penalty.reason),
        [reason],
      );
    }
    const { hub, fetcher } = world();
    const mute = hub.join();
    mute.handle('blob', {
      stream: async function* () {
        yield Uint8Array.of(1);
      },
    });
    const fetching = fetchBlob(fetcher, { holders: [mute.self], ref: refOf(content) });
    await assert.rejects(fetching, { code: 'BLOB_UNAVAILABLE' });
    assert.equal(fetcher.penalties[0]?.reason, 'blob-answer-too-short');
  });

  it('resumes after a cut at the next holder, and at the same one when it is back', async () => {
    const content = blob(10 * LEAF_BYTES);
    const store = await storeOf(content);
    const read: number[] = [];
    let cut: (() => void) | undefined;
    const cutting = bent(store, {
      read: (root, offset, length) => {
        read.push(offset / LEAF_BYTES);
        if (offset === 8 * LEAF_BYTES) cut?.();
        return store.read(root, offset, length);
      },
    });
    const { hub, fetcher, ids } = world(cutting);
    cut = () => {
      hub.cut(fetcher.self, ids[0]!);
      hub.heal(fetcher.self, ids[0]!);
      cut = undefined;
    };
    const got = await fetchBlob(fetcher, { holders: ids, ref: refOf(content) });
    assertSame(got, content);
    // The piece of leaf 8 is read ahead while that of leaf 4 is on its way and is lost.
    assert.deepEqual(read, [0, 4, 8, 4, 8]);
    assert.deepEqual(fetcher.penalties, []);
  });

  it('asks the next when one does not hold it, without blame, and says who failed', async () => {
    const content = blob(100);
    const { fetcher, ids } = world(await storeOf(), await storeOf(content));
    assertSame(await fetchBlob(fetcher, { holders: ids, ref: refOf(content) }), content);
    assert.deepEqual(fetcher.penalties, []);
    const other = refOf(blob(100, 2));
    await assert.rejects(fetchBlob(fetcher, { holders: ids, ref: other }), (cause: Error) => {
      const { data } = cause as unknown as { data: { failures: { peer: string; code: string }[] } };
      assert.deepEqual(
        data.failures,
        ids.map((peer) => ({ peer, code: 'PEER_REFUSED' })),
      );
      return true;
    });
    // A right root with a wrong size is another blob.
    const lying = { ...refOf(content), bytes: 101 };
    const fetching = fetchBlob(fetcher, { holders: ids, ref: lying });
    await assert.rejects(fetching, { code: 'BLOB_UNAVAILABLE' });
    const absurd = { ...refOf(content), bytes: 2 ** 52 };
    await assert.rejects(fetchBlob(fetcher, { holders: ids, ref: absurd }));
    await assert.rejects(fetchBlob(fetcher, { holders: [], ref: refOf(content) }));
  });

  it('rejects ranges outside the blob and stops with the caller', async () => {
    const content = blob(5 * LEAF_BYTES);
    const { fetcher, ids } = world(await storeOf(content));
    const source = { holders: ids, ref: refOf(content) };
    for (const range of [
      { offset: -1, length: 1 },
      { offset: 0, length: content.length + 1 },
      { offset: 1.5, length: 1 },
    ]) {
      await assert.rejects(fetchRanges(fetcher, source, [range]), { code: 'BAD_PARAMETER' });
    }
    const signal = AbortSignal.abort();
    await assert.rejects(fetchBlob(fetcher, source, { signal }), { code: 'INTERRUPTED' });
  });
});

describe('small blobs', () => {
  it('come by thousands in one exchange, in order, equal ones once', async () => {
    const contents = Array.from({ length: 3000 }, (_, i) => blob(i % 100, (i % 1500) + 1));
    contents.push(blob(3 * LEAF_BYTES), new Uint8Array(0), blob(LEAF_BYTES));
    const { fetcher, ids, holders } = world(await storeOf(...contents));
    assert.equal(holders.length, 1);
    const got = await fetchBlobs(fetcher, ids, contents.map(refOf));
    assert.equal(got.length, contents.length);
    for (const [i, content] of contents.entries()) assertSame(got[i], content);
    assert.deepEqual(await fetchBlobs(fetcher, ids, []), []);
  });

  it('are completed from several holders, past one that lies', async () => {
    const contents = Array.from({ length: 100 }, (_, i) => blob(200, i + 1));
    const liar = await storeOf(...contents);
    const lying = bent(liar, {
      read: async (root, offset, length) => {
        const bytes = await liar.read(root, offset, length);
        if (bytes && Buffer.from(root).equals(blobRoot(contents[60]!))) bytes[0]! ^= 1;
        return bytes;
      },
    });
    const { fetcher, ids } = world(
      await storeOf(...contents.slice(0, 50)),
      lying,
      await storeOf(...contents.slice(60)),
    );
    assert.deepEqual(await fetchBlobs(fetcher, ids, contents.map(refOf)), contents);
    assert.deepEqual(
      fetcher.penalties.map(({ peer, reason }) => [peer, reason]),
      [[ids[1], 'blob-wrong-small-blob']],
    );
    const missing = contents.map(refOf).concat(refOf(blob(7, 7777)));
    await assert.rejects(fetchBlobs(fetcher, ids, missing), { code: 'BLOB_UNAVAILABLE' });
  });

  it('are refused when an answer has the wrong form', async () => {
    const refs = [refOf(blob(5, 1)), refOf(blob(5, 2))];
    for (const pieces of [
      [new Uint8Array(0)],
      [Uint8Array.of(0, 0, 0)],
      [Uint8Array.of(0, 0, 0, 9, 1)],
      [new Uint8Array(12)],
      [new Uint8Array(4)],
    ]) {
      const { hub, fetcher } = world();
      const bad = hub.join();
      bad.handle('blob', { request: async () => pieces[0]! });
      const fetching = fetchBlobs(fetcher, [bad.self], refs);
      await assert.rejects(fetching, { code: 'BLOB_UNAVAILABLE' });
      assert.equal(fetcher.penalties.length, 1);
    }
  });
});

describe('blob requests', () => {
  const root = new Uint8Array(32);
  const leaves = (runs: number[], bytes = 10 * LEAF_BYTES) =>
    encodeBlobRequest({ v: 1, kind: 'leaves', root, bytes, hashes: true, runs });

  it('are refused when runs are disordered, empty, outside or too many', () => {
    assert.ok(decodeBlobRequest(leaves([0, 2, 2, 1, 9, 1])).ok);
    for (const runs of [[0], [0, 0], [3, 1, 2, 1], [0, 2, 1, 1], [9, 2], [10, 1]]) {
      assert.ok(!decodeBlobRequest(leaves(runs)).ok, String(runs));
    }
    const many = Array.from({ length: 2050 }, (_, i) => (i % 2 === 0 ? i : 1));
    assert.ok(!decodeBlobRequest(leaves(many, 2 ** 36)).ok);
    assert.ok(!decodeBlobRequest(leaves([0, 1], 2 ** 36 + 1)).ok);
  });

  it('that are malformed are penalised by the holder', async () => {
    const { fetcher, holders, ids } = world(await storeOf());
    const read = async () => {
      for await (const piece of fetcher.openStream(ids[0]!, 'blob', Uint8Array.of(1, 2, 3))) {
        assert.fail(`${piece.length} bytes`);
      }
    };
    await assert.rejects(read, { code: 'PEER_REFUSED' });
    assert.equal(holders[0]!.penalties[0]?.penalty, 'reject');
  });

  it('decode arbitrary bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeBlobRequest(bytes);
      }),
    );
  });
});

describe('blobs over real streams', { timeout: 30_000 }, () => {
  it('move 64 MiB with little of it in memory on either side', async (t) => {
    const lab = await startLab(2);
    t.after(() => lab.stop());
    const [holder, fetcher] = lab.hosts.map(({ network }) => network);
    const leaf = blob(LEAF_BYTES);
    const leafTotal = 1024;
    const content = new Uint8Array(leafTotal * LEAF_BYTES);
    for (let i = 0; i < leafTotal; i++) content.set(leaf, i * LEAF_BYTES);
    const store = await storeOf(content);
    let read = 0;
    const counting = bent(store, {
      read: (root, offset, length) => {
        read = Math.max(read, offset + length);
        return store.read(root, offset, length);
      },
    });
    serveBlobs({ network: holder!, store: counting });
    const source = { holders: [holder!.self], ref: refOf(content) };
    const all = [{ first: 0, count: leafTotal }];
    let taken = 0;
    let aheadMax = 0;
    for await (const piece of fetchPieces(fetcher!, source, all)) {
      taken += piece.content.length;
      aheadMax = Math.max(aheadMax, read - taken);
    }
    assert.equal(taken, content.length);
    assert.ok(aheadMax < 16 * 2 ** 20, `${aheadMax} bytes were in flight at once`);
  });
});
