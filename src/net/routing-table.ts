/**
 * Waiting for the DHT's routing table. A connection is not yet a table entry: the DHT first pings
 * the peer, and a query made before that asks nobody and finds nothing.
 */
import type { KadDHT } from '@libp2p/kad-dht';
import { throwIfAborted } from '../base/signals.ts';

/** What the table offers beyond the published interface; checked before use. */
interface Table extends Pick<EventTarget, 'addEventListener' | 'removeEventListener'> {
  readonly size: number;
}

export function routingTableOf(dht: KadDHT): Table {
  const table = (dht as Partial<Record<'routingTable', unknown>>).routingTable as Table | undefined;
  if (typeof table?.size !== 'number' || typeof table.addEventListener !== 'function') {
    throw new Error('bug: this DHT has no observable routing table');
  }
  return table;
}

/** Resolves when the table has an entry; rejects with the signal's reason. */
export async function tableFilled(dht: KadDHT, signal: AbortSignal): Promise<void> {
  const table = routingTableOf(dht);
  throwIfAborted(signal);
  if (table.size > 0) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void) => () => {
      table.removeEventListener('peer:add', onAdd);
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    const onAdd = settle(resolve);
    const onAbort = settle(() => reject(signal.reason));
    table.addEventListener('peer:add', onAdd);
    signal.addEventListener('abort', onAbort);
  });
}
