/** `kadre up`: a node in the foreground until SIGINT, SIGTERM or `kadre down`, then a drain. */

import { KadreError } from '../../src/base/errors.ts';
import type { LogLevel } from '../../src/base/ports.ts';
import type { Command } from '../cli/command.ts';
import { type Configuration, loadConfiguration, networkOf } from '../config.ts';
import { type NodeSettings, type ReadyLine, type ServingNode, serveNode } from '../serve-node.ts';

/** A drain that takes longer is cut off (contract.md: under 5 s). */
const DRAIN_MS = 4500;

export const up: Command = async ({ arguments: given, env, log, output, signal, wiring }) => {
  const settings = settingsOf(await loadConfiguration(given, env), env);
  const serving = await serveNode(settings, { compose: wiring.compose, log, signal });
  output.result(serving.ready, () => readyLines(serving.ready));
  const failure = await ended(serving, signal);
  // A failed disk leaves nothing to drain for, and what it would be asked to keep might be lost.
  if (failure !== undefined) {
    await drain(serving);
    throw failure;
  }
  output.note('draining; interrupt again to stop at once');
  if (!(await drain(serving))) output.note(`not drained within ${DRAIN_MS / 1000} s`);
  if (signal.reason instanceof KadreError && signal.reason.code === 'TIMEOUT') throw signal.reason;
  return 0;
};

export function settingsOf(
  configuration: Configuration,
  env: NodeJS.ProcessEnv = process.env,
): NodeSettings {
  const value = (name: string) => configuration.get(name)?.value;
  const list = (name: string) => (value(name) ?? []) as readonly string[];
  return {
    dataDir: String(value('data')),
    network: networkOf(configuration, env),
    listen: list('listen'),
    bootstrap: list('bootstrap'),
    roles: String(value('roles')),
    share: Number(value('share')),
    storeBytes: Math.round(Number(value('store')) * 2 ** 30),
    memory: value('memory') as number | undefined,
    hours: value('hours') as string | undefined,
    gpu: value('gpu') === true,
    mdns: value('mdns') === true,
    upnp: value('upnp') === true,
    announce: list('announce'),
    invitation: value('invitation') as string | undefined,
    api: String(value('api')),
    logLevel: value('log') as LogLevel,
  };
}

/** Why the node ends: what it failed with, or nothing when somebody asked for it. */
function ended(serving: ServingNode, signal: AbortSignal): Promise<KadreError | undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
    void serving.shutdownAsked.then(() => resolve(undefined));
    void serving.node.failed.then(resolve);
  });
}

async function drain(serving: ServingNode): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), DRAIN_MS);
  });
  try {
    return await Promise.race([serving.stop().then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function readyLines(ready: ReadyLine): string[] {
  return [
    `node ${ready.peerId} is ready (${ready.backend})`,
    ...ready.addrs.map((address) => `  ${address}`),
    `  api ${ready.api}, token in ${ready.tokenFile}`,
    `  data ${ready.dataDir}`,
  ];
}
