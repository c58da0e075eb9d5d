/** The canonical bytes of one result leaf (docs/protocol/certificate.md, section 3). */
import type { NodeId } from '../base/ids.ts';
import { encodeCanonical } from '../wire/cbor.ts';
import type { ResultColumns } from './result-columns.ts';

export function resultLeafBytes(
  columns: ResultColumns,
  shard: number,
  workers: readonly NodeId[],
): Uint8Array {
  const outputs = columns.outputs.map(({ name, dtype }, output) => ({
    name,
    dtype,
    region: columns.region(shard, output),
    digest: columns.digest(shard, output),
  }));
  return encodeCanonical({ shard, outputs, workers });
}
