/** `kadre train replay`: a training computed again from its updates, bit for bit. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { KadreError } from '../../../src/base/errors.ts';
import { openChain } from '../../../src/federated/round/check-chain.ts';
import { replayChain } from '../../../src/federated/round/replay-chain.ts';
import type { Command } from '../../cli/command.ts';
import { callerFolder } from '../../cli/parse-arguments.ts';
import { stateOf } from './checkpoint.ts';
import { readBytes } from './dataset-file.ts';

export const trainReplay: Command = async ({ arguments: given, output }) => {
  const chain = openChain(await readBytes(resolve(callerFolder(), given.positionals[0] ?? '')));
  if (!chain.ok) throw invalid(chain.reason, chain.detail);
  const folder = given.text('updates');
  if (folder === undefined) {
    const advice = 'give --updates FOLDER, which `train start --keep-updates` wrote';
    throw new KadreError({ code: 'USAGE', advice }, 'a replay needs the updates');
  }
  const state = stateOf(await readBytes(join(folder, 'state.npy')), 'state.npy');
  const updatesOf = (round: number) => readIfThere(join(folder, `round-${round}.updates`));
  const replayed = await replayChain(chain.value, { state, updatesOf });
  if (!replayed.ok) throw invalid(replayed.reason, replayed.detail);
  const { rounds } = chain.value;
  output.result({ v: 1, rounds: rounds.length, reproduced: true } as { v: 1 }, () => [
    `${rounds.length} rounds computed again from their updates: the same bits`,
  ]);
  return 0;
};

function invalid(reason: string, detail = reason): KadreError {
  const code = reason === 'not-reproduced' ? 'OUTPUT_MISMATCH' : 'CERTIFICATE_INVALID';
  return new KadreError({ code, data: { reason } }, detail);
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new KadreError({ code: 'MALFORMED_FILE' }, `cannot read ${file}`, { cause });
  }
}
