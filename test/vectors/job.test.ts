/** The golden bytes of jobs and ledgers, read as another implementation would: from hex alone. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { type CheckedRecord, checkRecord } from '../../src/job/ledger/check-record.ts';
import { executeRecords } from '../../src/job/ledger/execute-records.ts';
import { ledgerGenesis } from '../../src/job/ledger/ledger-state.ts';
import { resultLeaves } from '../../src/job/ledger/read-ledger.ts';
import { openPlan } from '../../src/job/open-plan.ts';
import { planPackageShape } from '../../src/job/plan.ts';
import { computationIdOf, jobIdOf, jobSpecShape } from '../../src/job/spec.ts';
import { parseRequirement } from '../../src/swarm/requirement.ts';
import { decodeCanonical, encodeCanonical } from '../../src/wire/cbor.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { CHECKS, unwrap } from '../support/job-factory.ts';

interface Vectors {
  readonly spec: string;
  readonly jobId: string;
  readonly computationId: string;
  readonly package: string;
  readonly planId: string;
  readonly seed: string;
  readonly cadreRoot: string;
  readonly workers: readonly number[];
  readonly order: readonly number[];
  readonly fresh: readonly {
    readonly jobId: string;
    readonly spec: string;
    readonly computationId: string;
  }[];
  readonly requirements: readonly {
    readonly text: string;
    readonly spec: string;
    readonly jobId: string;
  }[];
  readonly lone: readonly { readonly kind: string; readonly bytes: string; readonly id: string }[];
  readonly ledger: {
    readonly genesisRoot: string;
    readonly steps: readonly {
      readonly records: readonly string[];
      readonly ids: readonly string[];
      readonly events: readonly string[];
      readonly stateRoot: string;
      readonly resultsRoot: string;
    }[];
    readonly leaves: readonly string[];
  };
}

const file = new URL('job.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;
const pkg = unwrap(
  decodeCanonical(fromHex(vectors.package)!, planPackageShape, LIMITS.planBytesMax),
);
const plan = unwrap(openPlan(pkg, CHECKS));

const check = (hex: string): CheckedRecord => unwrap(checkRecord(plan, fromHex(hex)!));

test('ids follow from the package', () => {
  assert.equal(toHex(encodeCanonical(plan.spec)), vectors.spec);
  assert.equal(toHex(plan.jobId), vectors.jobId);
  assert.equal(toHex(computationIdOf(plan.spec)), vectors.computationId);
  assert.equal(toHex(plan.planId), vectors.planId);
  assert.equal(toHex(plan.seed), vectors.seed);
  assert.equal(toHex(plan.cadreRoot), vectors.cadreRoot);
  assert.deepEqual(plan.workers, vectors.workers);
  assert.deepEqual(plan.placement.order(0), vectors.order);
});

test('a wish for fresh results is part of the job and not of the computation', () => {
  const [plain, fresh] = vectors.fresh.map(({ spec, jobId, computationId }) => {
    const decoded = unwrap(decodeCanonical(fromHex(spec)!, jobSpecShape, LIMITS.jobSpecBytesMax));
    assert.equal(toHex(jobIdOf(decoded)), jobId);
    assert.equal(toHex(computationIdOf(decoded)), computationId);
    return { jobId, computationId, fresh: decoded.fresh };
  });
  assert.deepEqual([plain?.fresh, fresh?.fresh], [undefined, true]);
  assert.notEqual(plain?.jobId, fresh?.jobId);
  assert.equal(plain?.computationId, fresh?.computationId);
});

test('requirements are part of the spec and of its id', () => {
  for (const { text, spec, jobId } of vectors.requirements) {
    const decoded = unwrap(decodeCanonical(fromHex(spec)!, jobSpecShape, LIMITS.jobSpecBytesMax));
    assert.deepEqual(decoded.requires, unwrap(parseRequirement(text)));
    assert.equal(toHex(jobIdOf(decoded)), jobId);
  }
});

test('records have their ids', () => {
  for (const { kind, bytes, id } of vectors.lone) {
    const record = check(bytes);
    assert.equal(record.kind, kind);
    assert.equal(toHex(record.id), id);
  }
});

test('the blocks give the events and roots', () => {
  let state = ledgerGenesis(plan);
  assert.equal(toHex(state.stateRoot), vectors.ledger.genesisRoot);
  for (const step of vectors.ledger.steps) {
    const records = step.records.map(check);
    assert.deepEqual(
      records.map(({ id }) => toHex(id)),
      step.ids,
    );
    const execution = unwrap(executeRecords(plan, state, records));
    assert.deepEqual(
      execution.events.map(({ kind }) => kind),
      step.events,
    );
    assert.equal(toHex(execution.stateRoot), step.stateRoot);
    assert.equal(toHex(execution.resultsRoot), step.resultsRoot);
    state = execution.state;
  }
  assert.equal(state.isDone, true);
  const leaves = [...resultLeaves(plan, state)].map((leaf) => toHex(encodeCanonical(leaf)));
  assert.deepEqual(leaves, vectors.ledger.leaves);
});
