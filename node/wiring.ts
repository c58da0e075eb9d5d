/** The parts that need a network or a runner, imported only by the verbs that use them. */
import { fileURLToPath } from 'node:url';
import type { Wiring } from './cli/command.ts';

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

export const wiring: Wiring = {
  connect: async (options) => (await import('../src/sdk/connect.ts')).connect(options),
  compose: async (config, hooks) => (await import('./compose.ts')).composeNode(config, hooks),
  labNodeEntry: fileURLToPath(new URL(`./lab/node-main.${extension}`, import.meta.url)),
};
