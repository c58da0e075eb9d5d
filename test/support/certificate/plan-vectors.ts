/** Certificates whose encoding, spec or roster is wrong. */
import { concatBytes, u32, utf8 } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import { type Certificate, encodeCertificate } from '../../../src/certificate/format.ts';
import { rosterPaths } from '../../../src/swarm/roster.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { makeCertificate } from '../certificate-factory.ts';
import { outsider } from './recipe.ts';
import { type BadVector, bad, edited, SMALL, sameBytes, WIDE, withPart } from './vector.ts';

export function formatVectors(): BadVector[] {
  const { bytes, certificate } = makeCertificate(SMALL);
  const version = bytes.findIndex((_, i) => bytes[i] === 0x61 && bytes[i + 1] === 0x76) + 2;
  const longOne = [bytes.subarray(0, version), Uint8Array.of(0x18, 1), bytes.subarray(version + 1)];
  const raw = (name: string, reason: string, content: Uint8Array): BadVector => ({
    name,
    reason,
    bytes: content,
  });
  return [
    raw('empty file', 'TRUNCATED', new Uint8Array(0)),
    raw('garbage', 'MALFORMED', Uint8Array.of(0xff, ...utf8('no certificate'))),
    raw('last byte cut off', 'TRUNCATED', bytes.subarray(0, -1)),
    raw('one byte more', 'TRAILING_BYTES', concatBytes([bytes, Uint8Array.of(0)])),
    raw('lists in lists', 'TOO_DEEP', new Uint8Array(64).fill(0x81)),
    raw(
      'a byte over the largest file',
      'TOO_LARGE',
      new Uint8Array(LIMITS.certificateBytesMax + 1),
    ),
    raw('a list of a million zeros', 'TOO_MANY_ITEMS', listOfZeros(LIMITS.certificateItemsMax)),
    raw('a length cut off', 'TRUNCATED', Uint8Array.of(0x9a, 0, 0)),
    raw('a reserved length', 'MALFORMED', Uint8Array.of(0x1c)),
    raw('a link', 'MALFORMED', Uint8Array.of(0xd8, 0x2a, 0x41, 0)),
    raw('undefined', 'MALFORMED', Uint8Array.of(0xf7)),
    raw('a number', 'WRONG_VERSION', Uint8Array.of(1)),
    raw('version spelled long', 'MALFORMED', concatBytes(longOne)),
    raw('fields in another order', 'NOT_CANONICAL', reversedFields(certificate)),
    edited('version 2', 'WRONG_VERSION', SMALL, (good) => ({ ...good, v: 2 })),
    edited('a round', 'WRONG_KIND', SMALL, (good) => ({ ...good, kind: 'round' })),
    edited('unknown field', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, note: 'hello' })),
    edited('missing field', 'WRONG_SHAPE', SMALL, ({ headers: _, ...rest }) => rest),
    edited('half an instance', 'WRONG_SHAPE', SMALL, (good) => ({
      ...good,
      plan: { ...good.plan, instance: 0.5 },
    })),
    edited('an epoch', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, epochs: [0] })),
    edited('no seats', 'WRONG_SHAPE', SMALL, (good) => ({ ...good, cadre: [] })),
  ];
}

/** One item more than zeros: the list itself. */
function listOfZeros(count: number): Uint8Array {
  return concatBytes([Uint8Array.of(0x9a), u32(count), new Uint8Array(count)]);
}

/** The same map with its keys in descending order. */
function reversedFields(certificate: Certificate): Uint8Array {
  const entries = Object.entries(certificate).sort(
    ([a], [b]) => b.length - a.length || (a < b ? 1 : -1),
  );
  const parts = entries.flatMap(([key, value]) => [encodeCanonical(key), encodeCanonical(value)]);
  return concatBytes([Uint8Array.of(0xa0 + entries.length), ...parts]);
}

export function specVectors(): BadVector[] {
  const policy = (name: string, reason: string, change: object) =>
    bad(name, reason, SMALL, {
      spec: (spec) => ({ ...spec, policy: { ...spec.policy, ...change } }),
    });
  return [
    policy('quorum above replicas', 'BAD_POLICY', { quorum: 2 }),
    policy('cadre off', 'NO_CADRE', { cadre: 0 }),
    bad('requester without a key', 'BAD_REQUESTER', SMALL, {
      spec: (spec) => ({ ...spec, requester: new Uint8Array(38) }),
    }),
    bad('plan of another job', 'WRONG_JOB_ID', SMALL, {
      plan: (plan) => ({ ...plan, jobId: plan.rosterRoot }),
    }),
    bad('beacon', 'UNSUPPORTED_SEED_SOURCE', SMALL, {
      plan: (plan) => ({
        ...plan,
        seedSource: { source: 'beacon', round: 1, proof: new Uint8Array(0) },
      }),
    }),
    bad('known kernel, other digest', 'WRONG_KERNEL_DIGEST', SMALL, {
      spec: (spec) => ({
        ...spec,
        kernelDigest: ZERO_DIGEST,
      }),
    }),
    bad('unknown parameter', 'BAD_KERNEL_ARGUMENTS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: { ...spec.parameters, extra: 1 } }),
    }),
    bad('default left out', 'BAD_KERNEL_ARGUMENTS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: {} }),
    }),
    bad('more shards than the kernel cuts', 'TOO_MANY_SHARDS', SMALL, {
      spec: (spec) => ({ ...spec, parameters: { items: 1 } }),
    }),
    edited('spec signed by someone else', 'BAD_JOB_SIGNATURE', SMALL, (good) => ({
      ...good,
      job: { ...good.job, signature: outsider.sign(encodeCanonical(good.job.spec)) },
    })),
  ];
}

export function rosterVectors(): BadVector[] {
  const adverts = (
    name: string,
    reason: string,
    edit: (adverts: readonly unknown[]) => readonly unknown[],
  ) =>
    edited(name, reason, SMALL, (good) =>
      good.roster.kind === 'whole'
        ? { ...good, roster: { ...good.roster, adverts: edit(good.roster.adverts) } }
        : good,
    );
  return [
    bad('another roster root', 'WRONG_ROSTER_ROOT', SMALL, {
      plan: (plan) => ({ ...plan, rosterRoot: plan.jobId }),
    }),
    adverts('an advert left out', 'WRONG_ROSTER_ROOT', (all) => all.slice(1)),
    adverts('adverts out of order', 'UNSORTED_ROSTER', (all) => [...all].reverse()),
    adverts('an advert twice', 'DUPLICATE_NODE', (all) => [all[0]!, ...all]),
    bad('advert of another network', 'ADVERT_OF_OTHER_NETWORK', SMALL, {
      advert: (advert, index) => (index === 0 ? { ...advert, network: 'elsewhere' } : advert),
    }),
    bad(
      'advert of no node',
      'BAD_NODE_ID',
      { ...SMALL, nodes: 3 },
      {
        advert: (advert, index) =>
          index === 2 ? { ...advert, node: new Uint8Array(38), roles: [] } : advert,
      },
    ),
    bad('advert signed by another node', 'BAD_ADVERT_SIGNATURE', SMALL, {
      signedAdvert: (signed, index) =>
        index === 0
          ? { ...signed, signature: outsider.sign(encodeCanonical(signed.advert)) }
          : signed,
    }),
    ...partVectors(),
  ];
}

function partVectors(): BadVector[] {
  const made = makeCertificate({ ...WIDE, label: 'part' });
  const { roster: whole } = made.certificate;
  const good = withPart(made.certificate);
  const { roster } = good;
  if (roster.kind !== 'part' || whole.kind !== 'whole') return [];
  const { members } = roster;
  const unused = whole.adverts.findIndex((_, i) => !members.some((each) => each.index === i));
  const [path] = rosterPaths(whole.adverts, [unused]);
  const extra = { index: unused, advert: whole.adverts[unused]!, path: concatBytes(path!) };
  const vector = (name: string, reason: string, change: Partial<typeof roster>): BadVector => ({
    name,
    reason,
    bytes: encodeCertificate({ ...good, roster: { ...roster, ...change } }),
  });
  const first = members[0]!;
  return [
    vector('members in exchanged places', 'BAD_INCLUSION_PATH', {
      members: members.map((member, i) => ({ ...member, path: members.at(-1 - i)!.path })),
    }),
    vector('path one hash too long', 'BAD_INCLUSION_PATH', {
      members: [
        { ...first, path: concatBytes([first.path, new Uint8Array(32)]) },
        ...members.slice(1),
      ],
    }),
    vector('roster of another size', 'BAD_INCLUSION_PATH', { count: roster.count + 1 }),
    vector('member beyond the roster', 'BAD_MEMBER_POSITION', {
      members: [...members.slice(0, -1), { ...members.at(-1)!, index: roster.count }],
    }),
    vector('member that nothing needs', 'UNUSED_ADVERT', {
      members: [...members, extra].sort((a, b) => a.index - b.index),
    }),
    vector('seat not shown', 'SEAT_NOT_IN_ROSTER', {
      members: members.filter(
        (member) => !good.cadre.some((entry) => sameBytes(entry.node, member.advert.advert.node)),
      ),
    }),
  ];
}
