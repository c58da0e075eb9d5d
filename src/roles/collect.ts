/**
 * Fetches the outputs of a finished job from the workers that agreed on them, spread over those
 * workers, each region verified by its digest, with the other agreeing workers as fallback
 * (step 12 of the life of a job).
 */
import { KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { BlobRef, Network, SignalOption } from '../base/ports.ts';
import { fetchBlobs } from '../blob/fetch-small.ts';
import { placeRegion, regionBytes } from '../kernel/assemble.ts';
import { type ArraySpec, arrayBytes, type Region } from '../kernel/contract.ts';

/** One region of one output, its digest and who holds it. */
export interface Piece {
  readonly output: number;
  readonly region: Region;
  readonly digest: Digest;
  readonly holders: readonly PeerId[];
}

/** Bytes of each output in order. Errors: COLLECT_FAILED. */
export async function collect(
  network: Network,
  outputs: readonly ArraySpec[],
  pieces: readonly Piece[],
  options: SignalOption,
): Promise<Uint8Array[]> {
  const arrays = outputs.map((output) => new Uint8Array(arrayBytes(output)));
  const place = (piece: Piece, bytes: Uint8Array) =>
    placeRegion(arrays[piece.output]!, outputs[piece.output]!, piece.region, bytes);
  let open = pieces;
  const failures: string[] = [];
  const holdersMax = pieces.reduce((most, piece) => Math.max(most, piece.holders.length), 0);
  for (let attempt = 0; attempt < holdersMax && open.length > 0; attempt++) {
    const groups = groupByHolder(open, attempt);
    const rests = await Promise.all(
      [...groups].map(async ([holder, group]) => {
        try {
          const refs = group.map((piece) => refOf(outputs, piece));
          const contents = await fetchBlobs(network, [holder], refs, options);
          for (const [i, piece] of group.entries()) place(piece, contents[i]!);
          return [];
        } catch (cause) {
          if (options.signal?.aborted) throw cause;
          failures.push(`${holder}: ${cause instanceof Error ? cause.message : String(cause)}`);
          return group;
        }
      }),
    );
    open = rests.flat();
  }
  // A group fails with its worst piece: what is left is asked for one by one, of every holder.
  let found = 0;
  for (const piece of open) {
    try {
      const [content] = await fetchBlobs(network, piece.holders, [refOf(outputs, piece)], options);
      place(piece, content!);
    } catch (cause) {
      if (options.signal?.aborted) throw cause;
      break;
    }
    found += 1;
  }
  open = open.slice(found);
  if (open.length > 0) {
    throw new KadreError(
      { code: 'COLLECT_FAILED', data: { pieces: open.length, failures } },
      `${open.length} certified pieces could not be fetched: ${failures.slice(0, 3).join('; ')}`,
    );
  }
  return arrays;
}

/** Spreads pieces over their holders; each further attempt moves on to the next holder. */
function groupByHolder(pieces: readonly Piece[], attempt: number): Map<PeerId, Piece[]> {
  const groups = new Map<PeerId, Piece[]>();
  pieces.forEach((piece, i) => {
    const holder = piece.holders[(i + attempt) % piece.holders.length]!;
    const group = groups.get(holder);
    if (group === undefined) groups.set(holder, [piece]);
    else group.push(piece);
  });
  return groups;
}

function refOf(outputs: readonly ArraySpec[], { output, region, digest }: Piece): BlobRef {
  return { root: digest, bytes: regionBytes(outputs[output]!.dtype, region) };
}
