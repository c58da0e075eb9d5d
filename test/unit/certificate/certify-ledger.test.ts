import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, equalBytes } from '../../../src/base/bytes.ts';
import { accept } from '../../../src/base/verdict.ts';
import { certifyLedger } from '../../../src/certificate/build.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { blockId } from '../../../src/consensus/messages.ts';
import type { CommitCert } from '../../../src/consensus/types.ts';
import { sha256 } from '../../../src/crypto/portable/hash.ts';
import { buildReveal, buildSeal, encodeRecord } from '../../../src/job/build-record.ts';
import { checkRecord } from '../../../src/job/ledger/check-record.ts';
import { executeRecords } from '../../../src/job/ledger/execute-records.ts';
import { type LedgerState, ledgerGenesis } from '../../../src/job/ledger/ledger-state.ts';
import { type OpenPlan, openPlan } from '../../../src/job/open-plan.ts';
import { type LedgerRecord, SALT_BYTES } from '../../../src/job/records.ts';
import { sealBatch } from '../../../src/job/sealing.ts';
import { verify } from '../../../src/verify.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { headerChain } from '../../support/certificate/commit.ts';
import { makeCertificate, NETWORK, voteFor } from '../../support/certificate-factory.ts';

const made = makeCertificate({ label: 'ledger', shards: 6 });
const opened = openPlan(made.package, { network: NETWORK, checkAdvert: accept });
if (!opened.ok) throw new Error(opened.reason);
const plan: OpenPlan = opened.value;

function execute(state: LedgerState, records: readonly LedgerRecord[]): LedgerState {
  const checked = records.map((record) => {
    const result = checkRecord(plan, encodeRecord(record).bytes);
    if (!result.ok) throw new Error(result.reason);
    return result.value;
  });
  const executed = executeRecords(plan, state, checked);
  if (!executed.ok) throw new Error(executed.reason);
  return executed.value.state;
}

/** Every candidate seals its first wave; the liar's digest of its first shard is another one. */
function runJob(liar: number | undefined): LedgerState {
  const work = plan.workers.flatMap((position, candidate) => {
    const shards = plan.placement.shardsOf(candidate);
    if (shards.length === 0) return [];
    const digests = shards.map((shard, i) =>
      candidate === liar && i === 0
        ? sha256(new Uint8Array(1))
        : made.certificate.results.digests.slice(shard * 32, shard * 32 + 32),
    );
    const worker = plan.nodes[position]!;
    const opening = {
      worker,
      salts: concatBytes(
        shards.map((shard) => sha256(Uint8Array.of(shard, position)).subarray(0, SALT_BYTES)),
      ),
      digests: concatBytes(digests),
    };
    const scope = { planId: plan.planId, wave: 0, shards };
    const { tuples } = sealBatch({ ...scope, ...opening });
    const seal = buildSeal(made.nodes[position]!, scope, tuples);
    const reveal = buildReveal(scope, { ...opening, seal: encodeRecord(seal).id });
    return [{ seal, reveal }];
  });
  const sealed = execute(
    ledgerGenesis(plan),
    work.map(({ seal }) => seal),
  );
  return execute(
    sealed,
    work.map(({ reveal }) => reveal),
  );
}

function certify(state: LedgerState, blocks = 0): Uint8Array {
  const { planId } = plan;
  const { resultsRoot } = state;
  const headers = headerChain({ planId, resultsRoot, height: 100, blocks }, blockId);
  const body: CommitCert = {
    epoch: 0,
    round: 3,
    height: 100,
    blockId: headers[0] === undefined ? sha256(new Uint8Array(2)) : blockId(headers[0]),
    stateRoot: state.stateRoot,
    resultsRoot,
    signers: new Uint8Array(0),
    sigs: new Uint8Array(0),
  };
  return certifyLedger(plan, state, { commit: voteFor(body, made.voters), headers, epochs: [] });
}

test('a finished ledger becomes a certificate that holds, with all receipts', async () => {
  const state = runJob(undefined);
  assert.ok(state.isDone);
  const verdict = await verify(certify(state), { outputs: made.outputs });
  assert.ok(verdict.valid, JSON.stringify(verdict));
  assert.equal(verdict.receipts, 'checked');
  assert.deepEqual(verdict.checked.outputs, ['out']);
});

test('a liar is missing where it lied, and its batch stays partly closed', () => {
  const liar = plan.placement.firstWave(0)[0]!;
  const state = runJob(liar);
  assert.ok(state.isDone);
  const certificate = openCertificate(certify(state));
  assert.ok(certificate.ok, certificate.ok ? '' : certificate.reason);
  assert.equal(certificate.value.receipts, 'checked');
  const liarNode = plan.nodes[plan.workers[liar]!]!;
  const [lied, ...honest] = plan.placement.shardsOf(liar);
  const agreed = (shard: number) =>
    certificate.value.workersOf(shard).some((node) => equalBytes(node, liarNode));
  assert.equal(agreed(lied!), false);
  assert.ok(honest.length > 0 && honest.every(agreed));
  const receipts = certificate.value.certificate.receipts ?? [];
  const partly = receipts.filter((receipt) => receipt.closed.length > 0);
  assert.deepEqual(
    partly.map(({ worker, closedAt }) => [worker, [...closedAt]]),
    [[plan.workers[liar]!, [0, 0, 0, 0]]],
  );
});

test('without a reveal of every pair the receipts are attested only', async () => {
  const state = runJob(undefined);
  // The last: the table names records by their place in these lists.
  const verdict = await verify(certify({ ...state, seals: state.seals.slice(0, -1) }));
  assert.ok(verdict.valid);
  assert.equal(verdict.receipts, 'attested');
});

test('an unfinished ledger has no certificate', () => {
  assert.throws(() => certify(ledgerGenesis(plan)), /only a finished job/);
});

test('headers lead back from a later block; a chain beyond the limit is left out', () => {
  const state = runJob(undefined);
  for (const [blocks, kept] of [
    [1, 1],
    [LIMITS.certificateHeadersMax, LIMITS.certificateHeadersMax],
    [LIMITS.certificateHeadersMax + 1, 0],
  ] as const) {
    const certificate = openCertificate(certify(state, blocks));
    assert.ok(certificate.ok, certificate.ok ? '' : certificate.reason);
    assert.equal(certificate.value.certificate.headers.length, kept);
  }
});
