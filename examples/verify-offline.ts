/**
 * What a certificate says, for somebody who was not there: no network, no node, no key.
 *
 *   npm run example -- verify-offline product.kadre
 */
import { readFile } from 'node:fs/promises';
import { verify } from 'kadre/verify';

const [file = 'product.kadre'] = process.argv.slice(2);
const verdict = await verify(new Uint8Array(await readFile(file)));
if (verdict.valid) {
  const { kernel, shards, cadre, replicas, receipts, trust } = verdict;
  console.log(`${file} is valid: ${kernel} in ${shards} shards, ${replicas} replicas of each`);
  console.log(`signed by ${cadre.signers.join(', ')}: ${cadre.q} of ${cadre.n} had to`);
  console.log(`receipts of the workers: ${receipts}; taken by itself it is ${trust}`);
} else {
  console.log(`${file} is not valid: ${verdict.reason}, ${verdict.detail}`);
  process.exitCode = 6;
}
