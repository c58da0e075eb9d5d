/**
 * Proofs of membership that a data directory keeps, by network id, so that an invitation is given
 * once and a puzzle solved once. Losing the file costs no more than that: every proof that is read
 * is judged anew (src/sdk/prove-membership.ts).
 */
import { readFile } from 'node:fs/promises';
import { fromHex, toHex } from '../src/base/bytes.ts';
import { signerFromSeed } from '../src/crypto/node/keys.ts';
import { type MembershipOptions, proveMembership } from '../src/sdk/prove-membership.ts';
import { writeFilesAtomic } from '../src/store/atomic-file.ts';
import { formatInvitation, type Membership } from '../src/swarm/admission.ts';
import type { Admission } from '../src/swarm/advert.ts';
import type { NetworkFile } from '../src/swarm/network-file.ts';
import type { DataDir, DataDirFiles } from './data-dir.ts';

type Held = Readonly<Record<string, { readonly kind: string; readonly proof: string }>>;

/** Errors: NOT_INVITED, INTERRUPTED, DISK_FAILED. */
export async function memberOf(
  network: NetworkFile,
  { files, identitySeed }: DataDir,
  options: Pick<MembershipOptions, 'invitation' | 'signal'>,
): Promise<Membership> {
  if (network.admission.kind === 'none') return { rule: network.admission };
  const all = await read(files.admission);
  const held = proofIn(all, network.id);
  const signer = signerFromSeed(identitySeed);
  const membership = await proveMembership(network, signer, { ...options, held });
  const { own } = membership;
  if (own !== undefined && own !== held) {
    const entry = { kind: own.kind, proof: toHex(own.proof) };
    const text = `${JSON.stringify({ ...all, [network.id]: entry })}\n`;
    await writeFilesAtomic([{ file: files.admission, parts: [text], mode: 0o600 }]);
  }
  return membership;
}

/** The invitation into this network that the data directory holds, as `up` was given it. */
export async function heldInvitation(
  files: Pick<DataDirFiles, 'admission'>,
  network: string,
): Promise<string | undefined> {
  const held = proofIn(await read(files.admission), network);
  return held?.kind === 'invite' ? formatInvitation(held.proof) : undefined;
}

/** An absent or unreadable file is an empty one. */
async function read(file: string): Promise<Held> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null ? (value as Held) : {};
  } catch {
    return {};
  }
}

function proofIn(held: Held, network: string): Admission | undefined {
  const { kind, proof } = (Object.hasOwn(held, network) ? held[network] : undefined) ?? {};
  const bytes = typeof proof === 'string' ? fromHex(proof) : undefined;
  if (bytes === undefined || (kind !== 'open' && kind !== 'invite')) return undefined;
  return { kind, proof: bytes };
}
