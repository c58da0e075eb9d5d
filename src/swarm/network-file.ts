/**
 * The network file: a named swarm as one JSON document (design README, "Words"; schema in
 * node/schemas/network.json). Its id is part of every protocol name and of every signed advert and
 * job spec, so swarms never mix. Pure: reading files is the caller's.
 */
import { nodeIdOf } from '../base/ids.ts';
import { accept, type Checked, refuse } from '../base/verdict.ts';

/** Nobody, anybody with an identity puzzle of `bits`, or whom the authority signed for. */
export type AdmissionRule =
  | { readonly kind: 'none' }
  | { readonly kind: 'open'; readonly bits: number }
  | { readonly kind: 'invite'; readonly authority: string };

export interface NetworkPolicy {
  readonly replicas?: number;
  readonly quorum?: number;
  readonly cadre?: number;
}

/** Somebody else's Kademlia in which the nodes of a network meet (docs/protocol/joining.md). */
export interface RendezvousRule {
  /** Protocol id of that DHT: `/ipfs/kad/1.0.0` is libp2p's public one. */
  readonly protocol: string;
  /** Its entrances; at most 64. */
  readonly bootstrap: readonly string[];
}

export interface NetworkFile {
  readonly v: 1;
  /** For people. */
  readonly name: string;
  /** In protocol names: lowercase letters, digits, dots and dashes. */
  readonly id: string;
  /** Multiaddrs ending in /p2p/<peer id>, or `/dnsaddr/NAME`; at most 64. */
  readonly bootstrap: readonly string[];
  readonly rendezvous?: RendezvousRule;
  /** Default: `none`. */
  readonly admission: AdmissionRule;
  /** Base58 peer ids of all members, where the network is a closed one: `verify`'s anchor. */
  readonly members?: readonly string[];
  /** Overrides of the job defaults of job.md section 7. */
  readonly policy: NetworkPolicy;
}

export const NETWORK_FILE_BYTES_MAX = 65_536;
const BOOTSTRAP_MAX = 64;
const MEMBERS_MAX = 1024;
const KEYS = ['v', 'name', 'id', 'bootstrap', 'rendezvous', 'admission', 'members', 'policy'];
const ENDS_IN_PEER = /^\/[a-z0-9]+\/[^\s]+\/p2p\/[1-9A-HJ-NP-Za-km-z]{32,64}$/;
const DNSADDR = /^\/dnsaddr\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const ID = /^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$/;

const open: Pick<NetworkFile, 'v' | 'admission' | 'policy' | 'bootstrap'> = {
  v: 1,
  bootstrap: [],
  admission: { kind: 'none' },
  policy: {},
};

/**
 * libp2p's public DHT, which has entrances of many operators and lives without anybody of ours
 * (addresses as its own documentation publishes them).
 */
const PUBLIC_RENDEZVOUS: RendezvousRule = {
  protocol: '/ipfs/kad/1.0.0',
  bootstrap: [
    'QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
    'QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa',
    'QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
    'QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  ].map((peer) => `/dnsaddr/bootstrap.libp2p.io/p2p/${peer}`),
};

/** `public` has no servers of its own: its nodes meet in libp2p's public DHT. */
export const BUILT_IN_NETWORKS: Readonly<Record<string, NetworkFile>> = {
  public: { ...open, name: 'public', id: 'public', rendezvous: PUBLIC_RENDEZVOUS },
  local: { ...open, name: 'local', id: 'local' },
};

/** Reason `bad-network-file`; the detail names the key. Unknown keys are refused. */
export function parseNetworkFile(text: string): Checked<NetworkFile> {
  if (text.length > NETWORK_FILE_BYTES_MAX) return bad(`more than ${NETWORK_FILE_BYTES_MAX} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return bad(`not JSON: ${(cause as Error).message}`);
  }
  if (!isRecord(value)) return bad('not a JSON object');
  const { v, name, id, bootstrap = [], rendezvous, members } = value;
  const { admission = { kind: 'none' }, policy = {} } = value;
  const unknown = unknownKey(value, KEYS);
  if (unknown !== undefined) return bad(`unknown key \`${unknown}\``);
  if (v !== 1) return bad('`v` must be 1');
  if (typeof name !== 'string' || name.length < 1 || name.length > 64) {
    return bad('`name` must be a text of 1 to 64 characters');
  }
  if (typeof id !== 'string' || !ID.test(id)) {
    return bad('`id` must be 1 to 64 lowercase letters, digits, dots or dashes');
  }
  const entrances = bootstrapOf(bootstrap, '`bootstrap`');
  if (!entrances.ok) return entrances;
  const meeting = rendezvous === undefined ? undefined : rendezvousOf(rendezvous);
  if (meeting?.ok === false) return meeting;
  const rule = admissionOf(admission);
  if (!rule.ok) return rule;
  const defaults = policyOf(policy);
  if (!defaults.ok) return defaults;
  if (members !== undefined && !isMemberList(members)) {
    return bad(`\`members\` must be a list of at most ${MEMBERS_MAX} Ed25519 peer ids`);
  }
  const common = {
    v: 1,
    name,
    id,
    bootstrap: entrances.value,
    ...(meeting !== undefined && { rendezvous: meeting.value }),
    admission: rule.value,
    policy: defaults.value,
  } as const;
  return accept<NetworkFile>(members === undefined ? common : { ...common, members });
}

/** A multiaddr text that names the peer to expect there, or a DNS name whose records do. */
export function isBootstrapAddress(address: unknown): address is string {
  if (typeof address !== 'string' || address.length > 256) return false;
  return ENDS_IN_PEER.test(address) || DNSADDR.test(address);
}

function bootstrapOf(value: unknown, key: string): Checked<string[]> {
  if (!Array.isArray(value) || value.length > BOOTSTRAP_MAX) {
    return bad(`${key} must be a list of at most ${BOOTSTRAP_MAX} multiaddrs`);
  }
  const wrong = value.find((address) => !isBootstrapAddress(address));
  if (wrong === undefined) return accept(value);
  return bad(`${key}: ${JSON.stringify(wrong).slice(0, 80)} does not end in /p2p/<peer id>`);
}

function rendezvousOf(value: unknown): Checked<RendezvousRule> {
  if (!isRecord(value)) return bad('`rendezvous` must be an object');
  const unknown = unknownKey(value, ['protocol', 'bootstrap']);
  if (unknown !== undefined) return bad(`unknown key \`rendezvous.${unknown}\``);
  const { protocol, bootstrap } = value;
  if (typeof protocol !== 'string' || !/^\/[\x21-\x7e]{1,127}$/.test(protocol)) {
    return bad('`rendezvous.protocol` must be a protocol id of at most 128 characters');
  }
  const entrances = bootstrapOf(bootstrap, '`rendezvous.bootstrap`');
  return entrances.ok ? accept({ protocol, bootstrap: entrances.value }) : entrances;
}

function isMemberList(value: unknown): value is string[] {
  const isPeerId = (entry: unknown) => typeof entry === 'string' && nodeIdOf(entry) !== undefined;
  return Array.isArray(value) && value.length <= MEMBERS_MAX && value.every(isPeerId);
}

function admissionOf(value: unknown): Checked<AdmissionRule> {
  if (!isRecord(value)) return bad('`admission` must be an object');
  const { kind, bits, authority } = value;
  if (kind === 'none' && unknownKey(value, ['kind']) === undefined) return accept({ kind });
  if (kind === 'open' && unknownKey(value, ['kind', 'bits']) === undefined) {
    return isInteger(bits, 1, 40)
      ? accept({ kind, bits })
      : bad('`admission.bits` must be 1 to 40');
  }
  if (kind === 'invite' && unknownKey(value, ['kind', 'authority']) === undefined) {
    return typeof authority === 'string' && nodeIdOf(authority) !== undefined
      ? accept({ kind, authority })
      : bad('`admission.authority` must be an Ed25519 peer id');
  }
  return bad('`admission` must be {kind: none}, {kind: open, bits} or {kind: invite, authority}');
}

function policyOf(value: unknown): Checked<NetworkPolicy> {
  if (!isRecord(value)) return bad('`policy` must be an object');
  const unknown = unknownKey(value, ['replicas', 'quorum', 'cadre']);
  if (unknown !== undefined) return bad(`unknown key \`policy.${unknown}\``);
  const { replicas, quorum, cadre } = value;
  if (replicas !== undefined && !isInteger(replicas, 1, 16)) {
    return bad('`policy.replicas` must be 1 to 16');
  }
  if (quorum !== undefined && !isInteger(quorum, 1, 16))
    return bad('`policy.quorum` must be 1 to 16');
  if (cadre !== undefined && !isInteger(cadre, 0, 100))
    return bad('`policy.cadre` must be 0 to 100');
  return accept({
    ...(replicas === undefined ? {} : { replicas }),
    ...(quorum === undefined ? {} : { quorum }),
    ...(cadre === undefined ? {} : { cadre }),
  });
}

function isInteger(value: unknown, min: number, max: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unknownKey(value: object, known: readonly string[]): string | undefined {
  return Object.keys(value).find((key) => !known.includes(key));
}

function bad(detail: string) {
  return refuse('bad-network-file', 'reject', detail);
}
