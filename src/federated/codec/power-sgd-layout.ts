/**
 * Which tensors PowerSGD factors and where their factors lie in a container
 * (docs/protocol/federated-codec.md, 3.6).
 */
import { blockCount } from './blocks.ts';
import { sizeOf, type UpdateSchema } from './schema.ts';

/** Values per scale of the vector that no tensor of which is factored. */
export const REST_BLOCK_LOG2 = 8;

export interface FactoredTensor {
  /** Its first element in the model's vector. */
  readonly offset: number;
  readonly rows: number;
  readonly columns: number;
  /** Its place in the schema. */
  readonly tensor: number;
}

export interface PowerSgdLayout {
  readonly factored: readonly FactoredTensor[];
  /** Spans of the model's vector that are sent as they are, in order. */
  readonly rest: readonly { readonly from: number; readonly to: number }[];
  readonly restElements: number;
  readonly scaleCount: number;
  readonly valueBytes: number;
}

export function powerSgdLayout(schema: UpdateSchema, rank: number): PowerSgdLayout {
  const factored: FactoredTensor[] = [];
  const rest: { from: number; to: number }[] = [];
  let offset = 0;
  for (const [tensor, { name, shape }] of schema.tensors.entries()) {
    const size = sizeOf({ name, shape });
    const rows = shape[0] ?? 1;
    const columns = size / rows;
    if (rank * (rows + columns) < size) factored.push({ offset, rows, columns, tensor });
    else rest.push({ from: offset, to: offset + size });
    offset += size;
  }
  const restElements = rest.reduce((sum, { from, to }) => sum + to - from, 0);
  const factors = factored.reduce((sum, { rows, columns }) => sum + rank * (rows + columns), 0);
  return {
    factored,
    rest,
    restElements,
    scaleCount: rank * factored.length + blockCount(restElements, REST_BLOCK_LOG2),
    valueBytes: factors + restElements,
  };
}
