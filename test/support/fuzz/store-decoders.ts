/**
 * Decoders of what an earlier process of this node left on its disk: logs of plans and of work,
 * and record files of jobs and of ended plans.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes, equalBytes, toHex, u32, utf8 } from '../../../src/base/bytes.ts';
import type { KadreError } from '../../../src/base/errors.ts';
import { blobRoot } from '../../../src/blob/tree.ts';
import { type PlanPackage, planIdOf } from '../../../src/job/plan.ts';
import { EndedPlans } from '../../../src/roles/ended-plans.ts';
import {
  decodeMessage,
  type Outcome as JobOutcome,
  jobAnswerShape,
} from '../../../src/roles/job-messages.ts';
import { VirtualClock } from '../../../src/sim/virtual-clock.ts';
import { AddressFile } from '../../../src/store/address-file.ts';
import { crc32c } from '../../../src/store/crc32c.ts';
import { DiskEndedPlanStore, type EndedPlan } from '../../../src/store/ended-plan-store.ts';
import { DiskJobStore, jobIdText, type StoredJob } from '../../../src/store/job-store.ts';
import type { LogFolder } from '../../../src/store/log-folder.ts';
import { MemoryBlobStore } from '../../../src/store/memory-blob-store.ts';
import { LogPlanStore } from '../../../src/store/plan-store.ts';
import { RecordFolder } from '../../../src/store/record-folder.ts';
import { type LogFile, openLog } from '../../../src/store/wal.ts';
import { encodeFileHeader, encodeFrame } from '../../../src/store/wal-frames.ts';
import { LogWorkStore } from '../../../src/store/work-store.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { storedJob } from '../../conformance/job-store.ts';
import { firstEpoch, giveAway } from '../epochs.ts';
import { digestOf, makeJob } from '../job-factory.ts';
import { silentLogger } from '../real-ports.ts';
import type { Decoder, Outcome } from './decoder.ts';

/** Files are written and read for every input. */
const SHARE = 0.5;

export function storeDecoders(): Decoder[] {
  return [...logDecoders(), folderDecoder(), jobDecoder(), endedDecoder(), addressDecoder()];
}

const {
  planId,
  jobId,
  package: pkg,
} = makeJob({
  nodes: 3,
  shards: 2,
  policy: { replicas: 1, cadre: 1 },
}).plan;

/** What a later epoch's log holds after the plan: links, and the history in parts. */
function changedPlan(): Uint8Array[] {
  const made = makeJob({ nodes: 8, shards: 2, policy: { replicas: 2, cadre: 4 } });
  const { links, history } = giveAway(made, firstEpoch(made), 2);
  return [encodeCanonical({ v: 1, kind: 'handover', links, parts: 1 }), history];
}

function logDecoders(): Decoder[] {
  const plan = encodeCanonical({
    ...{ v: 1, planId, keySeed: new Uint8Array(32), package: pkg, detached: true },
  });
  const changed = changedPlan();
  const work = encodeCanonical({ kind: 'plan', v: 1, planId, takenMs: 5, package: pkg });
  const shards = Uint8Array.of(0, 0, 0, 1);
  const done = [
    { kind: 'assigned', wave: 0, shards },
    {
      ...{ kind: 'sealed', wave: 1, shards, record: shards },
      ...{ salts: new Uint8Array(16), digests: digestOf(1) },
    },
  ].map(encodeCanonical);
  const plans = (log: Uint8Array) => recovered(`${toHex(planId)}.wal`, log, LogPlanStore);
  const works = (log: Uint8Array) => recovered(`${toHex(planId)}.work`, log, LogWorkStore);
  const covers = {
    plans: ['store/plan-store.ts: LogPlanStore'],
    works: ['store/work-store.ts: LogWorkStore'],
  } as const;
  return [
    {
      ...{ covers: covers.plans, form: 'bytes' },
      ...{ seeds: [logOf(plan), logOf(plan, ...changed)], decode: plans },
    },
    { covers: covers.works, form: 'bytes', seeds: [logOf(work, ...done)], decode: works },
    // Records inside a log that is whole: what no checksum stops.
    { covers: covers.plans, form: 'cbor', seeds: [plan], decode: (one) => plans(logOf(one)) },
    {
      ...{ covers: covers.plans, form: 'cbor', seeds: changed.slice(0, 1) },
      decode: (one) => plans(logOf(plan, one, ...changed.slice(1))),
    },
    { covers: covers.works, form: 'cbor', seeds: [work], decode: (one) => works(logOf(one)) },
    { covers: covers.works, form: 'cbor', seeds: done, decode: (one) => works(logOf(work, one)) },
  ];
}

const logOf = (...records: readonly Uint8Array[]): Uint8Array =>
  concatBytes([encodeFileHeader(7), encodeFrame({ salt: 7, sequence: 0 }, records)]);

interface Recovering {
  recover(
    onDamaged: (error: KadreError) => void,
  ): Promise<readonly { readonly plan: { planId: Uint8Array; package: PlanPackage } }[]>;
}

/** What a store makes of a folder with this one log in it. */
async function recovered(
  name: string,
  log: Uint8Array,
  Store: new (folder: LogFolder) => Recovering,
): Promise<Outcome> {
  const file = fileInMemory(name, log);
  let isThere = true;
  const codes: string[] = [];
  const store = new Store({
    list: async () => [name],
    open: (_, options = {}) => openLog(file, options),
    replace: () => Promise.reject(new Error('no epoch begins here')),
    remove: async () => {
      isThere = false;
    },
  });
  const found = await store.recover(({ code }) => codes.push(code));
  if (codes.some((code) => code !== 'DATA_DIR_DAMAGED')) throw new Error(codes.join());
  if (found.length + codes.length !== Number(isThere)) {
    throw new Error('a log is neither taken up nor reported nor removed');
  }
  for (const { plan } of found) {
    const isOfItsPlan = equalBytes(planIdOf(plan.package.plan), plan.planId);
    if (!isOfItsPlan || !name.startsWith(toHex(plan.planId))) {
      throw new Error('taken up under the name of another plan');
    }
  }
  return found.length === 0 ? 'refused' : {};
}

function fileInMemory(name: string, log: Uint8Array): LogFile {
  let content = log;
  return {
    name,
    drawSalt: () => 7,
    read: async () => content,
    truncate: async (bytes) => {
      content = content.slice(0, bytes);
    },
    write: async (bytes) => {
      content = concatBytes([content, bytes]);
    },
    datasync: async () => undefined,
    syncWhole: async () => undefined,
    close: async () => undefined,
  };
}

/** A folder with one file in it; `put` replaces the file. Gone with the process. */
export function folderOfOne(name: string): {
  readonly directory: string;
  readonly put: (content: Uint8Array) => void;
} {
  const directory = mkdtempSync(join(tmpdir(), 'kadre-fuzz-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return { directory, put: (content) => writeFileSync(join(directory, name), content) };
}

/** A record as its file holds it. */
export const recordFile = (body: Uint8Array): Uint8Array => concatBytes([body, u32(crc32c(body))]);

/** Everything that is reported must be damage. */
function onDamaged({ code }: KadreError): void {
  if (code !== 'DATA_DIR_DAMAGED') throw new Error(code);
}

function folderDecoder(): Decoder {
  const { directory, put } = folderOfOne('a.rec');
  const folder = new RecordFolder({ directory, extension: '.rec', name: /^[a-z]$/ });
  return {
    covers: ['store/record-folder.ts: RecordFolder'],
    form: 'bytes',
    seeds: [new Uint8Array(40), new Uint8Array(0)].map(recordFile),
    share: SHARE,
    decode: async (input) => {
      put(input);
      const [record] = await folder.readAll(onDamaged);
      return record === undefined ? 'refused' : { again: recordFile(record.body) };
    },
  };
}

/** What is no list of addresses is as good as none; whatever is read can be written again. */
function addressDecoder(): Decoder {
  const { directory, put } = folderOfOne('peers.json');
  const file = new AddressFile(join(directory, 'peers.json'));
  const addresses = ['/ip4/192.0.2.7/tcp/4001', '/dns4/one.example/tcp/443/wss'];
  return {
    covers: ['store/address-file.ts: AddressFile'],
    form: 'text',
    seeds: [{ v: 1, addresses }, { v: 1, addresses: [] }, { v: 2 }].map((value) =>
      utf8(`${JSON.stringify(value)}\n`),
    ),
    share: SHARE,
    decode: async (input) => {
      put(input);
      const read = await file.load();
      if (read.length === 0) return 'refused';
      await file.save(read);
      const again = await file.load();
      if (again.join() !== read.join()) throw new Error('saved addresses are others');
      return {};
    },
  };
}

/** Records of one job in every state. */
export function storedJobs(): StoredJob[] {
  const bare = storedJob(1, { job: pkg.job });
  const planned = { ...bare, plan: pkg };
  const ended = { ...planned, isAnnounced: true, isDetachable: true, endedMs: 9 };
  const certificate = { root: digestOf(1), bytes: 300 };
  return [
    bare,
    { ...planned, detached: true },
    { ...planned, isAnnounced: true },
    { ...ended, state: 'done', outcome: encodeCanonical(OUTCOME), certificate },
    { ...ended, state: 'failed', failure: { code: 'CADRE_LOST', message: 'two of four' } },
  ];
}

const OUTCOME: JobOutcome = { planId, disputes: [], retries: [], failure: '', failedShard: 0 };

function jobDecoder(): Decoder {
  const jobs = storedJobs();
  const { directory, put } = folderOfOne(`${jobIdText(pkg.job)}.job`);
  return {
    covers: ['store/job-store.ts: DiskJobStore'],
    form: 'cbor',
    seeds: jobs.map(encodeCanonical),
    share: SHARE,
    decode: async (input) => {
      put(recordFile(input));
      const [job] = await new DiskJobStore({ directory }).load(onDamaged);
      return job === undefined ? 'refused' : { again: encodeCanonical(job) };
    },
  };
}

/** Stored, and then told to whoever asks for one of its jobs by id. */
function endedDecoder(): Decoder {
  const clock = new VirtualClock();
  const blobs = new MemoryBlobStore({ clock });
  const stored = encodeCanonical(pkg);
  const keeping = blobs.put(stored);
  const plan: EndedPlan = {
    ...{ jobId, computationId: digestOf(1), planId, endedMs: clock.wallMs() },
    package: { root: blobRoot(stored), bytes: stored.length },
    outcome: encodeCanonical(OUTCOME),
  };
  const other = { ...plan, planId: digestOf(2), jobId: digestOf(3) };
  const batches = [[plan], [plan, { ...other, certificate: { root: digestOf(4), bytes: 20 } }]];
  const { directory, put } = folderOfOne(
    `${String(plan.endedMs).padStart(16, '0')}-${toHex(planId)}.ended`,
  );
  const store = new DiskEndedPlanStore({ directory });
  return {
    covers: ['store/ended-plan-store.ts: DiskEndedPlanStore', 'roles/ended-plans.ts: EndedPlans'],
    form: 'cbor',
    seeds: batches.map((plans) => encodeCanonical({ v: 1, plans })),
    share: SHARE,
    decode: async (input) => {
      put(recordFile(input));
      const [plans] = await store.load(onDamaged);
      if (plans === undefined) return 'refused';
      await keeping;
      const ended = new EndedPlans({ store, blobs, clock, log: silentLogger });
      await ended.load();
      for (const { jobId: id } of plans) {
        const told = await ended.find(id, true);
        const isAnswer = told === undefined || decodeMessage(told, jobAnswerShape).ok;
        if (!isAnswer) throw new Error('it answers what nobody can read');
      }
      return { again: encodeCanonical({ v: 1, plans }) };
    },
  };
}
