/** Runs command lines in this process, against fakes, and keeps what they wrote. */

import { runCli } from '../../node/cli/run-cli.ts';
import { KadreError } from '../../src/base/errors.ts';
import type { ConnectOptions } from '../../src/sdk/types.ts';
import type { FakeNode } from './fake-node.ts';

export interface CliRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What `connect` was called with; empty when nobody was dialled. */
  readonly connects: readonly ConnectOptions[];
  /** stdout as one JSON object. */
  json(): Record<string, unknown>;
}

export interface CliOptions {
  readonly node?: FakeNode;
  readonly env?: NodeJS.ProcessEnv;
  /** Aborts to play SIGINT. */
  readonly interrupt?: AbortSignal;
  /** The lab's node entry. */
  readonly labNodeEntry?: string;
  /** Sees stdout as it is written. */
  readonly onStdout?: (text: string) => void;
}

export async function runInProcess(
  argv: readonly string[],
  options: CliOptions = {},
): Promise<CliRun> {
  const connects: ConnectOptions[] = [];
  const out: string[] = [];
  const err: string[] = [];
  const nobody = () => new KadreError({ code: 'NOT_ENOUGH_PEERS' }, 'no swarm in this test');
  const status = await runCli(argv, {
    stdout: {
      write: (text) => {
        out.push(text);
        options.onStdout?.(text);
        return true;
      },
    },
    stderr: { write: (text) => err.push(text) > 0 },
    env: { KADRE_DATA: '/nonexistent-kadre-data', ...options.env },
    version: '0.0.0-test',
    interrupt: options.interrupt ?? new AbortController().signal,
    wiring: {
      connect: async (connect) => {
        connects.push(connect);
        if (options.node === undefined) throw nobody();
        return options.node.swarm;
      },
      compose: async () => {
        if (options.node === undefined) throw nobody();
        return options.node;
      },
      labNodeEntry: options.labNodeEntry ?? '/nonexistent',
    },
  });
  const stdout = out.join('');
  return {
    status,
    stdout,
    stderr: err.join(''),
    connects,
    json: () => JSON.parse(stdout) as Record<string, unknown>,
  };
}
