import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerIdOf } from '../../../src/base/ids.ts';
import { signCadreEntry } from '../../../src/job/build-plan.ts';
import type { CadreEntry } from '../../../src/job/plan.ts';
import { planIdOf } from '../../../src/job/plan.ts';
import { convene } from '../../../src/roles/convene.ts';
import {
  decodeMessage,
  encodeMessage,
  jobRequestShape,
  refusedAnswer,
} from '../../../src/roles/job-messages.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { makePackage, signerNamed, unwrap } from '../../support/job-factory.ts';

type Bend = Partial<CadreEntry> & {
  /** Signed like this, honestly, by the candidate. */
  readonly signed?: { readonly seat?: number; readonly key?: Uint8Array };
};
type Candidate = 'takes' | 'away' | 'silent' | 'refuses' | 'garbage' | Bend;

/** Candidates by rank, four seats, a window of six. */
function world(candidates: readonly Candidate[]) {
  const { package: draft } = makePackage({ nodes: 8, shards: 1 });
  const planId = planIdOf(draft.plan);
  const clock = new VirtualClock();
  const hub = new SimHub({ clock });
  const network = hub.join();
  const asked: number[] = [];
  const order = candidates.map((behaviour, rank) => {
    const signer = signerNamed(`candidate ${rank}`);
    if (behaviour === 'away') return signer.nodeId;
    hub.join(signer.peerId).handle('job', {
      request: async (_, body) => {
        const request = unwrap(decodeMessage(body, jobRequestShape));
        assert.ok(request.t === 'convene');
        asked.push(rank);
        if (behaviour === 'silent') return new Promise<never>(() => {});
        if (behaviour === 'refuses') return refusedAnswer('busy');
        if (behaviour === 'garbage') return Uint8Array.of(1, 2, 3);
        const { signed = {}, ...bend } = behaviour === 'takes' ? {} : behaviour;
        const { seat = request.seat, key = signerNamed(`plan key ${rank}`).publicKey } = signed;
        const bent = { ...signCadreEntry(signer, planId, seat, key), ...bend };
        return encodeMessage({ t: 'entry', entry: bent });
      },
    });
    return signer.nodeId;
  });
  const seat = (seats = 4) =>
    clock.run(convene({ network }, { planId, draft, order, seats, timeoutMs: 3_000 }));
  return { seat, asked, order };
}

const ranksOf = (entries: readonly CadreEntry[], order: readonly Uint8Array[]) =>
  entries.map(({ node }) => order.findIndex((other) => peerIdOf(other) === peerIdOf(node)));

test('the first ranks sit, each in its own seat', async () => {
  const { seat, order, asked } = world(Array(8).fill('takes'));
  const { entries, skipped } = await seat();
  assert.deepEqual(ranksOf(entries, order), [0, 1, 2, 3]);
  assert.deepEqual(
    entries.map((entry) => entry.seat),
    [0, 1, 2, 3],
  );
  assert.deepEqual([skipped, asked.length], [[], 4]);
});

for (const problem of ['away', 'silent', 'refuses', 'garbage'] as const) {
  test(`who is not to be had (${problem}) leaves the seat to the next rank`, async () => {
    const { seat, order } = world(['takes', problem, 'takes', 'takes', problem, 'takes', 'takes']);
    const { entries, skipped, reasons } = await seat();
    assert.deepEqual(ranksOf(entries, order), [0, 5, 2, 3]);
    assert.deepEqual([skipped, reasons.length], [[1, 4], 2]);
  });
}

const bentEntries: readonly [string, Bend][] = [
  ['another seat', { signed: { seat: 3 } }],
  ['another node', { node: signerNamed('candidate 5').nodeId }],
  ['a key that nobody signed', { key: signerNamed('other').publicKey }],
  ['a key of small order', { signed: { key: Uint8Array.of(1, ...new Uint8Array(31)) } }],
  ['a signature of nothing', { signature: new Uint8Array(64) }],
];
for (const [what, bend] of bentEntries) {
  test(`an entry with ${what} is none`, async () => {
    const { seat, order } = world(['takes', bend, 'takes', 'takes', 'takes']);
    const { entries, skipped } = await seat();
    assert.deepEqual([ranksOf(entries, order), skipped], [[0, 4, 2, 3], [1]]);
  });
}

test('beyond the window nobody is asked, and the cadre is refused', async () => {
  const { seat, asked } = world([
    'takes',
    'away',
    'away',
    'away',
    'takes',
    'takes',
    'takes',
    'takes',
  ]);
  await assert.rejects(seat(), (error: { code: string; data: { reasons: string[] } }) => {
    assert.deepEqual([error.code, error.data.reasons.length], ['CADRE_REFUSED', 3]);
    return true;
  });
  assert.deepEqual(asked.toSorted(), [0, 4, 5]);
});

test('too few candidates for the seats: nobody is asked', async () => {
  const { seat, asked } = world(['takes', 'takes']);
  await assert.rejects(seat(), { code: 'CADRE_REFUSED' });
  assert.deepEqual(asked, []);
});
