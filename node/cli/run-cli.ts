/** One command line from words to exit status. Throws nothing, and leaves exiting to main.ts. */
import { asKadreError, KadreError } from '../../src/base/errors.ts';
import type { LogLevel } from '../../src/base/ports.ts';
import type { CommandContext, Verb, Wiring } from './command.ts';
import { groupHelp, overview, verbHelp } from './help.ts';
import { type LogFormat, Output, stderrLogger, type TextSink } from './output.ts';
import { type Arguments, type ParsedCommand, parseCommand } from './parse-arguments.ts';
import { VERBS } from './verbs.ts';

export interface CliWorld {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly env: NodeJS.ProcessEnv;
  readonly version: string;
  readonly wiring: Wiring;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly interrupt: AbortSignal;
}

export async function runCli(argv: readonly string[], world: CliWorld): Promise<number> {
  // Known before parsing succeeds, so that a parse error already has the right form.
  const json = argv.slice(0, argv.indexOf('--') < 0 ? undefined : argv.indexOf('--'));
  const output = new Output(world.stdout, world.stderr, { json: json.includes('--json') });
  let patience: Patience | undefined;
  try {
    const command = parseCommand(argv, VERBS);
    const { verb, arguments: given } = command;
    const text = aside(command, world.version);
    if (text !== undefined) {
      output.text(text);
      return 0;
    }
    if (verb === undefined) {
      throw new KadreError({ code: 'USAGE', advice: 'run `kadre --help`' }, 'no verb was given');
    }
    patience = startPatience(given.number('timeout'));
    const context = contextOf(given, output, world, patience);
    return await (await verb.load())(context);
  } catch (cause) {
    const error = failureOf(cause, world.interrupt, patience?.signal);
    if (error.code === 'INTERNAL' && cause instanceof Error) output.note(String(cause.stack));
    return output.failure(error);
  } finally {
    patience?.stop();
  }
}

/** Help and version, which every verb has. */
function aside(command: ParsedCommand<Verb>, version: string): string | undefined {
  const { verb, group, arguments: given } = command;
  if (given.flag('version')) return `${version}\n`;
  if (!given.flag('help')) return undefined;
  if (group !== undefined) return groupHelp(group, VERBS);
  return verb === undefined ? overview(VERBS, version) : verbHelp(verb);
}

function contextOf(
  given: Arguments,
  output: Output,
  world: CliWorld,
  patience: Patience,
): CommandContext {
  const level = (given.text('log') ?? world.env.KADRE_LOG ?? 'warn') as LogLevel;
  const format = (given.text('log-format') ?? world.env.KADRE_LOG_FORMAT ?? 'text') as LogFormat;
  return {
    arguments: given,
    output,
    log: stderrLogger(world.stderr, level, { format }),
    env: world.env,
    wiring: world.wiring,
    signal: AbortSignal.any([world.interrupt, patience.signal]),
  };
}

interface Patience {
  readonly signal: AbortSignal;
  stop(): void;
}

/** Aborts with TIMEOUT after `--timeout`; never, when there is none. */
function startPatience(seconds: number | undefined): Patience {
  const controller = new AbortController();
  if (seconds === undefined) return { signal: controller.signal, stop: () => undefined };
  const message = `not done within ${seconds} s`;
  const expire = () => controller.abort(new KadreError({ code: 'TIMEOUT' }, message));
  // setTimeout holds at most 2^31 - 1 ms; patience beyond that is for ever.
  const timer = setTimeout(expire, Math.min(seconds * 1000, 2 ** 31 - 1));
  return { signal: controller.signal, stop: () => clearTimeout(timer) };
}

/** What ended the command: an interrupt or the patience outrank what they caused. */
function failureOf(
  cause: unknown,
  interrupt: AbortSignal,
  patience: AbortSignal | undefined,
): KadreError {
  const isOwn =
    cause instanceof KadreError && cause.code !== 'INTERNAL' && cause.code !== 'STOPPED';
  const isCancelled = isOwn && (cause.code === 'JOB_CANCELLED' || cause.code === 'INTERRUPTED');
  // It knows better what became of the job.
  if (interrupt.aborted && isOwn && cause.code === 'INTERRUPTED') return cause;
  for (const signal of [interrupt, patience]) {
    if (signal?.aborted && (!isOwn || isCancelled)) {
      return asKadreError(signal.reason, 'INTERRUPTED', 'interrupted');
    }
  }
  return asKadreError(cause, 'INTERNAL', 'unexpected failure');
}
