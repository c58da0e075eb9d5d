/** What one turn sends leaves together, in order, and nothing is lost at the end. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers';
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface';
import { withBatchedWrites } from '../../../src/net/batched-writes.ts';

class FakeStream {
  status = 'open';
  writableNeedsDrain = false;
  aborted: Error | undefined;
  readonly sent: number[][] = [];
  failing = false;

  send(data: Uint8Array): boolean {
    if (this.failing) throw new Error('the socket is closing');
    this.sent.push([...data]);
    return true;
  }

  async close(): Promise<void> {
    this.status = 'closed';
  }

  abort(error: Error): void {
    this.aborted = error;
  }
}

async function secured() {
  const raw = new FakeStream();
  const inner = new FakeStream();
  const encrypter = withBatchedWrites(() => {
    const secure = async () => ({ connection: inner as unknown as MessageStream });
    return { protocol: '/fake', secureOutbound: secure, secureInbound: secure } as never;
  })({}) as ConnectionEncrypter;
  const { connection } = await encrypter.secureOutbound(raw as unknown as MessageStream);
  return { raw, inner, connection };
}

const turn = () => new Promise<void>((resolve) => nextTurn(() => nextTurn(resolve)));

test('messages of one turn become one, in order', async () => {
  const { inner, connection } = await secured();
  for (const byte of [1, 2, 3]) connection.send(Uint8Array.of(byte));
  assert.deepEqual(inner.sent, []);
  await turn();
  connection.send(Uint8Array.of(4));
  await turn();
  assert.deepEqual(inner.sent, [[1, 2, 3], [4]]);
});

test('a large batch does not wait, and back-pressure is passed on', async () => {
  const { inner, connection } = await secured();
  assert.equal(connection.send(new Uint8Array(65_536)), true);
  assert.equal(inner.sent.length, 1);
  inner.writableNeedsDrain = true;
  assert.equal(connection.send(Uint8Array.of(1)), false);
});

test('closing sends what is waiting first', async () => {
  const { inner, connection } = await secured();
  connection.send(Uint8Array.of(9));
  await connection.close();
  assert.deepEqual(inner.sent, [[9]]);
});

test('a socket that closed first aborts the stream and throws nowhere', async () => {
  const { inner, connection } = await secured();
  inner.failing = true;
  connection.send(Uint8Array.of(1));
  await turn();
  assert.equal(inner.aborted?.message, 'the socket is closing');
});
