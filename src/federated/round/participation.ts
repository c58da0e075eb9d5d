/**
 * Who takes part in a round: everybody recomputes it from committed counts and a seed
 * (docs/protocol/federated-rules.md, section 7.1).
 */
import { ChaChaWords } from '../../crypto/portable/chacha20.ts';
import { permutation } from '../rule/keeping-stages.ts';

export interface Enrolled {
  /** Rounds of this epoch that the client was drawn for. */
  readonly drawn: number;
  /** False for a client whose privacy budget is spent. */
  readonly isAvailable: boolean;
}

export interface Draw {
  /** Ascending by client id. */
  readonly clients: readonly Enrolled[];
  /** Clients of one round. */
  readonly count: number;
  /** 32 bytes: the roster seed of the round. */
  readonly seed: Uint8Array;
}

/** Indices of the drawn clients, ascending: the least drawn first, chance among equals. */
export function drawClients({ clients, count, seed }: Draw): number[] {
  const order = permutation(clients.length, new ChaChaWords(seed));
  const place = new Map(order.map((client, position) => [client, position]));
  return [...clients.keys()]
    .filter((client) => clients[client]!.isAvailable)
    .sort((a, b) => clients[a]!.drawn - clients[b]!.drawn || place.get(a)! - place.get(b)!)
    .slice(0, count)
    .sort((a, b) => a - b);
}
