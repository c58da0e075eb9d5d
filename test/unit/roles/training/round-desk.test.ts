/**
 * What strangers send to the coordinator of a round: each thing that must not count is refused for
 * its own reason, and leaves the round as it was.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { u32, utf8 } from '../../../../src/base/bytes.ts';
import { blobRoot } from '../../../../src/blob/tree.ts';
import { sha256 } from '../../../../src/crypto/portable/hash.ts';
import { type Statement, signStatement } from '../../../../src/federated/round/statement.ts';
import { machineOf } from '../../../../src/federated/round/training-plan.ts';
import { Enrolment } from '../../../../src/roles/training/enrolment.ts';
import { RoundDesk } from '../../../../src/roles/training/round-desk.ts';
import { encodeTrain, TICKET_BYTES } from '../../../../src/roles/training/train-messages.ts';
import { COLUMNS, clientNamed, makeTraining } from '../../../support/chain-factory.ts';
import { VirtualSwarm } from '../../../support/virtual-swarm.ts';

const { training } = makeTraining({ codec: 'q8' });
const machine = machineOf(training, { round: 0, parent: training.id });
const other = sha256(utf8('another'));

function containerOf(i: number): Uint8Array {
  const values = Float32Array.from({ length: COLUMNS }, (_, k) => Math.cos(i + k));
  return machine.codec.encode(values, { ...machine.context, ditherKey: sha256(u32(i)) });
}

function signedBy(i: number, container: Uint8Array, change: Partial<Statement> = {}) {
  const signer = clientNamed(i);
  const [bytes, root] = [container.length, blobRoot(container)];
  const { v: _, ...rest } = { v: 1, ...change };
  const plain = { ...machine.place, client: signer.nodeId, weight: 2, bytes, root };
  return signStatement(signer, { ...plain, ...rest });
}

/** The reason, or `taken`. */
function send(desk: RoundDesk, i: number, container: Uint8Array, change: Partial<Statement> = {}) {
  const { peerId } = clientNamed(i);
  const signed = signedBy(i, container, change);
  const offered = desk.offer(peerId, signed);
  if (!offered.ok) return offered.reason;
  if (offered.value) return 'taken before';
  const taken = desk.take(peerId, signed, container);
  return taken.ok ? 'taken' : taken.reason;
}

test('a statement of anything else than this round is refused for that', () => {
  const cases: readonly [string, Partial<Statement>][] = [
    ['wrong-training', { training: other }],
    ['stale-round', { round: 1 }],
    ['wrong-parent', { parent: other }],
    ['bad-weight', { weight: 1001 }],
    ['too-large', { bytes: 4 * COLUMNS + 65_537 }],
    ['wrong-length', { bytes: 7 }],
    ['wrong-root', { root: other }],
    ['not-the-client', { client: clientNamed(9).nodeId }],
  ];
  const desk = new RoundDesk(training.plan, machine);
  for (const [reason, change] of cases) {
    assert.equal(send(desk, 0, containerOf(0), change), reason);
    assert.equal(desk.taken.length, 0);
  }
  assert.equal(send(desk, 0, containerOf(0)), 'taken');
});

test('a signature counts for what was signed', () => {
  const desk = new RoundDesk(training.plan, machine);
  const signed = signedBy(0, containerOf(0));
  const inflated = { ...signed, statement: { ...signed.statement, weight: 900 } };
  const verdict = desk.offer(clientNamed(0).peerId, inflated);
  assert.equal(verdict.ok ? '' : verdict.reason, 'bad-signature');
});

test('one client has one update, and one update has one client', () => {
  const desk = new RoundDesk(training.plan, machine);
  assert.equal(send(desk, 0, containerOf(0)), 'taken');
  assert.equal(send(desk, 0, containerOf(0)), 'taken before');
  assert.equal(send(desk, 0, containerOf(1)), 'equivocation');
  assert.equal(send(desk, 1, containerOf(0)), 'duplicate-root');
  assert.equal(send(desk, 1, containerOf(1)), 'taken');
  assert.deepEqual(desk.taken.length, 2);
});

test('bytes that are no update are refused for the reason of the codec', () => {
  const desk = new RoundDesk(training.plan, machine);
  const spoilt = (spoil: (bytes: Uint8Array) => Uint8Array) => spoil(containerOf(0).slice());
  const cases: readonly [string, Uint8Array][] = [
    ['bad-magic', spoilt((bytes) => bytes.fill(0, 0, 4))],
    ['wrong-round', spoilt((bytes) => bytes.fill(1, 24, 25))],
    ['wrong-schema', spoilt((bytes) => bytes.fill(1, 32, 48))],
    ['reserved-not-zero', spoilt((bytes) => bytes.fill(1, 56, 57))],
    ['too-short', spoilt((bytes) => bytes.subarray(0, 20))],
  ];
  for (const [reason, container] of cases) {
    assert.equal(send(desk, 0, container), reason);
    assert.equal(desk.taken.length, 0);
  }
  assert.equal(send(desk, 0, containerOf(0)), 'taken');
});

test('an update whose bytes never come leaves no trace', () => {
  const desk = new RoundDesk(training.plan, machine);
  const { peerId } = clientNamed(0);
  const signed = signedBy(0, containerOf(0));
  assert.equal(desk.offer(peerId, signed).ok, true);
  const again = desk.offer(peerId, signed);
  assert.equal(again.ok ? '' : again.reason, 'in-flight');
  desk.drop(peerId);
  assert.equal(send(desk, 0, containerOf(0)), 'taken');
});

test('seats are bounded, and free again when their holders stay silent', () => {
  const enrolment = new Enrolment(2);
  assert.deepEqual(
    ['a', 'b', 'c', 'a'].map((peer) => enrolment.add(peer)),
    [true, true, false, true],
  );
  enrolment.close(new Set(['a']));
  assert.equal(enrolment.add('c'), false);
  enrolment.close(new Set(['a']));
  assert.deepEqual(enrolment.peers, ['a']);
  assert.equal(enrolment.add('c'), true);
});

test('a coordinator answers whatever it is sent', async () => {
  const swarm = await VirtualSwarm.start(7);
  const coordinated = await swarm.client.train({
    model: { tensors: [{ name: 'w', shape: [COLUMNS] }], initial: new Float32Array(COLUMNS) },
    rounds: 1,
    clients: 2,
    quorum: 2,
    aggregator: 'mean',
  });
  const rounds = coordinated[Symbol.asyncIterator]();
  rounds.next().catch(() => undefined);
  const liar = await swarm.guest(50);
  const coordinator = swarm.client.peerId;
  const ask = async (body: Uint8Array) => {
    const answer = await swarm.run(liar.network.request(coordinator, 'train', body));
    return Buffer.from(answer).toString('latin1');
  };
  const id = Uint8Array.from(Buffer.from(coordinated.id, 'hex'));
  const seen = new Uint8Array(TICKET_BYTES);
  assert.match(await ask(new Uint8Array(9)), /refused/);
  assert.match(await ask(encodeTrain({ t: 'plan', training: other })), /unknown-training/);
  const strange = encodeTrain({ t: 'update', signed: signedBy(0, containerOf(0)) });
  assert.match(await ask(strange), /unknown-training/);
  const plain = { training: id, round: 0, parent: id, client: liar.signer.nodeId, weight: 1 };
  const nowhere = signStatement(liar.signer, { ...plain, bytes: 100, root: other });
  const update = encodeTrain({ t: 'update', signed: nowhere });
  assert.match(await ask(update), /not-enrolled/);
  assert.match(await ask(encodeTrain({ t: 'round', training: id, seen })), /open/);
  assert.match(await ask(update), /not-fetched/);
  await swarm.stop();
});
