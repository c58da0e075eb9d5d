/**
 * Fetches the outputs of a finished job from the workers that agreed on them, spread over those
 * workers, each region verified by its digest, with the other agreeing workers as fallback
 * (step 12 of the life of a job).
 */
import { asKadreError, KadreError } from '../base/errors.ts';
import type { Digest, PeerId } from '../base/ids.ts';
import type { BlobRef, Clock, Network, SignalOption } from '../base/ports.ts';
import { sleep } from '../base/signals.ts';
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

/** Holders may have lost power just after they agreed: they restart in this time. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 500;
const PAUSE_MS_MAX = 4_000;

export interface CollectComponents {
  readonly network: Network;
  readonly clock: Clock;
}

/** Bytes of each output in order. Errors: COLLECT_FAILED. */
export async function collect(
  components: CollectComponents,
  outputs: readonly ArraySpec[],
  pieces: readonly Piece[],
  options: SignalOption,
): Promise<Uint8Array[]> {
  const collecting = new Collecting(components.network, outputs, options);
  let open = await collecting.spread(pieces);
  const { clock } = components;
  const untilMs = clock.monotonicMs() + PATIENCE_MS;
  for (let pauseMs = PAUSE_MS; open.length > 0; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    const rest = await collecting.oneByOne(open);
    open = rest.open;
    if (open.length === 0) break;
    if (!rest.mayComeBack || clock.monotonicMs() + pauseMs > untilMs) {
      throw collecting.failure(open.length);
    }
    await sleep(clock, pauseMs, options);
  }
  return collecting.arrays;
}

/** The arrays as they fill, and what went wrong on the way. */
class Collecting {
  readonly arrays: Uint8Array[];
  readonly #network: Network;
  readonly #outputs: readonly ArraySpec[];
  readonly #options: SignalOption;
  readonly #failures: string[] = [];

  constructor(network: Network, outputs: readonly ArraySpec[], options: SignalOption) {
    this.#network = network;
    this.#outputs = outputs;
    this.#options = options;
    this.arrays = outputs.map((output) => new Uint8Array(arrayBytes(output)));
  }

  /** Pieces in groups, each of one holder; a group that fails moves on. Gives what is left. */
  async spread(pieces: readonly Piece[]): Promise<readonly Piece[]> {
    let open = pieces;
    const holdersMax = pieces.reduce((most, piece) => Math.max(most, piece.holders.length), 0);
    for (let attempt = 0; attempt < holdersMax && open.length > 0; attempt++) {
      const groups = [...groupByHolder(open, attempt)];
      const rests = await Promise.all(
        groups.map(async ([holder, group]) => {
          const cause = await this.#take([holder], group);
          if (cause !== undefined) this.#failures.push(`${holder}: ${cause.message}`);
          return cause === undefined ? [] : group;
        }),
      );
      open = rests.flat();
    }
    return open;
  }

  /** A group fails with its worst piece: what is left is asked for one by one, of every holder. */
  async oneByOne(
    pieces: readonly Piece[],
  ): Promise<{ readonly open: readonly Piece[]; readonly mayComeBack: boolean }> {
    for (const [at, piece] of pieces.entries()) {
      const cause = await this.#take(piece.holders, [piece]);
      if (cause === undefined) continue;
      return { open: pieces.slice(at), mayComeBack: isUnreached(cause) };
    }
    return { open: [], mayComeBack: false };
  }

  failure(pieces: number): KadreError {
    const failures = this.#failures;
    return new KadreError(
      { code: 'COLLECT_FAILED', data: { pieces, failures } },
      `${pieces} certified pieces could not be fetched: ${failures.slice(0, 3).join('; ')}`,
    );
  }

  /** Fetches and places; gives the failure, except an abort, which is thrown. */
  async #take(holders: readonly PeerId[], group: readonly Piece[]): Promise<Error | undefined> {
    try {
      const refs = group.map((piece) => refOf(this.#outputs, piece));
      const contents = await fetchBlobs(this.#network, holders, refs, this.#options);
      for (const [i, { output, region }] of group.entries()) {
        placeRegion(this.arrays[output]!, this.#outputs[output]!, region, contents[i]!);
      }
      return undefined;
    } catch (cause) {
      if (this.#options.signal?.aborted) throw cause;
      return asKadreError(cause, 'PEER_UNREACHABLE', 'fetch');
    }
  }
}

/** Some holder gave no answer, rather than a wrong one. */
function isUnreached(cause: Error): boolean {
  const failures = cause instanceof KadreError ? cause.data.failures : undefined;
  return (
    Array.isArray(failures) &&
    failures.some(({ code }: { readonly code: string }) => code === 'PEER_UNREACHABLE')
  );
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
