/**
 * When may a worker reveal? When f + 1 judges say that a seal set is closed: one lying member must
 * not make an honest worker show its digest while others can still copy it (job.md section 4.3).
 */
import type { PeerId } from '../base/ids.ts';

export class ClosedVotes {
  readonly #believed: number;
  readonly #shardCount: number;
  readonly #waves = new Map<number, { votes: Uint8Array; seen: Map<PeerId, Uint8Array> }>();

  /** `believed`: distinct judges needed, 1..255; memory is bounded by judges x waves x shards. */
  constructor(believed: number, shardCount: number) {
    this.#believed = believed;
    this.#shardCount = shardCount;
  }

  /** Who is no judge any more has no say, also in what was not believed yet. */
  forget(judge: PeerId): void {
    for (const { votes, seen } of this.#waves.values()) {
      const said = seen.get(judge);
      seen.delete(judge);
      said?.forEach((one, shard) => {
        if (one !== 0 && votes[shard]! < this.#believed) votes[shard]! -= 1;
      });
    }
  }

  /** Books one judge's statement; returns the shards that just became believed. */
  add(judge: PeerId, wave: number, shards: readonly number[]): number[] {
    if (shards.length === 0) return [];
    let entry = this.#waves.get(wave);
    if (entry === undefined) {
      entry = { votes: new Uint8Array(this.#shardCount), seen: new Map() };
      this.#waves.set(wave, entry);
    }
    let seen = entry.seen.get(judge);
    if (seen === undefined) {
      seen = new Uint8Array(this.#shardCount);
      entry.seen.set(judge, seen);
    }
    const believed: number[] = [];
    for (const shard of shards) {
      if (seen[shard] !== 0) continue;
      seen[shard] = 1;
      entry.votes[shard]! += 1;
      if (entry.votes[shard] === this.#believed) believed.push(shard);
    }
    return believed;
  }
}
