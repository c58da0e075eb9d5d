/** The verbs that ask a running node. */
import type { Verb } from './command.ts';
import type { OptionRow } from './option-table.ts';
import { API_OPTIONS } from './resolve-node.ts';

const TOP_OPTIONS: readonly OptionRow[] = [
  {
    name: 'interval',
    kind: 'seconds',
    placeholder: 'SECONDS',
    unit: 's',
    min: 0.1,
    max: 3_600,
    default: 2,
    why: 'between two looks',
  },
  {
    name: 'count',
    kind: 'integer',
    placeholder: 'N',
    min: 1,
    max: 1_000_000,
    default: 'until it is interrupted',
    why: 'looks',
  },
  ...API_OPTIONS,
];

const ofNode = { options: API_OPTIONS, positionals: [] } as const;
const nodeVerb = (name: 'down' | 'status' | 'peers' | 'caps') => async () =>
  (await import('../commands/node-verbs.ts'))[name];

export const NODE_VERBS: readonly Verb[] = [
  {
    name: 'down',
    summary: 'Ask the running node to stop.',
    options: [
      { name: 'drain', kind: 'flag', why: 'take no new work, end what was begun, wait for that' },
      ...API_OPTIONS,
    ],
    positionals: [],
    load: nodeVerb('down'),
  },
  {
    name: 'status',
    summary: 'How the running node is doing.',
    ...ofNode,
    load: nodeVerb('status'),
  },
  {
    name: 'top',
    summary: 'The running node at work, looked at again and again.',
    options: TOP_OPTIONS,
    positionals: [],
    example: 'top --interval 5',
    load: async () => (await import('../commands/top.ts')).top,
  },
  {
    name: 'peers',
    summary: 'Peers that the running node knows.',
    ...ofNode,
    load: nodeVerb('peers'),
  },
  { name: 'caps', summary: "The running node's advert.", ...ofNode, load: nodeVerb('caps') },
];
