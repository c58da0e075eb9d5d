/**
 * Files of the safetensors library (test/oracles/safetensors-files.py), read and written byte for
 * byte.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Dtype } from '../../src/kernel/contract.ts';
import { parseSafetensors, writeSafetensors } from '../../src/kernel/safetensors.ts';

interface GoldenFile {
  readonly name: string;
  readonly metadata: Record<string, string>;
  readonly tensors: { name: string; dtype: Dtype; shape: number[]; data: string }[];
  readonly file: string;
}

const url = new URL('./safetensors.json', import.meta.url);

for (const golden of JSON.parse(readFileSync(url, 'utf8')) as GoldenFile[]) {
  const { metadata } = golden;
  const tensors = golden.tensors.map((one) => ({ ...one, data: fromHex(one.data)! }));

  test(`safetensors: ${golden.name}`, () => {
    assert.equal(toHex(writeSafetensors({ tensors, metadata })), golden.file);
    const parsed = parseSafetensors(fromHex(golden.file)!);
    assert.ok(parsed.ok, JSON.stringify(parsed));
    assert.deepEqual(parsed.value.metadata, metadata);
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
    const found = parsed.value.tensors.map((one) => ({ ...one, data: toHex(one.data) }));
    assert.deepEqual(found.sort(byName), golden.tensors.toSorted(byName));
  });
}
