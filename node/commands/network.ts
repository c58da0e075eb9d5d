/**
 * `kadre network`: make a network of one's own, invite nodes into it, and show what a network file
 * says, checked as a node would. The authority of a network that admits by invitation is the
 * identity in the data directory it was made with (docs/protocol/advert.md, section 6).
 */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { toHex } from '../../src/base/bytes.ts';
import { KadreError } from '../../src/base/errors.ts';
import { nodeIdOf } from '../../src/base/ids.ts';
import type { Signer } from '../../src/base/ports.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { openIdentity, readIdentity } from '../../src/crypto/node/keystore.ts';
import { systemRandom } from '../../src/crypto/node/system-ports.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import { writeFilesAtomic } from '../../src/store/atomic-file.ts';
import { formatInvitation, signInvitation } from '../../src/swarm/admission.ts';
import {
  type AdmissionRule,
  BUILT_IN_NETWORKS,
  type NetworkFile,
  parseNetworkFile,
} from '../../src/swarm/network-file.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { callerFolder } from '../cli/parse-arguments.ts';
import { dataDirOf, loadConfiguration, networkOf } from '../config.ts';
import { dataDirFiles } from '../data-dir.ts';

/** About two seconds of one core for an identity; a thousand identities cost half an hour. */
export const PUZZLE_BITS = 20;
/** Two networks of one name must not meet. */
const ID_RANDOM_BYTES = 8;
const ID_NAME_CHARACTERS_MAX = 40;

export const networkShow: Command = async ({ arguments: given, env, output }) => {
  const name = given.positionals[0] ?? '';
  const isBuiltIn = Object.hasOwn(BUILT_IN_NETWORKS, name);
  const from = isBuiltIn ? name : resolve(callerFolder(env), name);
  const network = await loadNetwork(from);
  const report = { v: 1, from, network } as const;
  output.result(report, () => lines(network));
  return 0;
};

/** Errors: USAGE, BAD_CONFIG, DATA_DIR_DAMAGED, DISK_FAILED. */
export const networkCreate: Command = async (context) => {
  const { arguments: given, env, output } = context;
  const name = given.text('name');
  if (name === undefined) throw new KadreError({ code: 'USAGE' }, '`--name` is missing');
  const id = idFor(name);
  const network: NetworkFile = {
    v: 1,
    name,
    id,
    bootstrap: given.list('bootstrap'),
    admission: await ruleOf(context),
    policy: {},
  };
  const text = `${JSON.stringify(network, undefined, 2)}\n`;
  const parsed = parseNetworkFile(text);
  if (!parsed.ok) throw new KadreError({ code: 'USAGE' }, parsed.detail ?? parsed.reason);
  const file = resolve(callerFolder(env), given.text('out') ?? `${id}.json`);
  await writeFilesAtomic([{ file, parts: [text] }]);
  output.result({ v: 1, file, network } as { v: 1 }, () => [
    ...lines(network),
    `written to ${file}: give it to every node with --network`,
  ]);
  return 0;
};

/** Errors: USAGE (no such rule, not its authority, no peer id), BAD_CONFIG. */
export const networkInvite: Command = async (context) => {
  const { arguments: given, env, output } = context;
  const peerId = given.positionals[0] ?? '';
  const node = nodeIdOf(peerId);
  if (node === undefined) {
    const advice = 'the invited node prints its own with `kadre id show`';
    throw new KadreError({ code: 'USAGE', advice }, `${peerId.slice(0, 64)} is no Ed25519 peer id`);
  }
  const from = networkOf(await loadConfiguration(given, env), env);
  const network = await loadNetwork(from);
  const authority = await authorityOf(network, context);
  const invitation = formatInvitation(signInvitation(authority, network.id, node));
  const report = { v: 1, network: network.id, peerId, authority: authority.peerId, invitation };
  output.result(report as { v: 1 }, () => [
    `${peerId} may join ${network.name} with`,
    `  kadre up --network FILE --invitation ${invitation}`,
  ]);
  return 0;
};

async function ruleOf(context: CommandContext): Promise<AdmissionRule> {
  const { arguments: given } = context;
  const kind = given.text('admission') ?? 'none';
  const bits = given.number('bits');
  if (bits !== undefined && kind !== 'open') {
    const advice = 'add --admission open, or leave --bits out';
    throw new KadreError({ code: 'USAGE', advice }, '--bits is of --admission open');
  }
  if (kind === 'open') return { kind, bits: bits ?? PUZZLE_BITS };
  if (kind !== 'invite') return { kind: 'none' };
  const dataDir = dataDirOf(given, context.env);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { seed } = await openIdentity(dataDirFiles(dataDir).identity);
  return { kind, authority: signerFromSeed(seed).peerId };
}

async function authorityOf(
  { name, admission }: NetworkFile,
  { arguments: given, env }: CommandContext,
): Promise<Signer> {
  if (admission.kind !== 'invite') {
    const advice =
      'make one with `kadre network create --admission invite`, name it with --network';
    const message = `the network \`${name}\` does not admit by invitation`;
    throw new KadreError({ code: 'USAGE', advice }, message);
  }
  const dataDir = dataDirOf(given, env);
  const seed = await readIdentity(dataDirFiles(dataDir).identity);
  const signer = seed === undefined ? undefined : signerFromSeed(seed);
  if (signer?.peerId === admission.authority) return signer;
  const advice = 'name the data directory that the network was made with: --data DIR';
  const message = `${dataDir} does not hold the key of the authority ${admission.authority}`;
  throw new KadreError({ code: 'USAGE', advice }, message);
}

function idFor(name: string): string {
  const words = name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  const slug = words.slice(0, ID_NAME_CHARACTERS_MAX).replaceAll(/^-|-$/g, '');
  const tail = toHex(systemRandom.bytes(ID_RANDOM_BYTES));
  return slug === '' ? tail : `${slug}-${tail}`;
}

function lines(network: NetworkFile): string[] {
  const { name, id, bootstrap, rendezvous, admission, members, policy } = network;
  const list = (entries: readonly string[]) => (entries.length === 0 ? ['none'] : entries);
  return [
    `network ${name}, id ${id}`,
    ...list(bootstrap).map((address) => `  bootstrap   ${address}`),
    ...(rendezvous?.bootstrap ?? ['none']).map((address) => `  rendezvous  ${address}`),
    `  admission   ${ruleText(admission)}`,
    `  members     ${members === undefined ? 'anybody' : `${members.length} listed`}`,
    `  policy      ${JSON.stringify(policy)}`,
  ];
}

function ruleText(rule: AdmissionRule): string {
  if (rule.kind === 'open') return `open: a puzzle of ${rule.bits} bits for every identity`;
  if (rule.kind === 'invite') return `invite: signed by ${rule.authority}`;
  return 'none: anybody';
}
