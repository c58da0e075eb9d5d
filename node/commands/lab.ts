/** `kadre lab up` and `lab run`: a throw-away swarm of real processes on this machine. */
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import type { LogLevel } from '../../src/base/ports.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { formatTable, Output } from '../cli/output.ts';
import { parseCommand } from '../cli/parse-arguments.ts';
import { VERBS } from '../cli/verbs.ts';
import { type Lab, startLab } from '../lab/lab.ts';
import { assignBehaviours } from '../lab/lab-order.ts';
import { readLocalJob, runJob } from './run.ts';
import { reportLines } from './run-report.ts';

const NODES_DEFAULT = 7;
const SEED_MAX = 2 ** 32;

export const labUp: Command = async (context) => {
  const { output, signal } = context;
  const lab = await startFrom(context);
  try {
    const { networkFile, nodes, seed } = lab;
    output.result({ v: 1, event: 'ready', networkFile, nodes, seed } as { v: 1 }, () => [
      ...labLines(lab),
      '',
      `network file ${networkFile}`,
      `try: kadre run noop@1 --shards 100 --network ${networkFile}`,
    ]);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    if (isTimeout(signal)) throw signal.reason;
    return 0;
  } finally {
    await lab.stop();
  }
};

export const labRun: Command = async (context) => {
  const inner = innerContext(context);
  // Refused before a single process starts.
  const job = await readLocalJob(inner);
  const lab = await startFrom(context);
  const about = {
    lab: {
      nodes: lab.nodes.map(({ peerId, behaviour, pid }) => ({ peerId, behaviour, pid })),
      seed: lab.seed,
    },
  };
  try {
    const { signal } = inner;
    const target = async () => ({ network: lab.networkFile, signal });
    const { report } = await runJob(job, inner, target);
    inner.output.result({ ...report, ...about }, () => [
      ...labLines(lab),
      '',
      ...reportLines(report),
    ]);
    return 0;
  } catch (cause) {
    const reason =
      inner.signal.aborted && !(cause instanceof KadreError) ? inner.signal.reason : cause;
    return inner.output.failure(asKadreError(reason, 'INTERNAL', 'unexpected failure'), about);
  } finally {
    await lab.stop();
  }
};

function startFrom(context: CommandContext): Promise<Lab> {
  const { arguments: given, log, signal, wiring } = context;
  const nodes = given.number('nodes') ?? NODES_DEFAULT;
  return startLab({
    entry: wiring.labNodeEntry,
    behaviours: assignBehaviours(nodes, given.number('byzantine'), given.text('behaviour')),
    seed: given.number('seed') ?? Math.floor(Math.random() * SEED_MAX),
    logLevel: (given.text('log') ?? 'warn') as LogLevel,
    log,
    signal,
  });
}

/** The command after `--`: only `run`, and only on the lab's own swarm. */
function innerContext(context: CommandContext): CommandContext {
  const { arguments: given } = context;
  const { verb, arguments: inner } = parseCommand(given.inner, VERBS);
  if (verb?.name !== 'run') {
    const advice = 'for example `kadre lab run -- run noop@1 --shards 100`';
    throw new KadreError({ code: 'USAGE', advice }, 'after `--` comes `run KERNEL ...`');
  }
  const foreign = ['api', 'bootstrap', 'network'].find((name) => inner.has(name));
  if (foreign !== undefined) {
    throw new KadreError(
      { code: 'USAGE' },
      `--${foreign} makes no sense here: the lab is the swarm`,
    );
  }
  const json = context.output.json || inner.flag('json');
  const seconds = inner.number('timeout');
  const signal = seconds === undefined ? context.signal : withTimeout(context.signal, seconds);
  const output = new Output(context.output.stdout, context.output.stderr, { json });
  return { ...context, arguments: inner, output, signal };
}

function withTimeout(signal: AbortSignal, seconds: number): AbortSignal {
  const patience = new AbortController();
  const error = new KadreError({ code: 'TIMEOUT' }, `not done within ${seconds} s`);
  setTimeout(() => patience.abort(error), Math.min(seconds * 1000, 2 ** 31 - 1)).unref();
  return AbortSignal.any([signal, patience.signal]);
}

function isTimeout({ reason }: AbortSignal): boolean {
  return reason instanceof KadreError && reason.code === 'TIMEOUT';
}

function labLines({ nodes, seed }: Lab): string[] {
  const rows = nodes.map((node) => {
    return [`  ${node.peerId}`, `pid ${node.pid}`, node.api, node.behaviour ?? 'honest'];
  });
  return [`lab of ${nodes.length} nodes, seed ${seed}`, ...formatTable(rows)];
}
