/** `--data` and `--labels`: rows in one of three forms, told apart by their first bytes. */
import { readFile } from 'node:fs/promises';
import { KadreError } from '../../../src/base/errors.ts';
import type { Checked } from '../../../src/base/verdict.ts';
import { parseCsv } from '../../../src/federated/data/csv.ts';
import type { Dataset } from '../../../src/federated/data/dataset.ts';
import { datasetOfIdx } from '../../../src/federated/data/idx.ts';
import { datasetOfNpy } from '../../../src/federated/data/npy-dataset.ts';
import type { Arguments } from '../../cli/parse-arguments.ts';

/** Errors: USAGE without --data; MALFORMED_FILE. */
export async function readDataset(given: Arguments): Promise<Dataset> {
  const file = given.text('data');
  if (file === undefined) {
    const advice = 'give --data FILE: rows that stay on this machine';
    throw new KadreError({ code: 'USAGE', advice }, 'a training needs data');
  }
  const labelsFile = given.text('labels');
  const rows = await readBytes(file);
  const parsed = labelsFile === undefined ? csvOf(rows) : pairOf(rows, await readBytes(labelsFile));
  if (parsed.ok) return parsed.value;
  const message = `${file}: ${parsed.detail ?? parsed.reason}`;
  throw new KadreError({ code: 'MALFORMED_FILE', data: { parsed: true } }, message);
}

export async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const message = `cannot read ${file}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'MALFORMED_FILE' }, message, { cause });
  }
}

function pairOf(rows: Uint8Array, labels: Uint8Array): Checked<Dataset> {
  const isNpy = rows[0] === 0x93;
  return isNpy ? datasetOfNpy(rows, labels) : datasetOfIdx(rows, labels);
}

const csvOf = (bytes: Uint8Array): Checked<Dataset> => parseCsv(new TextDecoder().decode(bytes));
