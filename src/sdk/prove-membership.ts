/**
 * This node's own proof that it belongs to a network, got before anybody is dialled: an invitation
 * is checked as every other node will check it, a puzzle is solved
 * (docs/protocol/advert.md, section 6).
 */
import { setImmediate as turn } from 'node:timers/promises';
import { KadreError } from '../base/errors.ts';
import type { SignalOption, Signer } from '../base/ports.ts';
import { throwIfAborted } from '../base/signals.ts';
import {
  checkAdmission,
  type Membership,
  PuzzleSearch,
  parseInvitation,
  signInvitation,
} from '../swarm/admission.ts';
import type { Admission } from '../swarm/advert.ts';
import type { NetworkFile } from '../swarm/network-file.ts';

export interface MembershipOptions extends SignalOption {
  /** Of `kadre network invite`, for a network that admits by invitation. */
  readonly invitation?: string | undefined;
  /** A proof of an earlier run; one that no longer holds is got anew. */
  readonly held?: Admission | undefined;
}

/** Some ten milliseconds of hashing; then others have their turn. */
const TRIES_PER_TURN = 8_192;

/** Errors: NOT_INVITED; INTERRUPTED by the signal while a puzzle is being solved. */
export async function proveMembership(
  network: Pick<NetworkFile, 'id' | 'name' | 'admission'>,
  signer: Signer,
  options: MembershipOptions = {},
): Promise<Membership> {
  const { id, admission: rule } = network;
  if (rule.kind === 'none') return { rule };
  const holds = (proof: Admission | undefined): proof is Admission =>
    proof !== undefined && checkAdmission(rule, id, signer.nodeId, proof) === undefined;
  const { invitation, held, signal } = options;
  if (invitation !== undefined && rule.kind === 'invite') {
    const given = parseInvitation(invitation);
    if (holds(given)) return { rule, own: given };
    throw notInvited(network, rule.authority, signer, 'the invitation is for somebody else');
  }
  if (holds(held)) return { rule, own: held };
  if (rule.kind === 'open') return { rule, own: await solve(id, signer, rule.bits, signal) };
  if (rule.authority !== signer.peerId) {
    throw notInvited(network, rule.authority, signer, 'no invitation was given');
  }
  return { rule, own: { kind: 'invite', proof: signInvitation(signer, id, signer.nodeId) } };
}

async function solve(
  network: string,
  signer: Signer,
  bits: number,
  signal: AbortSignal | undefined,
): Promise<Admission> {
  const search = new PuzzleSearch(network, signer.nodeId, bits);
  for (;;) {
    throwIfAborted(signal);
    const solution = search.attempt(TRIES_PER_TURN);
    if (solution !== undefined) return solution;
    await turn();
  }
}

function notInvited(
  { id, name }: Pick<NetworkFile, 'id' | 'name'>,
  authority: string,
  { peerId }: Signer,
  why: string,
): KadreError {
  const ask = `ask ${authority} for the output of \`kadre network invite ${peerId}\``;
  const advice = `${ask}, and give it with --invitation`;
  const data = { network: id, authority, peerId };
  const message = `the network \`${name}\` admits by invitation, and ${why}`;
  return new KadreError({ code: 'NOT_INVITED', advice, data }, message);
}
