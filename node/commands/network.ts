/** `kadre network show`: what a network file says, defaults filled in, checked as a node would. */
import { resolve } from 'node:path';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import { BUILT_IN_NETWORKS, type NetworkFile } from '../../src/swarm/network-file.ts';
import type { Command } from '../cli/command.ts';
import { callerFolder } from '../cli/parse-arguments.ts';

export const networkShow: Command = async ({ arguments: given, env, output }) => {
  const name = given.positionals[0] ?? '';
  const isBuiltIn = Object.hasOwn(BUILT_IN_NETWORKS, name);
  const from = isBuiltIn ? name : resolve(callerFolder(env), name);
  const network = await loadNetwork(from);
  const report = { v: 1, from, network } as const;
  output.result(report, () => lines(network));
  return 0;
};

function lines(network: NetworkFile): string[] {
  const { name, id, bootstrap, rendezvous, admission, members, policy } = network;
  const list = (entries: readonly string[]) => (entries.length === 0 ? ['none'] : entries);
  const rule = admission.kind === 'none' ? 'none' : `${admission.kind}: not checked yet`;
  return [
    `network ${name}, id ${id}`,
    ...list(bootstrap).map((address) => `  bootstrap   ${address}`),
    ...(rendezvous?.bootstrap ?? ['none']).map((address) => `  rendezvous  ${address}`),
    `  admission   ${rule}`,
    `  members     ${members === undefined ? 'anybody' : `${members.length} listed`}`,
    `  policy      ${JSON.stringify(policy)}`,
  ];
}
