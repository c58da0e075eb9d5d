/**
 * What roles make of content that decodes and is hostile all the same: a requester of its own
 * records, and whoever asks about a job of the answers.
 */
import { KadreError } from '../../../src/base/errors.ts';
import type { Clock, Directory, Network } from '../../../src/base/ports.ts';
import { accept } from '../../../src/base/verdict.ts';

import { computationOf } from '../../../src/job/reuse.ts';
import { CadreWatch } from '../../../src/roles/cadre-watch.ts';
import { composeRoles } from '../../../src/roles/compose-roles.ts';
import { detachInputs } from '../../../src/roles/detach-inputs.ts';
import { encodeMessage, type JobAnswer } from '../../../src/roles/job-messages.ts';
import { judgesOf } from '../../../src/roles/judges.ts';
import { locateComputation } from '../../../src/roles/locate-computation.ts';
import { learnAddresses, locateJob } from '../../../src/roles/locate-job.ts';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import type { Requester } from '../../../src/roles/requester.ts';
import { jobInfo } from '../../../src/sdk/job-info.ts';
import { SeededRandom } from '../../../src/sim/seeded-random.ts';
import { SimDirectory } from '../../../src/sim/sim-directory.ts';
import { SimHub } from '../../../src/sim/sim-hub.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { DiskJobStore, jobIdText, MemoryJobStore } from '../../../src/store/job-store.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { makeJob, NETWORK, signerNamed } from '../job-factory.ts';
import { ANSWERS } from '../job-messages.ts';
import { promptVerifier } from '../prompt-verifier.ts';
import { silentLogger } from '../real-ports.ts';
import type { Decoder } from './decoder.ts';
import { folderOfOne, recordFile, storedJobs } from './store-decoders.ts';

export function roleDecoders(): Decoder[] {
  return [requesterDecoder(), ...locateDecoders(), ...answerDecoders()];
}

/** Adverts of the test jobs are valid at this time. */
const WALL_MS = 1_500_000;

function clockOfJobs(): { readonly virtual: VirtualClock; readonly clock: Clock } {
  const virtual = new VirtualClock();
  const clock: Clock = {
    wallMs: () => WALL_MS + Math.floor(virtual.monotonicMs()),
    monotonicMs: () => virtual.monotonicMs(),
    setTimer: (delayMs, callback) => virtual.setTimer(delayMs, callback),
  };
  return { virtual, clock };
}

/** A node that starts on the record of a job, whose user then asks for it. */
function requesterDecoder(): Decoder {
  const jobs = storedJobs();
  const jobId = jobIdText(jobs[0]!.job);
  const { directory, put } = folderOfOne(`${jobId}.job`);
  return {
    covers: ['roles/requester.ts: Requester'],
    form: 'cbor',
    seeds: jobs.map(encodeCanonical),
    share: 0.3,
    decode: async (input) => {
      put(recordFile(input));
      const [stored] = await new DiskJobStore({ directory }).load(() => {});
      if (stored === undefined) return 'refused';
      const store = new MemoryJobStore();
      await store.put(stored);
      const { virtual, clock } = clockOfJobs();
      const requester = requesterOn(store, clock);
      await requester.start();
      for (const known of requester.list()) {
        jobInfo(jobId, { spec: known.job.spec, job: undefined, stored: known, isRunning: false });
      }
      const asked = [
        requester.pickUp(jobId).then(({ finished }) => finished),
        requester.why(jobId, { first: 0, count: 8, open: false }),
      ].map(bugOf);
      await virtual.advance(30_000);
      await virtual.run(requester.stop());
      for (const bug of await Promise.all(asked)) if (bug !== undefined) throw bug;
      return {};
    },
  };
}

function requesterOn(jobs: MemoryJobStore, clock: Clock): Requester {
  const signer = signerNamed('requester');
  const ports = {
    network: new SimHub({ clock }).join(signer.peerId),
    directory: new SimDirectory().of(signer.peerId),
    ...{ clock, random: new SeededRandom(1), log: silentLogger, signer, jobs },
    ...{ verifier: promptVerifier, blobs: new MemoryBlobStore({ clock }) },
  };
  return composeRoles(ports, { networkId: NETWORK }).requester;
}

/** A failed operation throws one class; whatever else is wrapped in it was a bug. */
function bugOf(work: Promise<unknown>): Promise<Error | undefined> {
  return work.then(
    () => undefined,
    (cause: unknown) => {
      const inner = cause instanceof KadreError ? cause.cause : cause;
      return inner instanceof Error && !(inner instanceof KadreError) ? inner : undefined;
    },
  );
}

const PLAN_CHECKS = { network: NETWORK, checkAdvert: accept };

type AnswerOf<Kind extends JobAnswer['t']> = Extract<JobAnswer, { readonly t: Kind }>;

const answersOf = <Kind extends JobAnswer['t']>(kind: Kind): readonly AnswerOf<Kind>[] =>
  ANSWERS.filter((answer): answer is AnswerOf<Kind> => answer.t === kind);

/** A plan, and what its members would say to `find`. */
function findWorld() {
  const { plan, package: pkg } = makeJob({ nodes: 5, shards: 2 });
  const said = answersOf('job').map((answer) => ({ ...answer, planId: plan.planId }));
  return { plan, said, jobs: said.map((answer) => encodeMessage({ ...answer, package: pkg })) };
}

/** What leads to somebody's plan: answers to `find` and `known`. */
function locateDecoders(): Decoder[] {
  const { plan, jobs } = findWorld();
  return [
    {
      covers: ['roles/locate-job.ts: locateJob'],
      form: 'cbor',
      seeds: jobs,
      share: 0.5,
      throws: ['JOB_UNKNOWN'],
      decode: async (input) => {
        const network = answering(input);
        const plans = new PlanCache(PLAN_CHECKS);
        const directory = NOWHERE;
        const { clock } = clockOfJobs();
        const components = { network, directory, plans, clock, log: silentLogger };
        const found = await locateJob(components, plan.jobId, {});
        await learnAddresses(network, found);
        // The roster is not the requester's to sign; the job is.
        return { signed: encodeCanonical(found.package.job) };
      },
    },
    {
      covers: ['roles/locate-computation.ts: locateComputation'],
      form: 'cbor',
      seeds: [...answersOf('known').map(encodeMessage), ...jobs],
      share: 0.5,
      decode: async (input) => {
        const { virtual, clock } = clockOfJobs();
        const network = answering(input);
        const plans = new PlanCache(PLAN_CHECKS);
        const members = new Set(network.connectedPeers());
        const components = { network, directory: NOWHERE, plans, clock, log: silentLogger };
        const computationId = computationOf(plan.spec);
        const found = locateComputation(components, { computationId, members }, {});
        await virtual.run(Array.fromAsync(found));
        return {};
      },
    },
  ];
}

/** What members answer to a requester that waits: `find` without the plan, and `hold`. */
function answerDecoders(): Decoder[] {
  const { plan, said } = findWorld();
  const held = [0, 65_536].map((missing) => encodeMessage({ t: 'held', missing }));
  return [
    {
      covers: ['roles/detach-inputs.ts: detachInputs'],
      form: 'cbor',
      seeds: [...held, ...answersOf('refused').map(encodeMessage)],
      throws: ['DETACH_REFUSED'],
      decode: async (input) => {
        const { virtual, clock } = clockOfJobs();
        await virtual.run(detachInputs({ network: answering(input), clock }, plan, {}));
        return {};
      },
    },
    {
      covers: ['roles/cadre-watch.ts: CadreWatch'],
      form: 'cbor',
      // It does not ask for the plan.
      seeds: said.map(({ package: _, ...answer }) => encodeMessage(answer)),
      decode: async (input) => {
        const { virtual, clock } = clockOfJobs();
        const heard = { lost: 0, known: 0 };
        const watch = new CadreWatch(
          {
            ...{ network: answering(input), clock },
            onLost: () => void heard.lost++,
            onOutcome: () => undefined,
            onProgress: () => void heard.known++,
          },
          plan,
          judgesOf(plan),
        );
        // One question to each; that a lost cadre is noticed is for its own tests.
        watch.start(0);
        await virtual.advance(1_000);
        watch.stop();
        if (heard.lost > 0) throw new Error('given up after one answer');
        return heard.known === 0 ? 'refused' : {};
      },
    },
  ];
}

const NOWHERE: Directory = {
  announce: async () => {},
  provide: async () => {},
  withdraw: () => {},
  find: async function* () {},
};

/** One peer is connected, and everybody answers the same. */
function answering(answer: Uint8Array): Network {
  const self = signerNamed('requester').peerId;
  return {
    self,
    addresses: () => [],
    request: async () => answer.slice(),
    send: () => undefined,
    async *openStream() {},
    handle: () => () => undefined,
    addAddresses: async () => {},
    connectedPeers: () => [signerNamed('node 0').peerId],
    onDisconnect: () => () => undefined,
    penalise: () => undefined,
  };
}
