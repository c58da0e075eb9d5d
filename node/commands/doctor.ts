/** `kadre doctor`: what is wrong with this machine and this data directory, and what to type. */
import { systemClock } from '../../src/crypto/node/system-ports.ts';
import type { PeerFinding } from '../../src/net/dial-back.ts';
import { ApiClient } from '../../src/sdk/api-client.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { exitOf } from '../cli/output.ts';
import { dataDirOf, loadConfiguration } from '../config.ts';
import { type CheckResult, guarded, ok, warning } from '../doctor/check.ts';
import { checkBackends, checkRunner } from '../doctor/compute.ts';
import { checkClock, checkFloatMode, checkMemory, checkNodeVersion } from '../doctor/machine.ts';
import { checkInvited } from '../doctor/membership.ts';
import { checkDataDir, checkDisk, checkNetworkFile, checkPorts } from '../doctor/place.ts';
import { checkSwarm } from '../doctor/swarm.ts';
import type { NodeStatus } from '../node-facade.ts';
import { findNode } from '../node-record.ts';
import { settingsOf } from './up.ts';

export const doctor: Command = async (context) => {
  const checks = await allChecks(context);
  const isWell = !checks.some(({ status }) => status === 'problem');
  context.output.result({ v: 1, ok: isWell, checks } as { v: 1 }, () => [
    ...checks.flatMap(checkLines),
    isWell ? 'nothing stands in the way' : 'see the lines that begin with ✗',
  ]);
  return isWell ? 0 : exitOf('DATA_DIR_DAMAGED');
};

async function allChecks(context: CommandContext): Promise<readonly CheckResult[]> {
  const { arguments: given, env, signal, log } = context;
  const components = { clock: systemClock, logger: log };
  const dataDir = dataDirOf(given, env);
  const running = await findNode(dataDir);
  const groups = [
    await guarded('machine', async () => [
      checkNodeVersion(),
      await checkClock(),
      checkFloatMode(),
      checkMemory(),
    ]),
    await guarded('data directory', () => checkDataDir(dataDir)),
    await guarded('disk', async () => [await checkDisk(dataDir)]),
    await guarded('configuration', async () => {
      const settings = settingsOf(await loadConfiguration(given, env), env);
      const { listen, api, network, bootstrap } = settings;
      const joined = await checkNetworkFile(network, bootstrap);
      if (running !== undefined) return [joined, ...(await checkNode(running, context))];
      return [joined, ...(await checkPorts(listen, api))];
    }),
    await guarded('invitation', async () => {
      const { network, invitation } = settingsOf(await loadConfiguration(given, env), env);
      return checkInvited(network, dataDir, invitation);
    }),
    await guarded('addon', () => checkBackends(components)),
    await guarded('runner', () => checkRunner(components, { signal })),
  ];
  return groups.flat();
}

/** The node that runs here, as it sees itself, and as its peers see it. */
async function checkNode(
  { record, token }: NonNullable<Awaited<ReturnType<typeof findNode>>>,
  { signal }: CommandContext,
): Promise<readonly CheckResult[]> {
  const client = new ApiClient({ url: record.api, token });
  const status = await client.json<NodeStatus>('status', { signal });
  const { connected, peers } = status;
  const { findings } = await client.json<{ findings: PeerFinding[] }>('reach', { signal });
  const detail = `runs, pid ${record.pid}: ${connected} connected, ${peers} peers known`;
  const advice = 'check that the nodes of --bootstrap or the network file answer';
  const node = connected > 0 ? ok('node', detail) : warning('node', detail, advice);
  return [node, ...checkSwarm(status, findings)];
}

const SIGNS = { ok: '✓', warning: '!', problem: '✗' } as const;

function checkLines({ name, status, detail, advice }: CheckResult): string[] {
  const line = `${SIGNS[status]} ${name}: ${detail}`;
  return advice === undefined ? [line] : [line, `    ${advice}`];
}
