/**
 * Averaging a large tensor among processes over loopback, beside the bound that libp2p's own
 * streams set in the same run, and gloo's all-reduce where Debian's python3-torch is installed.
 *
 *   npm run bench -- averaging [--members 4] [--elements 25000000] [--runs 3]
 *     [--codecs 'none;q8;q4;topk:keep=1%'] [--topology butterfly]
 *
 * The bound: every member pulls from its neighbour at once, which gives B bytes per second each;
 * of a tensor of S bytes each member must receive 2 (n - 1) / n S.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Topology } from '../../src/federated/averaging/topology.ts';
import type { MemberOrder, MemberWishes } from './averaging-member.ts';

const { values: flags } = parseArgs({
  options: {
    members: { type: 'string', default: '4' },
    elements: { type: 'string', default: '25000000' },
    runs: { type: 'string', default: '3' },
    codecs: { type: 'string', default: 'none;q8;q4;topk:keep=1%' },
    topology: { type: 'string', default: 'butterfly' },
  },
});
const [count, elements, runs] = [flags.members, flags.elements, flags.runs].map(Number) as [
  number,
  number,
  number,
];
const PULLED_BYTES = 256 * 1024 ** 2;
const write = (line: string) => process.stdout.write(`${line}\n`);

interface Told<T> {
  readonly said: T;
  readonly ms: number;
  readonly failure?: string;
}

async function told<T>(member: ChildProcess): Promise<Told<T>> {
  const [message] = (await once(member, 'message')) as [Told<T>];
  if (message.failure !== undefined) throw new Error(message.failure);
  return message;
}

function order<T>(member: ChildProcess, what: MemberOrder): Promise<Told<T>> {
  const answer = told<T>(member);
  member.send(what);
  return answer;
}

/** All at once; the seconds of the slowest. */
async function together<T>(what: (i: number) => MemberOrder): Promise<{ s: number; said: T[] }> {
  const startMs = performance.now();
  const all = await Promise.all(members.map((member, i) => order<T>(member, what(i))));
  return { s: (performance.now() - startMs) / 1000, said: all.map(({ said }) => said) };
}

function row(name: string, seconds: readonly number[], note: string): number {
  const sorted = seconds.toSorted((a, b) => a - b);
  const [best, middle, worst] = [sorted[0]!, sorted[sorted.length >> 1]!, sorted.at(-1)!];
  const list = [best, middle, worst].map((one) => one.toFixed(3)).join(' ');
  write(`${name.padEnd(26)} ${list} s (best, median, worst)${note}`);
  return best;
}

const entry = path.join(import.meta.dirname, 'averaging-member.ts');
const execArgv = ['--conditions=kadre-source', '--disable-warning=ExperimentalWarning'];
const members = Array.from({ length: count }, () => fork(entry, { execArgv }));
interface Introduction {
  readonly peer: string;
  readonly addresses: readonly string[];
}
const introduced = await Promise.all(members.map((member) => told<Introduction>(member)));
const peers = introduced.map(({ said }) => said.peer);
const addresses = Object.fromEntries(introduced.map(({ said }) => [said.peer, said.addresses]));
await together(() => ({ do: 'meet', addresses }));

const pull = (bytes: number) =>
  together((i) => ({ do: 'pull', from: peers[(i + 1) % count]!, bytes }));
await pull(PULLED_BYTES / 8);
const pulls: number[] = [];
for (let run = 0; run < runs; run++) pulls.push((await pull(PULLED_BYTES)).s);
const fastest = row('limit: every member pulls', pulls, ` ${PULLED_BYTES / 1e6} MB each`);
const rate = PULLED_BYTES / fastest;
const bound = (2 * (count - 1) * 4 * elements) / (count * rate);
const size = `${(4 * elements) / 1e6} MB among ${count} processes`;
write(`${(rate / 1e6).toFixed(0)} MB/s each, so ${size} take ${bound.toFixed(3)} s at best`);

for (const codec of flags.codecs.split(';')) {
  const times: number[] = [];
  let up = 0;
  for (let run = 0; run <= runs; run++) {
    const wishes: MemberWishes = {
      session: `${codec} ${run}`,
      members: peers,
      weight: 1,
      codec: codec === 'none' ? undefined : codec,
      topology: flags.topology as Topology,
      sites: peers.map((_, i) => i % 2),
      fractionBits: 24,
      timeoutMs: 300_000,
    };
    const { s, said } = await together<{ first: number; bytes: { up: number } }>(() => {
      return { do: 'average', elements, wishes };
    });
    if (said.some(({ first }) => first !== said[0]!.first)) throw new Error('members disagree');
    // The first one opens streams and compiles.
    if (run > 0) times.push(s);
    up = said[0]!.bytes.up;
  }
  const least = Math.min(...times);
  row(codec, times, `, ${(up / 1e6).toFixed(1)} MB up, ${(bound / least).toFixed(2)} of the bound`);
}
for (const member of members) member.send({ do: 'end' } satisfies MemberOrder);

const script = path.join(import.meta.dirname, 'gloo-allreduce.py');
try {
  const words = [script, count, elements, runs, 29_000 + (process.pid % 1000)].map(String);
  const { stdout } = await promisify(execFile)('/usr/bin/python3', words);
  const seconds = stdout.trim().split('\n').map(Number).slice(1);
  row('gloo all-reduce, float32', seconds, '');
} catch (cause) {
  write(`gloo was not measured: ${String(cause).split('\n').at(-2) ?? cause}`);
}
