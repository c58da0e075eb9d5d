/**
 * What roles make of content that decodes and is hostile all the same: a requester of its own
 * records, and whoever asks about a job of the answers.
 */
import { KadreError } from '../../../src/base/errors.ts';
import type { Clock, Directory, Network } from '../../../src/base/ports.ts';
import { accept } from '../../../src/base/verdict.ts';

import { CadreWatch } from '../../../src/roles/cadre-watch.ts';
import { composeRoles } from '../../../src/roles/compose-roles.ts';
import { detachInputs } from '../../../src/roles/detach-inputs.ts';
import { encodeMessage } from '../../../src/roles/job-messages.ts';
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
  return [requesterDecoder(), ...answerDecoders()];
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

/** What members answer when they are asked about a job: `find` and `hold`. */
function answerDecoders(): Decoder[] {
  const { plan, package: pkg } = makeJob({ nodes: 5, shards: 2 });
  const { jobId, planId } = plan;
  const [running, ended] = ANSWERS.filter((answer) => answer.t === 'job');
  const said = [running!, ended!].map((answer) => ({ ...answer, planId }));
  const jobs = said.map((answer) => encodeMessage({ ...answer, package: pkg }));
  const held = [0, 65_536].map((missing) => encodeMessage({ t: 'held', missing }));
  const refused = ANSWERS.filter((answer) => answer.t === 'refused').map(encodeMessage);
  const checks = { network: NETWORK, checkAdvert: accept };
  return [
    {
      covers: ['roles/locate-job.ts: locateJob'],
      form: 'cbor',
      seeds: jobs,
      share: 0.5,
      throws: ['JOB_UNKNOWN'],
      decode: async (input) => {
        const network = answering(input);
        const plans = new PlanCache(checks);
        const directory = NOWHERE;
        const components = { network, directory, plans, log: silentLogger };
        const found = await locateJob(components, jobId, {});
        await learnAddresses(network, found);
        // The roster is not the requester's to sign; the job is.
        return { signed: encodeCanonical(found.package.job) };
      },
    },
    {
      covers: ['roles/detach-inputs.ts: detachInputs'],
      form: 'cbor',
      seeds: [...held, ...refused],
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
