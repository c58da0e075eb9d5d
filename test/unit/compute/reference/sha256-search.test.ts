import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { toHex } from '../../../../src/base/bytes.ts';
import { sampleRequest } from '../../../../src/compute/kernels/kernel-code.ts';
import { JsExecutor } from '../../../../src/compute/local-executor.ts';
import { sha256Search } from '../../../../src/kernel/sha256-search.ts';

test('the lowest hash of each block, by another implementation of SHA-256', async () => {
  const parameters = { prefix: '6b', first: 1000, nonces: 500, blocks: 3 };
  const [result] = await new JsExecutor().run(
    sampleRequest({ kernel: 'sha256.search@1', parameters }),
  );
  const [nonces, hashes] = result!.outputs.map(({ content }) => content);
  for (let block = 0; block < 3; block++) {
    const all = Array.from({ length: 500 }, (_, i) => {
      const message = Buffer.alloc(9, 'k');
      message.writeBigUInt64BE(BigInt(1000 + block * 500 + i), 1);
      return createHash('sha256').update(message).digest('hex');
    });
    const lowest = all.toSorted()[0]!;
    assert.equal(toHex(hashes!.subarray(block * 32, block * 32 + 32)), lowest);
    const nonce = new DataView(nonces!.buffer, nonces!.byteOffset).getBigUint64(block * 8, true);
    assert.equal(nonce, BigInt(1000 + block * 500 + all.indexOf(lowest)));
  }
});

test('prefixes are hex, and nonces stay below 2^53', () => {
  const reason = (parameters: Record<string, number | string>) => {
    const checked = sha256Search.resolve(parameters, []);
    return checked.ok ? 'accepted' : checked.reason;
  };
  assert.equal(reason({}), 'accepted');
  assert.equal(reason({ prefix: 'ab'.repeat(2048) }), 'accepted');
  for (const prefix of ['a', 'AB', 'zz', 'ab'.repeat(2049)]) {
    assert.equal(reason({ prefix }), 'bad-parameter');
  }
  assert.equal(reason({ first: 2 ** 53 - 65, nonces: 1 }), 'accepted');
  assert.equal(reason({ first: 2 ** 53 - 64, nonces: 1 }), 'bad-parameter');
});
