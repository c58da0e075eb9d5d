/** The contract of the `Network` port, run on every implementation. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { KadreError } from '../../src/base/errors.ts';
import type { Network } from '../../src/base/ports.ts';
import { generateSigner } from '../../src/crypto/node/keys.ts';

export interface NetworkPair {
  readonly a: Network;
  readonly b: Network;
  /** Stops b alone, as a crash would. */
  stopB(): Promise<void>;
  stop(): Promise<void>;
}

const text = (value: string) => new TextEncoder().encode(value);
const plain = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const code = (expected: string) => (cause: unknown) =>
  cause instanceof KadreError && cause.code === expected;

export function networkConformance(name: string, make: () => Promise<NetworkPair>): void {
  describe(`Network: ${name}`, { timeout: 30_000 }, () => {
    let pair: NetworkPair;
    let remove: (() => void)[] = [];
    const on = (network: Network, ...rest: Parameters<Network['handle']>) => {
      const off = network.handle(...rest);
      remove.push(off);
      return off;
    };
    before(async () => {
      pair = await make();
    });
    after(() => pair.stop());
    const test = (what: string, body: () => Promise<void>): void => {
      void it(what, async () => {
        try {
          await body();
        } finally {
          for (const off of remove) off();
          remove = [];
        }
      });
    };

    test('answers a request in either direction, whatever its size', async () => {
      const echo = { request: async (_from: string, body: Uint8Array) => body };
      on(pair.b, 'job', echo);
      on(pair.a, 'job', echo);
      for (const bytes of [0, 1, 127, 128, 65_536, 3_000_000]) {
        const body = new Uint8Array(bytes).map((_, i) => i * 7);
        assert.deepEqual(await pair.a.request(pair.b.self, 'job', body), body);
        assert.deepEqual(await pair.b.request(pair.a.self, 'job', body), body);
      }
    });

    test('names the sender and answers itself', async () => {
      const who = { request: async (from: string) => text(from) };
      on(pair.a, 'advert', who);
      on(pair.b, 'advert', who);
      const none = new Uint8Array(0);
      assert.equal(plain(await pair.a.request(pair.b.self, 'advert', none)), pair.a.self);
      assert.equal(plain(await pair.a.request(pair.a.self, 'advert', none)), pair.a.self);
    });

    test('matches answers to requests when they come out of order', async () => {
      const held: (() => void)[] = [];
      on(pair.b, 'job', {
        request: (_from, body) =>
          new Promise((resolve) => {
            held.push(() => resolve(body));
            if (held.length === 100) for (const release of held.reverse()) release();
          }),
      });
      const asked = Array.from({ length: 100 }, (_, i) => text(`request ${i}`));
      const answers = await Promise.all(asked.map((b) => pair.a.request(pair.b.self, 'job', b)));
      assert.deepEqual(answers.map(plain), asked.map(plain));
    });

    test('carries coded failures, hides others, refuses without a handler', async () => {
      const none = new Uint8Array(0);
      const ask = () => pair.a.request(pair.b.self, 'job', none);
      await assert.rejects(ask, code('PEER_REFUSED'));
      let thrown: Error = new KadreError({ code: 'JOB_UNKNOWN' }, 'no job seven');
      on(pair.b, 'job', {
        request: async () => {
          throw thrown;
        },
      });
      await assert.rejects(ask, (cause: KadreError) => {
        assert.equal(cause.code, 'JOB_UNKNOWN');
        assert.equal(cause.peer, pair.b.self);
        assert.match(cause.message, /no job seven/);
        return true;
      });
      thrown = new Error('secret path /home');
      await assert.rejects(ask, (cause: KadreError) => {
        assert.equal(cause.code, 'PEER_REFUSED');
        assert.doesNotMatch(cause.message, /secret/);
        return true;
      });
      // A peer's own trouble must not read like trouble on this machine.
      thrown = new KadreError({ code: 'DISK_FAILED' }, 'its disk');
      await assert.rejects(ask, code('PEER_REFUSED'));
    });

    test('gives up at the deadline and when the caller does, and tells the handler', async () => {
      const cancelled: Promise<void>[] = [];
      on(pair.b, 'job', {
        request: (_from, _body, { signal }) => {
          const done = new Promise<void>((resolve) => {
            signal?.addEventListener('abort', () => resolve(), { once: true });
          });
          cancelled.push(done);
          return new Promise(() => undefined);
        },
      });
      const none = new Uint8Array(0);
      const ask = (options: object) => pair.a.request(pair.b.self, 'job', none, options);
      await assert.rejects(() => ask({ timeoutMs: 30 }), code('PEER_UNREACHABLE'));
      const caller = new AbortController();
      const asked = ask({ signal: caller.signal });
      asked.catch(() => undefined);
      while (cancelled.length < 2) await new Promise((resolve) => setImmediate(resolve));
      caller.abort();
      await assert.rejects(asked, code('INTERRUPTED'));
      await Promise.all(cancelled);
      await assert.rejects(() => ask({ signal: AbortSignal.abort() }), code('INTERRUPTED'));
    });

    test('delivers messages in order', async () => {
      const got: number[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      on(pair.b, 'consensus', {
        message: (_from, body) => {
          got.push(new DataView(body.buffer, body.byteOffset).getUint32(0));
          if (got.length === 2000) resolve();
        },
      });
      for (let i = 0; i < 2000; i++) {
        const body = new Uint8Array(4);
        new DataView(body.buffer).setUint32(0, i);
        pair.a.send(pair.b.self, 'consensus', body);
      }
      await promise;
      assert.deepEqual(
        got,
        Array.from({ length: 2000 }, (_, i) => i),
      );
    });

    test('survives a message handler that throws', async () => {
      on(pair.b, 'job', {
        message: () => {
          throw new Error('handler bug');
        },
        request: async () => text('still here'),
      });
      pair.a.send(pair.b.self, 'job', text('boom'));
      const none = new Uint8Array(0);
      assert.equal(plain(await pair.a.request(pair.b.self, 'job', none)), 'still here');
    });

    test('streams pieces in order, ends, and passes on a failure after what came', async () => {
      on(pair.b, 'blob', {
        stream: async function* (_from, body) {
          for (let i = 0; i < 50; i++) yield text(`${plain(body)} ${i}`);
          if (plain(body) === 'fail') throw new KadreError({ code: 'JOB_UNKNOWN' }, 'gone');
        },
      });
      const got: string[] = [];
      const read = async (what: string) => {
        for await (const piece of pair.a.openStream(pair.b.self, 'blob', text(what))) {
          got.push(plain(piece));
        }
      };
      await read('good');
      assert.deepEqual(
        got,
        Array.from({ length: 50 }, (_, i) => `good ${i}`),
      );
      await assert.rejects(() => read('fail'), code('JOB_UNKNOWN'));
      assert.equal(got.length, 100);
    });

    test('cancels a stream when its reader leaves or is aborted', async () => {
      let left: PromiseWithResolvers<void>;
      on(pair.b, 'blob', {
        stream: async function* () {
          try {
            for (;;) yield new Uint8Array(100_000);
          } finally {
            left.resolve();
          }
        },
      });
      left = Promise.withResolvers();
      const none = new Uint8Array(0);
      for await (const piece of pair.a.openStream(pair.b.self, 'blob', none)) {
        assert.equal(piece.length, 100_000);
        break;
      }
      await left.promise;
      left = Promise.withResolvers();
      const caller = new AbortController();
      const read = async () => {
        const { signal } = caller;
        for await (const piece of pair.a.openStream(pair.b.self, 'blob', none, { signal })) {
          assert.equal(piece.length, 100_000);
          caller.abort();
        }
      };
      await assert.rejects(read, code('INTERRUPTED'));
      await left.promise;
    });

    test('slows a stream down to its reader', async () => {
      let produced = 0;
      on(pair.b, 'blob', {
        stream: async function* () {
          for (; produced < 400; produced++) yield new Uint8Array(256 * 1024);
        },
        request: async (_from, body) => body,
      });
      const none = new Uint8Array(0);
      let taken = 0;
      for await (const piece of pair.a.openStream(pair.b.self, 'blob', none)) {
        assert.equal(piece.length, 256 * 1024);
        taken += 1;
        if (taken > 1) continue;
        // Round trips on the same connection: whatever would run ahead has run ahead by then.
        for (let i = 0; i < 300; i++) await pair.a.request(pair.b.self, 'blob', none);
        assert.ok(produced < 64, `${produced} pieces ahead of a reader that took one`);
      }
      assert.equal(taken, 400);
    });

    test('refuses a body over the limit before sending it', async () => {
      const body = new Uint8Array(2 ** 24);
      await assert.rejects(() => pair.a.request(pair.b.self, 'job', body), code('OVERLOADED'));
    });

    test('takes hostile addresses calmly and reports peers it cannot reach', async () => {
      const nobody = generateSigner().peerId;
      await pair.a.addAddresses(nobody, ['', 'x'.repeat(5000), '/ip4/999.1.1.1/tcp/1', '/tcp']);
      await pair.a.addAddresses('no peer id', ['/ip4/127.0.0.1/tcp/1']);
      const none = new Uint8Array(0);
      for (const peer of ['no peer id', nobody]) {
        const ask = () => pair.a.request(peer, 'job', none, { timeoutMs: 2000 });
        await assert.rejects(ask, code('PEER_UNREACHABLE'));
        const stream = pair.a.openStream(peer, 'blob', none)[Symbol.asyncIterator]();
        await assert.rejects(async () => stream.next(), code('PEER_UNREACHABLE'));
        pair.a.send(peer, 'job', none);
      }
    });

    test('allows one handler per protocol', async () => {
      const off = on(pair.a, 'advert', {});
      assert.throws(() => pair.a.handle('advert', {}), /two handlers/);
      off();
      on(pair.a, 'advert', {});
    });

    it('reports a lost peer once and fails what waits for it', async () => {
      const off = pair.b.handle('job', { request: () => new Promise(() => undefined) });
      const lost: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const stopListening = pair.a.onDisconnect((peer) => {
        lost.push(peer);
        resolve();
      });
      const waiting = pair.a.request(pair.b.self, 'job', new Uint8Array(0));
      waiting.catch(() => undefined);
      assert.deepEqual(pair.a.connectedPeers(), [pair.b.self]);
      await pair.stopB();
      await assert.rejects(waiting, code('PEER_UNREACHABLE'));
      await promise;
      assert.deepEqual(lost, [pair.b.self]);
      assert.deepEqual(pair.a.connectedPeers(), []);
      stopListening();
      off();
    });
  });

  describe(`Network standing: ${name}`, { timeout: 30_000 }, () => {
    it('cuts off a peer that was banned', async () => {
      const pair = await make();
      try {
        pair.b.handle('job', { request: async (_from, body) => body });
        const none = new Uint8Array(0);
        await pair.a.request(pair.b.self, 'job', none);
        const gone = new Promise<string>((resolve) => pair.b.onDisconnect(resolve));
        pair.a.penalise(pair.b.self, 'reject', 'once is not enough');
        await pair.a.request(pair.b.self, 'job', none);
        pair.a.penalise(pair.b.self, 'ban', 'test');
        assert.equal(await gone, pair.a.self);
        const ask = (from: Network, to: Network) => () =>
          from.request(to.self, 'job', none, { timeoutMs: 2000 });
        await assert.rejects(ask(pair.a, pair.b), code('PEER_UNREACHABLE'));
        await assert.rejects(ask(pair.b, pair.a), code('PEER_UNREACHABLE'));
      } finally {
        await pair.stop();
      }
    });
  });
}
