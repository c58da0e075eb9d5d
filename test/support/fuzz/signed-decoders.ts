/** Decoders of what is signed or voted on: adverts, records, plans, consensus, certificates. */
import { readFileSync } from 'node:fs';
import { concatBytes, fromHex } from '../../../src/base/bytes.ts';
import { accept } from '../../../src/base/verdict.ts';
import { checkInput, checkOutput } from '../../../src/certificate/check-arrays.ts';
import { epochLinkShape } from '../../../src/certificate/epochs.ts';
import { decodeCertificate, encodeCertificate } from '../../../src/certificate/format.ts';
import { openCertificate } from '../../../src/certificate/open.ts';
import { scanEncoding } from '../../../src/certificate/scan.ts';
import { decodeEvidence, encodeEvidence, proofOf } from '../../../src/consensus/evidence.ts';
import { decodeRecord, encodeRecord, openRecord } from '../../../src/consensus/log-records.ts';
import { decodeMessage, encodeMessage } from '../../../src/consensus/messages.ts';
import { PACEMAKER_DEFAULTS } from '../../../src/consensus/pacemaker.ts';
import { recover } from '../../../src/consensus/recovery.ts';
import { genesisQc } from '../../../src/consensus/seats.ts';
import { checksOf } from '../../../src/consensus/signature-checks.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/consensus/snapshot.ts';
import { readSnapshotRecords, snapshotRecords } from '../../../src/consensus/snapshot-records.ts';
import * as job from '../../../src/job/build-record.ts';
import { checkRecord } from '../../../src/job/ledger/check-record.ts';
import { openDraft, openPlan } from '../../../src/job/open-plan.ts';
import { planPackageShape } from '../../../src/job/plan.ts';
import { packShards, unpackShards } from '../../../src/job/shard-list.ts';
import { bytesOfArray } from '../../../src/kernel/nd-array.ts';
import { openEnvelope, sealEnvelope } from '../../../src/roles/envelope.ts';
import { openHandover } from '../../../src/roles/handover.ts';
import { checkSentRecord } from '../../../src/roles/judges.ts';
import { ledgerApplication, payloadOf } from '../../../src/roles/ledger-application.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { checkAdvert, decodeAdvert } from '../../../src/swarm/check-advert.ts';
import { decodeCanonical, encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { bytesUpTo, list, struct } from '../../../src/wire/shape.ts';
import { electorate, makeBlock, makeCommitCert, penOf } from '../../unit/consensus/fixtures.ts';
import { checkTextPayload, tallyApplication } from '../../unit/consensus/world.ts';
import { ISSUED_MS, NETWORK, signedOf, signerNumber } from '../adverts.ts';
import { goodVectors } from '../certificate-vectors.ts';
import { firstEpoch, giveAway, type TestEpoch } from '../epochs.ts';
import {
  cancelOf,
  deadlineOf,
  NETWORK as JOB_NETWORK,
  makeJob,
  overdueOf,
  refusalOf,
  workOf,
} from '../job-factory.ts';
import { runWorld } from '../ledger-world.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

export function signedDecoders(): Decoder[] {
  return [
    ...certificateDecoders(),
    ...advertDecoders(),
    ...jobDecoders(),
    ...epochDecoders(),
    ...messageDecoders(),
    ...logDecoders(),
  ];
}

function certificateDecoders(): Decoder[] {
  const good = goodVectors();
  // One seat each: the smallest have every kind of field, and cost the fewest signatures.
  const seeds = good.map(({ made }) => made.bytes).filter((bytes) => bytes.length < 4_000);
  const product = good.find(({ name }) => name === 'matrix product')!.made;
  const opened = openCertificate(product.bytes);
  if (!opened.ok) throw new Error(opened.reason);
  const { spec, results } = opened.value;
  const [a, c] = [product.inputs.a!, product.outputs.c!];
  const array = (name: string, like: { shape: readonly number[] }, seed: Uint8Array): Decoder => ({
    covers: [`certificate/check-arrays.ts: ${name}`],
    form: 'bytes',
    seeds: [seed],
    decode: (data) => {
      const given = { dtype: '<f4', shape: like.shape, data } as const;
      const problem =
        name === 'checkInput'
          ? checkInput(spec.inputs, 'a', given)
          : checkOutput(results, 'c', given);
      return problem === undefined ? { signed: data } : 'refused';
    },
  });
  const limits = { depthMax: LIMITS.certificateDepthMax, itemsMax: LIMITS.certificateItemsMax };
  return [
    {
      covers: ['certificate/scan.ts: scanEncoding'],
      form: 'cbor',
      seeds,
      decode: (input) => outcomeOf(scanEncoding(input, limits)),
    },
    {
      covers: ['certificate/format.ts: decodeCertificate'],
      form: 'cbor',
      seeds,
      decode: (input) =>
        outcomeOf(decodeCertificate(input), (value) => ({ again: encodeCertificate(value) })),
    },
    {
      covers: ['certificate/open.ts: openCertificate'],
      form: 'cbor',
      seeds,
      share: 0.5,
      // Receipts, headers and votes beyond the quorum may be left out: then it says less.
      decode: (input) =>
        outcomeOf(
          openCertificate(input),
          ({ jobId, planId, cadreRoot, resultsRoot, certificate }) => ({
            signed: concatBytes([
              ...[jobId, planId, cadreRoot, resultsRoot],
              encodeCanonical(certificate.results),
            ]),
          }),
        ),
    },
    array('checkInput', a, bytesOfArray(a)),
    array('checkOutput', c, bytesOfArray(c)),
  ];
}

function advertDecoders(): Decoder[] {
  const seeds = [
    signedOf(signerNumber(1)),
    signedOf(signerNumber(2), { roles: [], addresses: [], devices: [], kernels: [] }),
  ].map(encodeCanonical);
  return [
    {
      covers: ['swarm/check-advert.ts: decodeAdvert'],
      form: 'cbor',
      seeds,
      decode: (input) =>
        outcomeOf(decodeAdvert(input), (value) => ({ again: encodeCanonical(value) })),
    },
    {
      covers: ['swarm/check-advert.ts: checkAdvert'],
      form: 'cbor',
      seeds,
      decode: (input) =>
        outcomeOf(checkAdvert(input, { network: NETWORK, wallMs: ISSUED_MS }), () => ({
          signed: input,
        })),
    },
  ];
}

const changing = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });

/** After one epoch and after two. */
function handovers(): TestEpoch[] {
  const once = giveAway(changing, firstEpoch(changing), 2);
  return [once, giveAway(changing, once, 0)];
}

function epochDecoders(): Decoder[] {
  const { planId } = changing.plan;
  return [
    {
      covers: ['roles/handover.ts: openHandover'],
      form: 'cbor',
      seeds: handovers().map(({ links, history }) => encodeCanonical({ links, history })),
      share: 0.2,
      decode: async (input) => {
        const shape = struct({ links: list(epochLinkShape, 8), history: bytesUpTo(1 << 20) });
        const decoded = decodeCanonical(input, shape, 1 << 20);
        if (!decoded.ok) return 'refused';
        const clock = new VirtualClock();
        return outcomeOf(await clock.run(openHandover(changing.plan, decoded.value, clock)));
      },
    },
    {
      covers: ['roles/envelope.ts: openEnvelope'],
      form: 'bytes',
      seeds: [sealEnvelope({ planId, epoch: 3, message: new Uint8Array(9) })],
      decode: (input) => {
        const envelope = openEnvelope(input);
        return envelope === undefined ? 'refused' : { again: sealEnvelope(envelope) };
      },
    },
  ];
}

function jobDecoders(): Decoder[] {
  const made = makeJob({ nodes: 11, shards: 4 });
  const worker = made.plan.workers[1]!;
  const work = workOf(made, { worker, shards: [0, 2, 3] });
  const seeds = [
    work.seal,
    work.reveal,
    refusalOf(made, { worker, shards: [1] }),
    overdueOf(made, 1, 'reveal', { worker, shards: [1, 2] }),
    deadlineOf(made, 2),
    cancelOf(made),
  ].map(({ record }) => job.encodeRecord(record).bytes);
  const checks = { network: JOB_NETWORK, checkAdvert: accept };
  const small = makeJob({ nodes: 3, shards: 2, policy: { replicas: 1, cadre: 1 } });
  const self = small.identity(0).nodeId;
  return [
    {
      covers: ['job/ledger/check-record.ts: checkRecord'],
      form: 'cbor',
      seeds,
      // A reveal is not signed: it counts when it opens what was sealed.
      decode: (input) =>
        outcomeOf(checkRecord(made.plan, input), ({ kind, record }) => ({
          again: job.encodeRecord(record).bytes,
          ...(kind === 'reveal' ? {} : { signed: input }),
        })),
    },
    {
      covers: ['roles/judges.ts: checkSentRecord'],
      form: 'cbor',
      seeds,
      share: 0.5,
      decode: (input) =>
        outcomeOf(checkSentRecord(made.plan, made.requester.peerId, input), () => ({
          signed: input,
        })),
    },
    {
      covers: ['job/open-plan.ts: openPlan', 'job/open-plan.ts: openDraft'],
      form: 'cbor',
      seeds: [small.package, { ...small.package, cadre: [] }].map(encodeCanonical),
      share: 0.5,
      decode: (input) => {
        const decoded = decodeCanonical(input, planPackageShape, LIMITS.planBytesMax);
        if (!decoded.ok) return 'refused';
        openDraft(decoded.value, checks, self);
        return outcomeOf(openPlan(decoded.value, checks));
      },
    },
    {
      covers: ['job/shard-list.ts: unpackShards'],
      form: 'bytes',
      seeds: [packShards([0]), packShards([1, 5, 6, 900])],
      decode: (input) =>
        outcomeOf(unpackShards(input, 1_000), (shards) => ({ again: packShards(shards) })),
    },
  ];
}

/** One of a chain with a single header, as a log holds it. */
function storedSnapshots(seats: ReturnType<typeof electorate>): Uint8Array[] {
  const header = makeBlock(seats, 1, genesisQc(seats));
  const { stateRoot, resultsRoot } = header;
  const snapshot = {
    cert: makeCommitCert(seats, header),
    headers: [header],
    evidence: [],
    executed: { state: null, stateRoot, resultsRoot },
  };
  const records = snapshotRecords(snapshot, { height: 1, state: new Uint8Array(40) });
  return records.flatMap((record) => (record.kind === 'snapshot' ? [record.bytes] : []));
}

const golden = JSON.parse(
  readFileSync(new URL('../../vectors/consensus.json', import.meta.url), 'utf8'),
) as { messages: { bytes: string }[]; evidence: { bytes: string }[] };
const goldenMessages = golden.messages.map(({ bytes }) => fromHex(bytes)!);

/** What members send each other. */
function messageDecoders(): Decoder[] {
  const seats = electorate(4);
  const seeds = goldenMessages;
  return [
    {
      covers: ['consensus/messages.ts: decodeMessage'],
      form: 'cbor',
      seeds,
      decode: (input) =>
        outcomeOf(decodeMessage(input), (message) => {
          const { kind } = message;
          const isJudged =
            kind === 'proposal' || kind === 'vote' || kind === 'timeout' || kind === 'commit';
          if (isJudged || kind === 'sync') checksOf(seats, message, 1);
          return { again: encodeMessage(message) };
        }),
    },
    {
      covers: ['consensus/evidence.ts: decodeEvidence'],
      form: 'cbor',
      seeds: golden.evidence.map(({ bytes }) => fromHex(bytes)!),
      decode: (input) =>
        outcomeOf(decodeEvidence(input), (evidence) => {
          proofOf(seats, evidence);
          return { again: encodeEvidence(evidence) };
        }),
    },
    {
      covers: ['consensus/snapshot.ts: decodeSnapshot'],
      form: 'cbor',
      seeds: [[], [seeds[0]!]].map((evidence) =>
        encodeSnapshot({ height: 511, evidence, state: seeds[0]! }),
      ),
      decode: (input) =>
        outcomeOf(decodeSnapshot(input), (body) => ({ again: encodeSnapshot(body) })),
    },
    ledgerDecoder(),
  ];
}

/** A ledger as it travels in a snapshot. */
function ledgerDecoder(): Decoder {
  const made = makeJob({ nodes: 5, shards: 2 });
  const application = ledgerApplication(made.plan);
  const { encode, decode } = application.snapshots!;
  const { blocks } = runWorld({ job: made, behaviours: Array(5).fill('honest'), seed: 1 });
  let state = application.genesis;
  const seeds = blocks.map((records) => {
    const payloads = records.map((one) => payloadOf(one, job.encodeRecord(one.record).bytes));
    const executed = application.execute(state, payloads);
    if (executed.ok) state = executed.value.state;
    return encode(state);
  });
  return {
    covers: ['roles/ledger-snapshots.ts: ledgerSnapshots'],
    form: 'cbor',
    seeds,
    share: 0.3,
    decode: async (input) =>
      outcomeOf(await decode(input, async () => {}), (restored) => ({
        again: encode(restored.state),
      })),
  };
}

/** What a member reads of its own log. */
function logDecoders(): Decoder[] {
  const seats = electorate(4);
  const { planId, epoch, cadreRoot, self } = seats;
  const opened = encodeRecord(openRecord({ planId, epoch, cadreRoot, seat: self }));
  const [first] = goldenMessages;
  const records = [
    opened,
    encodeRecord({ kind: 'payload', bytes: first! }),
    encodeRecord({ kind: 'snapshot', part: 0, parts: 2, bytes: first! }),
    encodeRecord({ kind: 'breach', reason: first!.subarray(0, 9), proof: new Uint8Array(3) }),
  ];
  const config = {
    pen: penOf(seats),
    application: tallyApplication(10),
    pacemaker: PACEMAKER_DEFAULTS,
  };
  return [
    {
      covers: ['consensus/log-records.ts: decodeRecord'],
      form: 'cbor',
      seeds: records,
      decode: (input) =>
        outcomeOf(decodeRecord(input), (record) => ({ again: encodeRecord(record) })),
    },
    {
      covers: ['consensus/snapshot-records.ts: readSnapshotRecords'],
      form: 'cbor',
      seeds: storedSnapshots(seats),
      decode: (input) => outcomeOf(readSnapshotRecords([input]), () => ({})),
    },
    {
      covers: ['consensus/recovery.ts: recover'],
      form: 'cbor',
      seeds: records.slice(1),
      throws: ['DATA_DIR_DAMAGED'],
      decode: async (input) => {
        const init = { keyIsNew: false, checkPayload: checkTextPayload };
        await recover(config, { ...init, records: [opened, input] });
        return {};
      },
    },
  ];
}
