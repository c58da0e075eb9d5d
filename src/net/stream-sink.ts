/**
 * The one place that writes to a libp2p stream: an it-pipe sink that honours back-pressure. When
 * `send` says the buffer is full it waits for the stream's `drain` event before the next chunk, so
 * a slow reader slows its sender down instead of filling its memory (job.md section 8).
 *
 * It listens to the events itself: the stream's own `onDrain` remembers its first resolution and
 * from then on no longer waits.
 */
import type { Stream } from '@libp2p/interface';
import { KadreError } from '../base/errors.ts';

export type WritableEnd = Pick<
  Stream,
  'send' | 'status' | 'writableNeedsDrain' | 'addEventListener' | 'removeEventListener'
>;

/** Ends when the source ends; throws when the stream breaks. Leaves closing to its caller. */
export function streamSink(stream: WritableEnd) {
  return async function sink(
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<void> {
    for await (const chunk of source) {
      if (stream.status !== 'open') throw streamBroken();
      if (!stream.send(chunk)) await drained(stream);
    }
  };
}

/** Resolves at the next `drain`, at once when none is needed; rejects when the stream closes. */
function drained(stream: WritableEnd): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.status !== 'open') return reject(streamBroken());
    if (!stream.writableNeedsDrain) return resolve();
    const finish = (settle: () => void) => () => {
      stream.removeEventListener('drain', onDrain);
      stream.removeEventListener('close', onClose);
      settle();
    };
    const onDrain = finish(resolve);
    const onClose = finish(() => reject(streamBroken()));
    stream.addEventListener('drain', onDrain);
    stream.addEventListener('close', onClose);
  });
}

function streamBroken(): KadreError {
  return new KadreError({ code: 'PEER_UNREACHABLE' }, 'the stream closed while writing');
}
