/** `kadre train status`: where a training stands. */
import type { Command } from '../../cli/command.ts';
import { trainTarget } from './start.ts';

export const trainStatus: Command = async (context) => {
  const { arguments: given, output, wiring, signal } = context;
  const waitMs = Math.round(1000 * (given.number('wait-peers') ?? 10));
  await using swarm = await wiring.connect(await trainTarget(context));
  const status = await swarm.training(given.positionals[0] ?? '', { waitMs, signal });
  output.result({ v: 1, ...status }, () => [
    `training ${status.id}: ${status.isEnded ? 'ended' : `round ${status.round + 1} is open`}`,
    `  ${status.model || 'a model of its own'}, ${status.codec}, ${status.aggregator}`,
    `  ${status.round} of ${status.rounds} rounds certified`,
    `  ${status.clients} of ${status.seats} clients, ${status.updates} updates of this round`,
  ]);
  return 0;
};
