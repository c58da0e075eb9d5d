/** From a log back to a replica: what was signed is known, re-sent byte for byte, or refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex, utf8 } from '../../../src/base/bytes.ts';
import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  openRecord,
} from '../../../src/consensus/log-records.ts';
import { decodeMessage, encodeMessage } from '../../../src/consensus/messages.ts';
import { PACEMAKER_DEFAULTS } from '../../../src/consensus/pacemaker.ts';
import { recover } from '../../../src/consensus/recovery.ts';
import { step } from '../../../src/consensus/replica.ts';
import { type ReplicaConfig, roundOf } from '../../../src/consensus/replica-state.ts';
import { Cluster } from './cluster.ts';
import { electorate, makeQc, makeTc, makeTimeout, penOf } from './fixtures.ts';
import { expectDelivered, startAll } from './storm.ts';
import { checkTextPayload, type Tally, tallyApplication } from './world.ts';

const seats = electorate(4, 1);
const config: ReplicaConfig<Tally> = {
  pen: penOf(seats),
  application: tallyApplication(10),
  pacemaker: PACEMAKER_DEFAULTS,
};
const { planId, epoch, cadreRoot, self } = seats;
const opened = openRecord({ planId, epoch, cadreRoot, seat: self });

function recoverFrom(records: readonly LogRecord[], keyIsNew = false) {
  const bytes = records.map(encodeRecord);
  return recover(config, { records: bytes, keyIsNew, checkPayload: checkTextPayload });
}

test('an empty log may sign only when its key was made with it', async () => {
  assert.equal((await recoverFrom([], true)).state.signing, 'active');
  assert.equal((await recoverFrom([], false)).state.signing, 'observer');
  assert.equal((await recoverFrom([opened])).state.signing, 'probation');
});

test('an empty log that holds the key asks the others before it signs', async () => {
  const init = { records: [], keyIsNew: false, keyIsInLog: true, checkPayload: checkTextPayload };
  assert.equal((await recover(config, init)).state.signing, 'probation');
});

test('a log of another seat, plan or epoch, or with foreign records, is damaged', async () => {
  const others: LogRecord[] = [
    { ...opened, seat: 2 },
    { ...opened, planId: new Uint8Array(32) },
    { ...opened, cadreRoot: new Uint8Array(32) },
    { ...opened, epoch: 1 },
    { kind: 'payload', bytes: utf8('a') },
  ];
  for (const first of others) {
    await assert.rejects(recoverFrom([first]), { code: 'DATA_DIR_DAMAGED' });
  }
  await assert.rejects(recoverFrom([opened, opened]), { code: 'DATA_DIR_DAMAGED' });
  const unknown = { records: [encodeRecord(opened), utf8('x')], keyIsNew: false };
  await assert.rejects(recover(config, { ...unknown, checkPayload: checkTextPayload }), {
    code: 'DATA_DIR_DAMAGED',
  });
});

test('a breach is never forgotten', async () => {
  const record: LogRecord = { kind: 'breach', reason: utf8('fork'), proof: new Uint8Array(0) };
  assert.equal((await recoverFrom([opened, record])).state.signing, 'observer');
});

test('a round entered by a TC is entered again, its timeout sent again byte for byte', async () => {
  const highQc = makeQc(seats, 1, 0);
  const tc = makeTc(seats, 2, highQc);
  const message = encodeMessage(makeTimeout(seats, self, 3, { highQc, tc }));
  const signed: LogRecord = {
    kind: 'signed',
    epoch: 0,
    lastVotedRound: 3,
    lastProposedRound: 0,
    lockRound: 1,
    highestTimeoutRound: 3,
    lastCommitRound: 0,
    message,
  };
  const { state } = await recoverFrom([opened, signed]);
  assert.equal(roundOf(state), 3);
  assert.equal(state.safety.lockRound, 1);
  const { effects } = step(config, state, { kind: 'start' }, 0);
  const resent = effects.flatMap((effect) =>
    effect.kind === 'persist'
      ? effect.release.flatMap((item) =>
          item.kind === 'send' ? [encodeMessage(item.message)] : [],
        )
      : [],
  );
  assert.deepEqual(resent.map(toHex), [toHex(message)]);
  // A vote in a round that nothing in the log proves cannot have been written by this replica.
  const unproven = { ...signed, lastVotedRound: 9 };
  await assert.rejects(recoverFrom([opened, unproven]), { code: 'DATA_DIR_DAMAGED' });
});

test('whatever prefix of its log survives, a seat never signs anything else again', async () => {
  const cluster = new Cluster({ seed: 7, seatCount: 4, target: 9 });
  startAll(cluster);
  for (const [i, text] of ['a', 'b', 'c'].entries()) {
    cluster.submitAll(text);
    await expectDelivered(cluster, i + 1);
  }
  const log = cluster.instances[1]!.logged();
  assert.ok(log.length > 8);
  for (let length = 1; length <= log.length; length++) {
    const recovered = await recover(
      { ...config, application: tallyApplication(9) },
      { records: log.slice(0, length), keyIsNew: false, checkPayload: checkTextPayload },
    );
    const { safety } = recovered.state;
    const last = log
      .slice(0, length)
      .map(decodeSigned)
      .filter((m) => m !== undefined);
    const votes = last.filter((message) => message.kind === 'vote').map((vote) => vote.round);
    assert.equal(safety.lastVote?.round ?? 0, Math.max(0, ...votes));
    assert.ok(safety.lastVotedRound >= Math.max(0, ...votes));
    const heights = recovered.commits.map((commit) => commit.height);
    assert.deepEqual(
      heights,
      heights.map((_, i) => i + 1),
    );
  }
});

function decodeSigned(bytes: Uint8Array) {
  const record = decodeRecord(bytes);
  if (!record.ok || record.value.kind !== 'signed') return undefined;
  const message = decodeMessage(record.value.message);
  return message.ok ? message.value : undefined;
}
