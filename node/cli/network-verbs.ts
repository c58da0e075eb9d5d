/** The verbs about network files. */
import type { Verb } from './command.ts';
import type { OptionRow } from './option-table.ts';

const NETWORK_CREATE_OPTIONS: readonly OptionRow[] = [
  { name: 'name', kind: 'text', placeholder: 'N', why: 'what people call it; required' },
  {
    name: 'admission',
    kind: 'text',
    placeholder: 'RULE',
    choices: ['none', 'invite', 'open'],
    default: 'none',
    why: 'who belongs to it: anybody, whom you invite, whoever solves a puzzle',
  },
  {
    name: 'bits',
    kind: 'integer',
    placeholder: 'B',
    min: 1,
    max: 40,
    default: 20,
    why: 'of the puzzle of `open`: 2^B tries for each identity',
  },
  {
    name: 'bootstrap',
    kind: 'text',
    placeholder: 'MULTIADDR',
    multiple: true,
    why: 'nodes to join through; may be added to the file later',
  },
  {
    name: 'out',
    kind: 'text',
    placeholder: 'FILE',
    default: "the network's id and .json",
    why: 'where the network file goes',
  },
];

export const NETWORK_VERBS: readonly Verb[] = [
  {
    name: 'network create',
    summary: 'Make a network of your own: writes its network file.',
    options: NETWORK_CREATE_OPTIONS,
    positionals: [],
    example: 'network create --name team --admission invite --out team.json',
    load: async () => (await import('../commands/network.ts')).networkCreate,
  },
  {
    name: 'network invite',
    summary: 'Sign an invitation for a node, as the authority of the network.',
    options: [],
    positionals: [{ name: 'PEERID', why: 'who is invited: what its `id show` prints' }],
    example: 'network invite 12D3KooW... --network team.json',
    load: async () => (await import('../commands/network.ts')).networkInvite,
  },
  {
    name: 'network show',
    summary: 'What a network file says.',
    options: [],
    positionals: [{ name: 'FILE', why: 'a network file, or `public` or `local`' }],
    example: 'network show public',
    load: async () => (await import('../commands/network.ts')).networkShow,
  },
];
