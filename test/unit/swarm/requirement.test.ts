/** What jobs may ask of machines, in text, in bytes, and against adverts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device, KernelOffer } from '../../../src/swarm/advert.ts';
import {
  isMetBy,
  isSameRequirement,
  offersFor,
  parseRequirement,
  type Requirement,
  requirementShape,
  requirementText,
} from '../../../src/swarm/requirement.ts';
import { seedNumber } from '../../support/workers.ts';

const GIB = 2 ** 30;

const cpu: Device = {
  kind: 'cpu',
  name: 'cpu/avx2',
  model: 'Example CPU',
  cores: 8,
  memory: 64 * GIB,
  features: [],
};

const gpu = (capability: number, memory: number): Device => ({
  kind: 'cuda',
  name: `cuda/sm_${capability}`,
  model: 'Example GPU',
  capability,
  memory,
  driver: 12_040,
});

const offer = (backend: string): KernelOffer => ({
  id: 'gemm.f32@1',
  digest: seedNumber(1),
  backend,
  speed: 1,
});

test('text is read, and what is no requirement is refused with what would be one', () => {
  const cases: [string, Requirement][] = [
    ['cuda', { kind: 'cuda' }],
    ['cpu', { kind: 'cpu' }],
    ['cuda>=8.0', { kind: 'cuda', capability: 80 }],
    ['cuda>=12.0, mem>=16GiB', { kind: 'cuda', capability: 120, memory: 16 * GIB }],
    ['mem>=512MiB,cpu', { kind: 'cpu', memory: GIB / 2 }],
  ];
  for (const [text, requirement] of cases) {
    const parsed = parseRequirement(text);
    assert.ok(parsed.ok, text);
    assert.deepEqual(parsed.value, requirement);
  }
  const wrong = ['', 'rocm', 'cuda>8', 'cuda>=8', 'cuda=8.0', 'mem>=16', 'mem>=16GB', 'mem>=-1GiB'];
  wrong.push(
    'cuda,cpu',
    'mem>=0GiB',
    'cuda>=0.1',
    'mem>=1GiB,mem>=2GiB',
    `cuda,${' '.repeat(300)}`,
  );
  for (const text of wrong) {
    const parsed = parseRequirement(text);
    assert.ok(!parsed.ok, text);
    assert.equal(parsed.reason, 'bad-requirement');
  }
});

test('a requirement is told as it is read, and by bytes where there is no unit for them', () => {
  const texts = ['cuda', 'cpu', 'cuda>=8.0', 'cuda>=12.1,mem>=16GiB', 'cpu,mem>=3MiB', 'mem>=1TiB'];
  for (const text of texts) {
    const parsed = parseRequirement(text);
    assert.ok(parsed.ok, text);
    assert.equal(requirementText(parsed.value), text);
  }
  assert.equal(requirementText({ memory: 1025 }), 'mem>=1025 bytes');
  assert.ok(isSameRequirement({ kind: 'cuda', memory: 5 }, { memory: 5, kind: 'cuda' }));
  assert.ok(isSameRequirement(undefined, undefined));
  assert.ok(!isSameRequirement({ kind: 'cuda' }, undefined));
  assert.ok(!isSameRequirement({ kind: 'cuda', capability: 80 }, { kind: 'cuda' }));
});

test('bytes have one spelling of nothing, and no capability of a CPU', () => {
  assert.equal(requirementShape({ kind: 'cuda', capability: 80 }, ''), undefined);
  for (const value of [
    {},
    { capability: 80 },
    { kind: 'cpu', capability: 80 },
    { kind: 'rocm' },
    { memory: 0 },
    { memory: 1, cores: 2 },
    { capability: 9, kind: 'cuda' },
  ]) {
    assert.ok(requirementShape(value, '') !== undefined, JSON.stringify(value));
  }
});

test('the device behind the offer counts, not some other one of the node', () => {
  const devices = [cpu, gpu(90, 80 * GIB)];
  const onGpu = offer('cuda/sm_90');
  const onCpu = offer('cpu/avx2');
  assert.ok(isMetBy(undefined, onCpu, devices));
  assert.ok(isMetBy({ kind: 'cuda', capability: 80, memory: 16 * GIB }, onGpu, devices));
  assert.ok(isMetBy({ kind: 'cuda', capability: 90, memory: 80 * GIB }, onGpu, devices));
  assert.ok(!isMetBy({ kind: 'cuda', capability: 100 }, onGpu, devices));
  assert.ok(!isMetBy({ kind: 'cuda', memory: 80 * GIB + 1 }, onGpu, devices));
  assert.ok(!isMetBy({ kind: 'cuda' }, onCpu, devices), 'the kernel runs on the CPU');
  assert.ok(!isMetBy({ kind: 'cpu' }, onGpu, devices));
  assert.ok(!isMetBy({ memory: 65 * GIB }, onCpu, devices));
  assert.ok(isMetBy({ kind: 'cpu' }, offer('cpu/js'), devices), 'cpu/js stands beside any cpu');
  const two = [cpu, gpu(90, 8 * GIB), gpu(90, 80 * GIB)];
  assert.ok(isMetBy({ memory: 16 * GIB, kind: 'cuda' }, onGpu, two));
});

test('only workers make offers', () => {
  const facts = { devices: [cpu, gpu(90, GIB)], kernels: [offer('cuda/sm_90'), offer('cpu/avx2')] };
  const requirement: Requirement = { kind: 'cuda' };
  const found = offersFor({ ...facts, roles: ['worker'] }, 'gemm.f32@1', requirement);
  assert.deepEqual(
    found.map(({ backend }) => backend),
    ['cuda/sm_90'],
  );
  assert.deepEqual(offersFor({ ...facts, roles: ['cadre'] }, 'gemm.f32@1', requirement), []);
  assert.deepEqual(offersFor({ ...facts, roles: ['worker'] }, 'noop@1', undefined), []);
});
