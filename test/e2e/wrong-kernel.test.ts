/**
 * A node whose native addon gets a kernel wrong, as a bad build or a bad processor would: its
 * advert offers that kernel on another backend, with that one's speed, and its status says why.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { composeNode } from '../../node/compose.ts';
import { buildNative } from '../../scripts/build-native.ts';
import { NATIVE_KERNELS } from '../../src/compute/kernels/table.ts';
import { ANYBODY } from '../../src/swarm/admission.ts';
import { silentLogger } from '../oracles/test-clock.ts';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { writeWrongAddon } from '../support/wrong-addon.ts';

interface Offer {
  readonly id: string;
  readonly backend: string;
  readonly speed: number;
}

const build = await buildNative();
if (build.state === 'unavailable') {
  test('without a compiler there is no addon to get wrong', () => assert.ok(build.message));
} else {
  test('a kernel that fails its self-test is offered where it passes', async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'kadre-wrong-'));
    context.after(() => rm(folder, { recursive: true, force: true }));
    const addon = join(folder, 'wrong.cjs');
    await writeWrongAddon(addon, { addon: build.file, kernels: [1, 6] });
    const node = await composeNode(
      {
        dataDir: join(folder, 'data'),
        networkId: 'wrong-kernel-test',
        membership: ANYBODY,
        networkName: 'wrong-kernel-test',
        listen: ['/ip4/127.0.0.1/tcp/0'],
        bootstrap: [],
        rendezvous: undefined,
        roles: ['worker', 'cadre'],
        share: 1,
        storeBytes: 2 ** 30,
        gpu: false,
        mdns: false,
        upnp: false,
        announce: [],
        identitySeed: new Uint8Array(32).fill(7),
        policy: {},
        log: silentLogger,
      },
      { addonFiles: [addon] },
    );
    context.after(() => node.stop());
    const { kernels, devices } = node.caps() as { kernels: Offer[]; devices: { name: string }[] };
    assert.match(devices[0]!.name, /^cpu\/(?!js)/);
    for (const { id, backend, speed } of kernels) {
      const isNative = NATIVE_KERNELS.includes(id);
      const isWrong = !isNative || id === 'gemm.f32@1' || id === 'reduce@1';
      assert.equal(backend, isWrong ? 'cpu/js' : devices[0]!.name, id);
      assert.ok(speed > 1);
    }
    const status = node.status();
    assert.deepEqual(schemaProblems(schemaOf('status'), status), []);
    const leftOut = status.leftOut.map(({ kernel, backend }) => `${kernel} ${backend}`);
    assert.ok(leftOut.includes(`gemm.f32@1 ${devices[0]!.name}`), leftOut.join(', '));
    assert.ok(leftOut.every((entry) => /^(?:gemm\.f32|reduce)@1 /.test(entry)));
  });
}
