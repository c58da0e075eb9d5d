/**
 * The asking end of a bulk answer: one `open` frame out, then `data` frames in until `end` or
 * `error` (docs/protocol/transport.md, "Bulk answers"). Leaving the loop resets the stream, which
 * cancels the work at the other side.
 */
import type { Stream } from '@libp2p/interface';
import { pipe } from 'it-pipe';
import { KadreError } from '../base/errors.ts';
import type { PeerId } from '../base/ids.ts';
import type { Clock } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import type { Refusal } from '../base/verdict.ts';
import { checkedFrames, encodeFrame, FRAME_KINDS } from './envelope.ts';
import { decodeRemoteError } from './remote-error.ts';
import { streamSink } from './stream-sink.ts';
import { streamSource } from './stream-source.ts';

export interface BulkComponents {
  readonly clock: Clock;
  readonly stream: Stream;
  onMisbehaviour(refusal: Refusal): void;
}

export interface BulkInit {
  readonly peer: PeerId;
  readonly bodyBytesMax: number;
  /** Silence for this long ends the answer with PEER_UNREACHABLE. */
  readonly idleTimeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Pieces of one bulk answer. Throws PEER_UNREACHABLE, PEER_MISBEHAVED or what the peer said. */
export async function* bulkAnswer(
  components: BulkComponents,
  request: Uint8Array,
  init: BulkInit,
): AsyncGenerator<Uint8Array, void> {
  const { stream, clock } = components;
  const { peer, signal, idleTimeoutMs } = init;
  const giveUp = (why: string) =>
    stream.abort(new KadreError({ code: 'PEER_UNREACHABLE', peer }, why));
  const onAbort = () => giveUp('aborted by the caller');
  signal?.addEventListener('abort', onAbort, { once: true });
  let timer = clock.setTimer(idleTimeoutMs, () => giveUp('no data'));
  let complete = false;
  try {
    await pipe([encodeFrame(FRAME_KINDS.open, 1, request)], streamSink(stream));
    for await (const frame of pipe(streamSource(stream), checkedFrames(init.bodyBytesMax))) {
      timer.cancel();
      if (!frame.ok) throw misbehaved(components, peer, frame);
      const { kind, body } = frame.value;
      complete = kind === FRAME_KINDS.end;
      if (complete) return;
      if (kind === FRAME_KINDS.error) throw decodeRemoteError(peer, body);
      if (kind !== FRAME_KINDS.data) {
        const refusal = { ok: false, penalty: 'reject', reason: 'frame-kind-unexpected' } as const;
        throw misbehaved(components, peer, refusal);
      }
      yield body;
      timer = clock.setTimer(idleTimeoutMs, () => giveUp('no data'));
    }
    throw new KadreError({ code: 'PEER_UNREACHABLE', peer }, `${peer} cut a bulk answer short`);
  } catch (cause) {
    throwIfAborted(signal);
    if (cause instanceof KadreError && cause.peer !== undefined) throw cause;
    const broke = { code: 'PEER_UNREACHABLE', peer } as const;
    throw new KadreError(broke, `the stream to ${peer} broke`, { cause });
  } finally {
    timer.cancel();
    signal?.removeEventListener('abort', onAbort);
    // An orderly end on both sides; anything else is a reset.
    if (complete) stream.close().catch(() => undefined);
    else giveUp('left early');
  }
}

function misbehaved(components: BulkComponents, peer: PeerId, refusal: Refusal): KadreError {
  components.onMisbehaviour(refusal);
  const init = { code: 'PEER_MISBEHAVED', peer, data: { reason: refusal.reason } } as const;
  return new KadreError(init, `${peer} sent a malformed answer: ${refusal.reason}`);
}
