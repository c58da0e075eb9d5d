/**
 * How workers misbehave: each behaviour wraps the executor or the network port of an otherwise
 * unchanged node (contract.md, "Lab"). What each one is to show stands beside it. The lab's nodes
 * and the simulator's share these.
 */
import type { PeerId } from '../base/ids.ts';
import type { Clock, Network, ProtocolHandler, Signer } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
import { blobRoot } from '../blob/tree.ts';
import type { Executor, ShardResult } from '../compute/executor.ts';
import { buildSeal, encodeRecord } from '../job/build-record.ts';
import { type LedgerRecord, recordShape, type SealRecord } from '../job/records.ts';
import { unpackShards } from '../job/shard-list.ts';
import { decodeMessage, encodeMessage, jobRequestShape } from '../roles/job-messages.ts';
import { decodeCanonical } from '../wire/cbor.ts';
import { LIMITS } from '../wire/limits.ts';
import type { NodeHooks } from './node-hooks.ts';

export const BEHAVIOURS = [
  'wrong-result',
  'silent',
  'slow',
  'equivocate',
  'copy',
  'withhold',
  'crash',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

/** Added to every kernel call of a `slow` node. */
const SLOW_MS = 3_000;

export interface BehaviourWorld {
  readonly clock: Clock;
  /** Ends the process at once, as a power cut would. */
  readonly crash: () => void;
}

/** The wrappers of one node's behaviour; none for an honest one. */
export function hooksOf(behaviour: Behaviour | null, world: BehaviourWorld): NodeHooks {
  if (behaviour === null) return {};
  const hooks: Record<Behaviour, NodeHooks> = {
    // All of them lie alike, so several collude.
    'wrong-result': { wrapExecutor: (executor) => mapResults(executor, flipFirstByte) },
    slow: { wrapExecutor: (executor) => slowExecutor(executor, world.clock) },
    silent: { wrapNetwork: silentNetwork },
    withhold: { wrapNetwork: (network) => onRecord(network, dropReveals) },
    equivocate: { wrapNetwork: (network, signer) => onRecord(network, twoFaced(signer)) },
    copy: {
      wrapExecutor: (executor) => lazyExecutor(executor),
      wrapNetwork: copyingNetwork,
    },
    crash: { wrapNetwork: (network) => crashingNetwork(network, world.crash) },
  };
  return hooks[behaviour];
}

/** Computes, then lies about one byte of every output. */
function flipFirstByte(result: ShardResult): ShardResult {
  const outputs = result.outputs.map(({ content }) => {
    const lie = Uint8Array.from(content);
    if (lie.length > 0) lie[0]! ^= 0x01;
    return { content: lie, root: blobRoot(lie) };
  });
  return { ...result, outputs };
}

function mapResults(inner: Executor, change: (result: ShardResult) => ShardResult): Executor {
  return {
    get backend() {
      return inner.backend;
    },
    run: async (request, options) => (await inner.run(request, options)).map(change),
  };
}

/** Right, but late. */
function slowExecutor(inner: Executor, clock: Clock): Executor {
  return {
    get backend() {
      return inner.backend;
    },
    run: async (request, options = {}) => {
      await sleep(clock, SLOW_MS, options);
      return inner.run(request, options);
    },
  };
}

/** Computes nothing: seals whatever is at hand, hoping to copy what others reveal. */
function lazyExecutor(inner: Executor): Executor {
  const nothing = Uint8Array.of(0);
  return {
    get backend() {
      return inner.backend;
    },
    run: async (request) =>
      request.shards.map((shard) => ({
        shard,
        outputs: [{ content: nothing, root: blobRoot(nothing) }],
      })),
  };
}

type RecordChange = (record: LedgerRecord, to: PeerId) => LedgerRecord | 'drop';

/** Every record that this node sends goes through `change`. */
function onRecord(inner: Network, change: RecordChange): Network {
  return wrapNetwork(inner, {
    request: async (peer, protocol, body, options) => {
      const sent = recordIn(protocol, body);
      if (sent === undefined) return inner.request(peer, protocol, body, options);
      const changed = change(sent.record, peer);
      if (changed === 'drop') return encodeMessage({ t: 'ok' });
      const record = encodeRecord(changed).bytes;
      const lie = encodeMessage({ t: 'record', planId: sent.planId, record });
      return inner.request(peer, protocol, lie, options);
    },
  });
}

/** Seals like everyone, and never opens. */
const dropReveals: RecordChange = (record) => (record.kind === 'reveal' ? 'drop' : record);

/** Two signed seals for the same shards, a different one to every other judge. */
function twoFaced(signer: Signer): RecordChange {
  const judges: PeerId[] = [];
  return (record, to) => {
    if (record.kind !== 'seal') return record;
    if (!judges.includes(to)) judges.push(to);
    return judges.indexOf(to) % 2 === 0 ? record : otherSeal(signer, record);
  };
}

function otherSeal(signer: Signer, seal: SealRecord): SealRecord {
  const { planId, wave } = seal;
  const shards = unpackShards(seal.shards, LIMITS.shardsMax);
  if (!shards.ok) return seal;
  const tuples = Uint8Array.from(seal.tuples, (byte) => byte ^ 0xff);
  return buildSeal(signer, { planId, wave, shards: shards.value }, tuples);
}

/** As a judge it sees what others reveal, and claims the same; its seals do not open to that. */
function copyingNetwork(inner: Network): Network {
  const seen = new Map<number, Uint8Array>();
  const watching = watchRecords(inner, (record) => {
    if (record.kind === 'reveal') seen.set(record.shards.length, record.digests);
  });
  return onRecord(watching, (record) => {
    if (record.kind !== 'reveal') return record;
    return { ...record, digests: seen.get(record.shards.length) ?? record.digests };
  });
}

/** Ends the process once its first seal has reached every judge. */
function crashingNetwork(inner: Network, crash: () => void): Network {
  let open = 0;
  return wrapNetwork(inner, {
    request: async (peer, protocol, body, options) => {
      if (recordIn(protocol, body)?.record.kind !== 'seal') {
        return inner.request(peer, protocol, body, options);
      }
      open += 1;
      try {
        return await inner.request(peer, protocol, body, options);
      } finally {
        open -= 1;
        if (open === 0) crash();
      }
    },
  });
}

/** Takes part in the swarm, and answers nothing about jobs. */
export function silentNetwork(inner: Network): Network {
  return wrapNetwork(inner, {
    handle: (protocol, handler) => {
      if (protocol !== 'job' && protocol !== 'consensus') return inner.handle(protocol, handler);
      return inner.handle(protocol, { request: () => new Promise(() => {}), message: () => {} });
    },
  });
}

function watchRecords(inner: Network, watch: (record: LedgerRecord) => void): Network {
  return wrapNetwork(inner, {
    handle: (protocol, handler) => {
      const watched: ProtocolHandler = {
        ...handler,
        request: async (from, body, options) => {
          const sent = recordIn(protocol, body);
          if (sent !== undefined) watch(sent.record);
          return handler.request!(from, body, options);
        },
      };
      return inner.handle(protocol, handler.request === undefined ? handler : watched);
    },
  });
}

function recordIn(
  protocol: string,
  body: Uint8Array,
): { planId: Uint8Array; record: LedgerRecord } | undefined {
  if (protocol !== 'job') return undefined;
  const request = decodeMessage(body, jobRequestShape);
  if (!request.ok || request.value.t !== 'record') return undefined;
  const { planId } = request.value;
  const record = decodeCanonical(request.value.record, recordShape, LIMITS.recordBytesMax);
  return record.ok ? { planId, record: record.value } : undefined;
}

/** The inner network with some methods replaced. */
export function wrapNetwork(inner: Network, changes: Partial<Network>): Network {
  return {
    self: inner.self,
    addresses: () => inner.addresses(),
    request: (...call) => inner.request(...call),
    send: (...call) => inner.send(...call),
    openStream: (...call) => inner.openStream(...call),
    handle: (...call) => inner.handle(...call),
    addAddresses: (...call) => inner.addAddresses(...call),
    connectedPeers: () => inner.connectedPeers(),
    onDisconnect: (listener) => inner.onDisconnect(listener),
    penalise: (...call) => inner.penalise(...call),
    ...changes,
  };
}
