/** Certificates of cadres that changed, each bent in one place. */
import { concatBytes } from '../../../src/base/bytes.ts';
import type { Certificate } from '../../../src/certificate/format.ts';
import { makeCertificate } from '../certificate-factory.ts';
import { labelled, outsider, type Recipe } from './recipe.ts';
import { type BadVector, bad, edited, FULL } from './vector.ts';

/** Seat 2 went to a stand-in. */
const CHANGED: Recipe = { ...FULL, label: 'changed', standIns: [2] };
/** And then seat 0. */
const TWICE: Recipe = { ...FULL, label: 'twice', standIns: [2, 0] };

export const epochRecipes = { CHANGED, TWICE };

export function epochVectors(): BadVector[] {
  const first = makeCertificate(CHANGED).certificate;
  const links = (
    name: string,
    reason: string,
    edit: (epochs: Certificate['epochs']) => Certificate['epochs'],
  ) => edited(name, reason, TWICE, (good) => ({ ...good, epochs: edit(good.epochs) }));
  const forged = (sigs: Uint8Array) => concatBytes([sigs.subarray(64), sigs.subarray(0, 64)]);
  return [
    links('an epoch left out', 'WRONG_EPOCH', ([, second]) => [second!]),
    links('epochs in another order', 'WRONG_EPOCH', ([one, two]) => [two!, one!]),
    links('an epoch too few', 'WRONG_EPOCH', ([one]) => [one!]),
    links('an epoch of another plan', 'WRONG_NEXT_CADRE', ([one, two]) => [
      { ...one!, commit: first.epochs[0]!.commit },
      two!,
    ]),
    links('a vote of an epoch in another place', 'BAD_COMMIT_SIGNATURE', ([one, two]) => [
      { ...one!, commit: { ...one!.commit, sigs: forged(one!.commit.sigs) } },
      two!,
    ]),
    bad('an epoch that does not end', 'WRONG_NEXT_CADRE', CHANGED, {
      epochCommit: ({ nextCadreRoot: _, ...body }) => body,
    }),
    bad('an epoch that names another cadre', 'WRONG_NEXT_CADRE', CHANGED, {
      epochCommit: (body) => ({ ...body, nextCadreRoot: labelled('another cadre') }),
    }),
    bad('a result of an epoch that ends', 'WRONG_NEXT_CADRE', CHANGED, {
      commit: (body) => ({ ...body, nextCadreRoot: labelled('a further cadre') }),
    }),
    bad('an epoch that two of four end', 'TOO_FEW_SIGNERS', { ...CHANGED, epochVotes: [0, 1] }, {}),
    bad('a stand-in for seat 4 of 4', 'WRONG_SEAT_NUMBER', CHANGED, {
      standIn: (entry) => ({ ...entry, seat: 4 }),
    }),
    bad('a stand-in that had a seat', 'DUPLICATE_SEAT_NODE', CHANGED, {
      standIn: (entry) => ({ ...entry, node: first.cadre[0]!.node }),
    }),
    bad('a stand-in with the key of another', 'DUPLICATE_SEAT_KEY', CHANGED, {
      standIn: (entry) => ({ ...entry, key: first.cadre[2]!.key }),
    }),
    bad('a stand-in that no roster knows', 'SEAT_NOT_IN_ROSTER', CHANGED, {
      standIn: (entry) => ({ ...entry, node: outsider.nodeId }),
    }),
    bad('a third stand-in of four', 'SEAT_OUTSIDE_WINDOW', { ...TWICE, ...THRICE }, {}),
    bad('a stand-in that somebody else signed for', 'BAD_CADRE_SIGNATURE', CHANGED, {
      standInSigner: outsider,
    }),
  ];
}

const THRICE: Recipe = { nodes: 7, standIns: [2, 0, 1] };
