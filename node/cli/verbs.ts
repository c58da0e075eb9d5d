/** Every verb of this version, once: help, parsing, docs/cli.md and dispatch read this table. */
import { SCENARIO_NAMES } from '../../src/sim/scenarios.ts';
import { SIM_NODES, SIM_NODES_MAX, SIM_NODES_MIN } from '../../src/sim/sim-limits.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { NODE_OPTIONS } from '../config.ts';
import { BEHAVIOURS, LAB_NODES_MAX } from '../lab/lab-order.ts';
import type { Verb } from './command.ts';
import { NETWORK_VERBS } from './network-verbs.ts';
import { NODE_VERBS } from './node-verbs.ts';
import type { OptionRow } from './option-table.ts';
import { API_OPTIONS, BOOTSTRAP_OPTION } from './resolve-node.ts';
import { TRAIN_VERBS } from './train-verbs.ts';

const arrayOption = (name: 'in' | 'out', why: string): OptionRow => {
  return { name, kind: 'pair', placeholder: 'NAME=FILE.npy', multiple: true, why };
};

/** Where a job's results go. */
const RESULT_OPTIONS: readonly OptionRow[] = [
  arrayOption('out', 'where an output goes; an output without one is verified and dropped'),
  { name: 'cert', kind: 'text', placeholder: 'FILE', why: 'where the certificate goes' },
];

/** What a job is and how it is run. */
const JOB_OPTIONS: readonly OptionRow[] = [
  arrayOption('in', 'an input array'),
  {
    name: 'param',
    kind: 'pair',
    placeholder: 'K=V',
    multiple: true,
    why: 'a kernel parameter',
  },
  {
    name: 'shards',
    kind: 'integer',
    placeholder: 'N',
    default: 'enough to keep every worker busy',
    why: "parts that run independently, 1 to the kernel's maximum",
  },
  {
    name: 'replicas',
    kind: 'integer',
    placeholder: 'R',
    default: 3,
    why: `workers that run each shard, 1 to ${LIMITS.replicasMax}`,
  },
  {
    name: 'quorum',
    kind: 'integer',
    placeholder: 'Q',
    default: 2,
    why: 'workers that must agree on a shard, 1 to R',
  },
  {
    name: 'cadre',
    kind: 'integer',
    placeholder: 'N',
    default: 4,
    why: `committee seats, 0 to ${LIMITS.cadreSeatsMax}; 0: no certificate, 1: one node's word`,
  },
  {
    name: 'require',
    kind: 'text',
    placeholder: 'LIST',
    why: "what workers' devices must be, e.g. cuda>=8.0,mem>=16GiB",
  },
  {
    name: 'deadline',
    kind: 'seconds',
    placeholder: 'SECONDS',
    unit: 's',
    min: 0.001,
    max: 31_536_000,
    why: 'the job fails when it is not done by then',
  },
  {
    name: 'wait-peers',
    kind: 'seconds',
    placeholder: 'SECONDS',
    unit: 's',
    min: 0,
    max: 86_400,
    default: 10,
    why: 'how long to look for enough capable peers',
  },
  {
    name: 'reuse',
    kind: 'text',
    placeholder: 'WHOSE',
    choices: ['own', 'trusted', 'off'],
    default: 'own',
    why: 'whose certified job may answer instead of a new one',
  },
];

const DETACH_OPTIONS: readonly OptionRow[] = [
  {
    name: 'detach',
    kind: 'flag',
    why: 'return once the job goes on by itself; fetch its results with `get`',
  },
  {
    name: 'detach-on-interrupt',
    kind: 'flag',
    why: 'an interrupt leaves the job running instead of cancelling it',
  },
];

const WHY_OPTIONS: readonly OptionRow[] = [
  {
    name: 'shard',
    kind: 'integer',
    placeholder: 'I',
    min: 0,
    max: LIMITS.shardsMax - 1,
    default: 'those that are not accepted yet',
    why: 'one shard',
  },
  {
    name: 'first',
    kind: 'integer',
    placeholder: 'I',
    min: 0,
    max: LIMITS.shardsMax - 1,
    default: 0,
    why: 'the shard to begin with',
  },
  {
    name: 'count',
    kind: 'integer',
    placeholder: 'N',
    min: 1,
    max: 64,
    default: 16,
    why: 'shards at most',
  },
];

const LAB_OPTIONS: readonly OptionRow[] = [
  {
    name: 'nodes',
    kind: 'integer',
    placeholder: 'N',
    min: 1,
    max: LAB_NODES_MAX,
    default: 7,
    why: 'node processes: a cadre of 4 and 3 replicas fit with one to spare for a liar',
  },
  {
    name: 'byzantine',
    kind: 'integer',
    placeholder: 'K',
    min: 0,
    max: LAB_NODES_MAX - 1,
    default: 'as many as --behaviour names',
    why: 'how many of them misbehave; the last ones do, the first never does',
  },
  {
    name: 'behaviour',
    kind: 'text',
    placeholder: 'LIST',
    default: BEHAVIOURS.join(','),
    why: 'what the Byzantine nodes do, in order, from the start again when they are more',
  },
  {
    name: 'seed',
    kind: 'integer',
    placeholder: 'S',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: 'random',
    why: 'feeds the chances that misbehaving nodes take',
  },
];

const SIM_OPTIONS: readonly OptionRow[] = [
  {
    name: 'nodes',
    kind: 'integer',
    placeholder: 'N',
    min: SIM_NODES_MIN,
    max: SIM_NODES_MAX,
    default: SIM_NODES,
    why: 'machines beside the requester',
  },
  {
    name: 'seed',
    kind: 'integer',
    placeholder: 'S',
    min: 0,
    max: 2 ** 32 - 1,
    default: 1,
    why: 'everything that happens follows from it: same seed, same trace hash',
  },
  {
    name: 'seeds',
    kind: 'integer',
    placeholder: 'COUNT',
    min: 1,
    max: 1_000_000,
    default: 1,
    why: 'runs this many, from the given one on',
  },
  {
    name: 'scenario',
    kind: 'text',
    placeholder: 'NAME',
    choices: SCENARIO_NAMES,
    default: 'mixed',
    why: 'which faults there are',
  },
];

const CERTIFICATE = { name: 'CERT', why: 'a certificate file (.kadre)' };
const JOB = { name: 'JOB', why: 'a job id, or its first digits, at least 8' };
const KERNEL = { name: 'KERNEL', why: 'kernel id, e.g. gemm.f32@1' };

const none = { options: [], positionals: [] } as const;
const ofNode = { options: API_OPTIONS, positionals: [] } as const;
/** Through a node, or as a client of one's own. */
const SOMEWHERE: readonly OptionRow[] = [BOOTSTRAP_OPTION, ...API_OPTIONS];
const ofJob = { options: API_OPTIONS, positionals: [JOB] } as const;
type JobVerb = 'list' | 'describe' | 'events' | 'why' | 'get' | 'cancel' | 'retry';
const jobVerb = (name: JobVerb) => async () => (await import('../commands/job-verbs.ts'))[name];
export const VERBS: readonly Verb[] = [
  {
    name: 'up',
    summary: 'Run a node until SIGINT or SIGTERM, then drain.',
    options: NODE_OPTIONS,
    positionals: [],
    example: 'up --listen /ip4/0.0.0.0/tcp/4001 --share 0.5',
    load: async () => (await import('../commands/up.ts')).up,
  },
  ...NODE_VERBS,
  {
    name: 'doctor',
    summary: 'What is wrong with this machine or data directory, and what to type.',
    options: NODE_OPTIONS,
    positionals: [],
    load: async () => (await import('../commands/doctor.ts')).doctor,
  },
  {
    name: 'bench',
    summary: 'How fast this machine is: kernels on every backend, hashing, loopback.',
    options: [
      {
        name: 'seconds',
        kind: 'seconds',
        placeholder: 'SECONDS',
        unit: 's',
        min: 0.1,
        max: 600,
        default: 5,
        why: 'about how long it may take in all',
      },
    ],
    positionals: [],
    load: async () => (await import('../commands/bench.ts')).bench,
  },
  {
    name: 'run',
    summary: 'Run a kernel on the swarm; wait, verify, write outputs and certificate.',
    options: [...JOB_OPTIONS, ...RESULT_OPTIONS, ...DETACH_OPTIONS, ...SOMEWHERE],
    positionals: [KERNEL],
    example: 'run gemm.f32@1 --in a=a.npy --in b=b.npy --out c=c.npy --cert c.kadre',
    load: async () => (await import('../commands/run.ts')).run,
  },
  {
    name: 'submit',
    summary: 'Submit a job that goes on by itself; the same as `run --detach`.',
    options: [...JOB_OPTIONS, ...SOMEWHERE],
    positionals: [KERNEL],
    example: 'submit gemm.f32@1 --in a=a.npy --in b=b.npy',
    load: async () => (await import('../commands/run.ts')).submit,
  },
  { name: 'list', summary: 'Jobs submitted through the node.', ...ofNode, load: jobVerb('list') },
  {
    name: 'describe',
    summary: 'One job: state, work, policy.',
    ...ofJob,
    options: SOMEWHERE,
    load: jobVerb('describe'),
  },
  {
    name: 'events',
    summary: 'What happened to a job, from the beginning.',
    ...ofJob,
    options: [{ name: 'follow', kind: 'flag', why: 'go on until the job ends' }, ...SOMEWHERE],
    example: 'events 1f0c22ab --follow',
    load: jobVerb('events'),
  },
  {
    name: 'why',
    summary: 'Why a job waits: who should run its shards, who has them, what they wait for.',
    ...ofJob,
    options: [...WHY_OPTIONS, ...API_OPTIONS],
    example: 'why 1f0c22ab --shard 3',
    load: jobVerb('why'),
  },
  {
    name: 'get',
    summary: 'Wait for a job; verify and write its outputs and certificate.',
    ...ofJob,
    options: [...RESULT_OPTIONS, ...SOMEWHERE],
    example: 'get 1f0c22ab --out c=c.npy --cert c.kadre',
    load: jobVerb('get'),
  },
  {
    name: 'cancel',
    summary: 'Cancel a job at its workers and cadre.',
    ...ofJob,
    load: jobVerb('cancel'),
  },
  {
    name: 'retry',
    summary: 'Submit the work of a job again, with the inputs that the node still holds.',
    ...ofJob,
    load: jobVerb('retry'),
  },
  {
    name: 'verify',
    summary: 'Check a certificate, and arrays against it, offline.',
    options: [
      arrayOption('in', 'an array that must be that input'),
      arrayOption('out', 'an array that must be that output'),
    ],
    positionals: [CERTIFICATE],
    example: 'verify c.kadre --out c=c.npy',
    load: async () => (await import('../commands/verify.ts')).verifyCertificate,
  },
  ...TRAIN_VERBS,
  {
    name: 'kernels list',
    summary: 'The kernels of this build.',
    ...none,
    load: async () => (await import('../commands/kernels.ts')).kernelsList,
  },
  {
    name: 'kernels inspect',
    summary: 'Parameters, inputs and outputs of one kernel.',
    options: [],
    positionals: [KERNEL],
    load: async () => (await import('../commands/kernels.ts')).kernelsInspect,
  },
  {
    name: 'kernels selftest',
    summary: 'Golden digests of every kernel on every backend present.',
    ...none,
    load: async () => (await import('../commands/kernels-selftest.ts')).kernelsSelftest,
  },
  {
    name: 'id show',
    summary: "This data directory's peer id.",
    ...none,
    load: async () => (await import('../commands/settings-verbs.ts')).idShow,
  },
  {
    name: 'id rotate',
    summary: 'Give this data directory a new identity; the old key is kept beside it.',
    ...none,
    load: async () => (await import('../commands/settings-verbs.ts')).idRotate,
  },
  {
    name: 'config show',
    summary: 'Every setting with its value and where it comes from.',
    options: NODE_OPTIONS,
    positionals: [],
    load: async () => (await import('../commands/settings-verbs.ts')).configShow,
  },
  {
    name: 'config explain',
    summary: 'One setting: meaning, value, default.',
    options: NODE_OPTIONS,
    positionals: [{ name: 'KEY', why: 'a setting, e.g. share' }],
    load: async () => (await import('../commands/settings-verbs.ts')).configExplain,
  },
  ...NETWORK_VERBS,
  {
    name: 'sim',
    summary: 'Run seeds in the simulator: faults, lies, invariants, and a trace hash.',
    options: SIM_OPTIONS,
    positionals: [],
    example: 'sim --nodes 9 --seed 7 --scenario mixed',
    load: async () => (await import('../commands/sim.ts')).sim,
  },
  {
    name: 'lab up',
    summary: 'Run a swarm of separate node processes on loopback until SIGINT.',
    options: LAB_OPTIONS,
    positionals: [],
    example: 'lab up --nodes 7 --byzantine 1 --behaviour wrong-result',
    load: async () => (await import('../commands/lab.ts')).labUp,
  },
  {
    name: 'lab run',
    summary: 'Start such a swarm, run one job on it, stop it.',
    options: LAB_OPTIONS,
    positionals: [],
    innerCommand: true,
    example: 'lab run --nodes 7 -- run noop@1 --shards 100',
    load: async () => (await import('../commands/lab.ts')).labRun,
  },
];
