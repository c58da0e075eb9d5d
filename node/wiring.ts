/** The parts that need a network or a runner, imported only by the verbs that use them. */
import { fileURLToPath } from 'node:url';
import type { ConnectOptions, Swarm } from '../src/sdk/types.ts';
import type { Wiring } from './cli/command.ts';
import type { ComposeNode } from './node-facade.ts';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
const urlOf = (path: string) => new URL(`${path}.${extension}`, import.meta.url);

interface SdkModule {
  readonly connect: (options: ConnectOptions) => Promise<Swarm>;
}
interface ComposeModule {
  readonly composeNode: ComposeNode;
}

export const wiring: Wiring = {
  connect: async (options) => {
    const sdk = (await import(urlOf('../src/sdk/connect').href)) as SdkModule;
    return sdk.connect(options);
  },
  compose: async (config, hooks) => {
    const node = (await import(urlOf('./compose').href)) as ComposeModule;
    return node.composeNode(config, hooks);
  },
  labNodeEntry: fileURLToPath(urlOf('./lab/node-main')),
};
