/**
 * Where a node of the lab can be killed: at every message of the protocol it sends or answers and
 * at every durable write, before or after. A file names the point; the first process of the lab
 * that reaches it takes the file for itself and dies as a SIGKILL would have it. No flag of the
 * shipped node leads here.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Network, ProtocolHandler, Wal } from '../../src/base/ports.ts';
import { decodeMessage as decodeConsensus } from '../../src/consensus/messages.ts';
import { recordShape } from '../../src/job/records.ts';
import { ENVELOPE_BYTES } from '../../src/roles/envelope.ts';
import {
  decodeMessage,
  type JobRequest,
  jobNoticeShape,
  jobRequestShape,
} from '../../src/roles/job-messages.ts';
import type { NodeHooks, NodeStores } from '../../src/sim/node-hooks.ts';
import { wrapNetwork } from '../../src/sim/worker-behaviours.ts';
import type { WorkLog } from '../../src/store/work-store.ts';
import { decodeCanonical } from '../../src/wire/cbor.ts';
import { LIMITS } from '../../src/wire/limits.ts';

export interface KillPoint {
  readonly when: 'before' | 'after';
  /** `answer convene`, `send seal`, `write plan`, ... */
  readonly what: string;
  /** Which time one process comes by, from 1. Default 1. */
  readonly nth?: number;
}

/** What the process that died left beside the file. */
export const victimFile = (file: string): string => `${file}.victim`;

/** An answer or message needs this long to leave the process; `after` means that it left. */
const LEAVING_MS = 30;

export function killHooks(file: string, world: { readonly crash: () => void }): NodeHooks {
  const reached = new Map<string, number>();
  const reach = (when: KillPoint['when'], what: string): void => {
    const armed = read(file);
    if (armed === undefined || armed.when !== when || armed.what !== what) return;
    const count = (reached.get(armed.id) ?? 0) + 1;
    reached.set(armed.id, count);
    if (count < (armed.nth ?? 1) || !take(file)) return;
    writeFileSync(victimFile(file), String(process.pid));
    if (when === 'before') world.crash();
    else setTimeout(world.crash, what.startsWith('write') ? 0 : LEAVING_MS);
  };
  return {
    wrapNetwork: (network) => mortalNetwork(network, reach),
    wrapStores: (stores) => mortalStores(stores, reach),
  };
}

/** Puts the point where every node of the lab sees it. */
export function armKillPoint(file: string, point: KillPoint): void {
  writeFileSync(`${file}.new`, JSON.stringify({ ...point, id: `${Date.now()} ${Math.random()}` }));
  renameSync(`${file}.new`, file);
}

type Reach = (when: KillPoint['when'], what: string) => void;

function read(file: string): (KillPoint & { readonly id: string }) | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KillPoint & { id: string };
  } catch {
    return undefined;
  }
}

/** One process of all: a rename succeeds once. */
function take(file: string): boolean {
  try {
    renameSync(file, `${file}.taken`);
    return true;
  } catch {
    return false;
  }
}

async function around<T>(reach: Reach, what: string, act: () => Promise<T>): Promise<T> {
  reach('before', what);
  const done = await act();
  reach('after', what);
  return done;
}

function mortalNetwork(inner: Network, reach: Reach): Network {
  return wrapNetwork(inner, {
    request: (peer, protocol, body, options) =>
      around(reach, `send ${nameOfRequest(protocol, body)}`, () =>
        inner.request(peer, protocol, body, options),
      ),
    send: (peer, protocol, body) => {
      const what = `send ${nameOfMessage(protocol, body)}`;
      reach('before', what);
      inner.send(peer, protocol, body);
      reach('after', what);
    },
    handle: (protocol, handler) => inner.handle(protocol, mortalHandler(protocol, handler, reach)),
  });
}

function mortalHandler(protocol: string, handler: ProtocolHandler, reach: Reach): ProtocolHandler {
  const { request, message, stream } = handler;
  return {
    ...(request && {
      request: (from, body, options) =>
        around(reach, `answer ${nameOfRequest(protocol, body)}`, () =>
          request(from, body, options),
        ),
    }),
    ...(message && {
      message: (from, body) => {
        const what = `hear ${nameOfMessage(protocol, body)}`;
        reach('before', what);
        message(from, body);
        reach('after', what);
      },
    }),
    ...(stream && {
      async *stream(from, body, options) {
        reach('before', `answer ${protocol}`);
        yield* stream(from, body, options);
        reach('after', `answer ${protocol}`);
      },
    }),
  };
}

/** A request of the job protocol by its kind, a record by the record's. */
function nameOfRequest(protocol: string, body: Uint8Array): string {
  if (protocol !== 'job') return protocol;
  const request = decodeMessage(body, jobRequestShape);
  if (!request.ok) return protocol;
  return request.value.t === 'record' ? nameOfRecord(request.value) : request.value.t;
}

function nameOfRecord({ record }: Extract<JobRequest, { t: 'record' }>): string {
  const decoded = decodeCanonical(record, recordShape, LIMITS.recordBytesMax);
  return decoded.ok ? decoded.value.kind : 'record';
}

function nameOfMessage(protocol: string, body: Uint8Array): string {
  if (protocol === 'consensus') {
    const message = decodeConsensus(body.subarray(ENVELOPE_BYTES));
    return message.ok ? message.value.kind : protocol;
  }
  const notice = decodeMessage(body, jobNoticeShape);
  return notice.ok ? notice.value.t : protocol;
}

function mortalStores(stores: NodeStores, reach: Reach): NodeStores {
  const { jobs, planStore, workStore, endedStore } = stores;
  const wal = (inner: Wal): Wal => ({
    append: (records) => around(reach, 'write plan', () => inner.append(records)),
    close: () => inner.close(),
  });
  const workLog = (inner: WorkLog): WorkLog => ({
    prepare: () => inner.prepare(),
    append: (records) => around(reach, 'write work', () => inner.append(records)),
    remove: () => around(reach, 'remove work', () => inner.remove()),
    close: () => inner.close(),
  });
  return {
    jobs: {
      load: (onDamaged) => jobs.load(onDamaged),
      put: (job) => around(reach, 'write job', () => jobs.put(job)),
      remove: (jobId) => jobs.remove(jobId),
    },
    planStore: {
      create: async (plan) => {
        const log = await around(reach, 'create plan', () => planStore.create(plan));
        return { ...log, wal: wal(log.wal) };
      },
      begin: async (plan, handover) => {
        const log = await around(reach, 'begin epoch', () => planStore.begin(plan, handover));
        return { ...log, wal: wal(log.wal) };
      },
      recover: async (onDamaged) =>
        (await planStore.recover(onDamaged)).map(({ log, ...plan }) => {
          return { ...plan, log: { ...log, wal: wal(log.wal) } };
        }),
      remove: (planId) => planStore.remove(planId),
    },
    workStore: {
      create: (plan) => workLog(workStore.create(plan)),
      recover: async (onDamaged) =>
        (await workStore.recover(onDamaged)).map((work) => ({ ...work, log: workLog(work.log) })),
    },
    endedStore: {
      load: (onDamaged) => endedStore.load(onDamaged),
      put: (plans) => around(reach, 'write ended', () => endedStore.put(plans)),
      remove: (plans) => endedStore.remove(plans),
    },
  };
}
