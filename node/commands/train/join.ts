/** `kadre train join`: a client of a training, on rows that stay in this process. */

import { systemRandom } from '../../../src/crypto/node/system-ports.ts';
import type { Examples } from '../../../src/federated/model/model.ts';
import type { ClientEvent } from '../../../src/roles/training/client.ts';
import { trainOn } from '../../../src/sdk/built-in-training.ts';
import { type LyingWay, lying, turnedLabels } from '../../../src/sdk/lying-client.ts';
import type { JoinOptions } from '../../../src/sdk/train.ts';
import type { Command } from '../../cli/command.ts';
import { formatBytes } from '../../cli/output.ts';
import { readDataset } from './dataset-file.ts';
import { trainTarget } from './start.ts';

export const trainJoin: Command = async (context) => {
  const { arguments: given, output, wiring, signal } = context;
  const rows = await readDataset(given);
  const way = given.text('attack') as LyingWay | undefined;
  const options: JoinOptions = way === undefined ? { data: rows } : { prepare: liar(way, rows) };
  const waitMs = Math.round(1000 * (given.number('wait-peers') ?? 60));
  await using swarm = await wiring.connect(await trainTarget(context));
  const events = swarm.join(given.positionals[0] ?? '', { ...options, waitMs, signal });
  for await (const event of events) {
    const { type, ...facts } = event;
    const object = { v: 1, event: type, ...facts } as const;
    output.result(object, () => [lineOf(event)]);
  }
  return 0;
};

function liar(way: LyingWay, rows: Examples): NonNullable<JoinOptions['prepare']> {
  const prepare = trainOn(turnedLabels(way, rows), { random: systemRandom });
  return (plan) => lying(way, prepare(plan));
}

function lineOf(event: ClientEvent): string {
  switch (event.type) {
    case 'joined':
      return `joined ${event.coordinator}, ${event.rounds} rounds`;
    case 'sent': {
      const loss = event.loss === undefined ? '' : `, loss ${event.loss.toFixed(4)}`;
      return `round ${event.round + 1}: sent ${formatBytes(event.bytes)}${loss}`;
    }
    case 'refused':
      return `round ${event.round + 1}: refused, ${event.reason}`;
    case 'lost':
      return `the coordinator is away: ${event.cause}`;
    case 'ended':
      return `ended after ${event.rounds} rounds`;
  }
}
