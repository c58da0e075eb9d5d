/**
 * The one place that reads a libp2p stream: an async iterable with a bound. The stream's own
 * iterator buffers without limit and keeps granting its sender new window; this one pauses the
 * stream while its reader is behind, which stops the window and with it the sender.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import type { StreamChunk } from './envelope.ts';

export type ReadableEnd = Pick<
  Stream,
  | 'status'
  | 'readStatus'
  | 'readableEnded'
  | 'readBufferLength'
  | 'pause'
  | 'resume'
  | 'addEventListener'
  | 'removeEventListener'
>;

/** Reading stops above the first and starts again at the second. */
const HELD_BYTES_MAX = 256 * 1024;
const HELD_BYTES_LOW = 64 * 1024;

/** Chunks in order. Ends when the sender has closed; throws when the stream was reset. */
export async function* streamSource(stream: ReadableEnd): AsyncGenerator<StreamChunk, void> {
  const held: StreamChunk[] = [];
  let heldBytes = 0;
  let ended = stream.readableEnded || (stream.status !== 'open' && stream.readBufferLength === 0);
  let failure: Error | undefined;
  let wake: (() => void) | undefined;

  const onMessage = (event: StreamMessageEvent) => {
    held.push(event.data);
    heldBytes += event.data.byteLength;
    if (heldBytes > HELD_BYTES_MAX && stream.readStatus === 'readable') stream.pause();
    wake?.();
  };
  const onEnd = () => {
    ended = true;
    wake?.();
  };
  const onClose = (event: StreamCloseEvent) => {
    failure = event.error;
    // What arrived before an orderly close is still inside the stream while it is paused.
    if (failure === undefined && stream.readStatus === 'paused') stream.resume();
    onEnd();
  };
  stream.addEventListener('message', onMessage);
  stream.addEventListener('end', onEnd);
  stream.addEventListener('close', onClose);
  try {
    for (;;) {
      const batch = held.splice(0);
      for (const chunk of batch) {
        yield chunk;
        heldBytes -= chunk.byteLength;
        if (heldBytes <= HELD_BYTES_LOW && stream.readStatus === 'paused') stream.resume();
      }
      if (held.length > 0) continue;
      if (failure !== undefined) throw failure;
      if (ended) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
  } finally {
    stream.removeEventListener('message', onMessage);
    stream.removeEventListener('end', onEnd);
    stream.removeEventListener('close', onClose);
  }
}
