/**
 * Data sets as comma-separated text: numbers, the label last, `#` begins a comment line. Strict:
 * one spelling of a row, every row as wide as the first (RFC 4180 without quotes or a header).
 */
import { accept, type Checked } from '../../base/verdict.ts';
import { badData, type Dataset, datasetOf, VALUES_MAX } from './dataset.ts';

/** Wide enough for the shortest text of any binary64, as programs print them. */
const NUMBER = /^-?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?$/;
const LINE_CHARACTERS_MAX = 1_000_000;

/** Reason `bad-data`, with the line's number from 1. */
export function parseCsv(text: string): Checked<Dataset> {
  const values: number[] = [];
  const labels: number[] = [];
  let width = 0;
  let number = 0;
  for (const line of linesOf(text)) {
    number += 1;
    if (line === '' || line.startsWith('#')) continue;
    const row = parseRow(line);
    if (!row.ok) return badData(`line ${number}: ${row.detail}`);
    width ||= row.value.length;
    if (row.value.length !== width) {
      return badData(`line ${number}: ${row.value.length} values, the first row has ${width}`);
    }
    labels.push(row.value.pop()!);
    for (const value of row.value) values.push(value);
    if (values.length > VALUES_MAX) return badData(`over ${VALUES_MAX} values`);
  }
  return datasetOf(Float32Array.from(values), Int32Array.from(labels));
}

function* linesOf(text: string): Generator<string> {
  for (let begin = 0; begin < text.length; ) {
    const found = text.indexOf('\n', begin);
    const end = found === -1 ? text.length : found;
    yield text.slice(begin, text[end - 1] === '\r' ? end - 1 : end);
    begin = end + 1;
  }
}

function parseRow(line: string): Checked<number[]> {
  if (line.length > LINE_CHARACTERS_MAX) return badData('a line of over a million characters');
  const fields = line.split(',');
  if (fields.length < 2) return badData('needs at least one value and a label');
  const wrong = fields.find((field) => !NUMBER.test(field));
  if (wrong !== undefined) return badData(`"${wrong.slice(0, 40)}" is no number`);
  if (!/^\d{1,5}$/.test(fields.at(-1)!)) return badData(`label "${fields.at(-1)}"`);
  return accept(fields.map(Number));
}
