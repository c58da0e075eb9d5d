/** What a verb is given and what it answers: the seam between main and the commands. */
import type { Logger } from '../../src/base/ports.ts';
import type { ConnectOptions, Swarm } from '../../src/sdk/types.ts';
import type { ComposeNode } from '../node-facade.ts';
import type { DocumentedVerb } from './help.ts';
import type { Output } from './output.ts';
import type { Arguments } from './parse-arguments.ts';

/** The parts that need a network or a runner; tests give fakes. */
export interface Wiring {
  readonly connect: (options: ConnectOptions) => Promise<Swarm>;
  readonly compose: ComposeNode;
  /** The entry that the lab runs as each node's process. */
  readonly labNodeEntry: string;
}

export interface CommandContext {
  readonly arguments: Arguments;
  readonly output: Output;
  readonly log: Logger;
  readonly env: NodeJS.ProcessEnv;
  readonly wiring: Wiring;
  /** Aborts with INTERRUPTED on the first SIGINT or SIGTERM, with TIMEOUT after `--timeout`. */
  readonly signal: AbortSignal;
}

/** Resolves to the exit status. Throws `KadreError` for everything that failed. */
export type Command = (context: CommandContext) => Promise<number>;

export interface Verb extends DocumentedVerb {
  /** Imports the verb's code only when it is used, so that the others start fast. */
  readonly load: () => Promise<Command>;
}
