/** Certificates whose seats, votes or headers are wrong. */
import { concatBytes } from '../../../src/base/bytes.ts';
import { ZERO_DIGEST } from '../../../src/base/ids.ts';
import { type Certificate, encodeCertificate } from '../../../src/certificate/format.ts';
import { makeCertificate } from '../certificate-factory.ts';
import type { HeaderChain } from './commit.ts';
import { type Bends, namedSigner, outsider } from './recipe.ts';
import { type BadVector, bad, edited, FULL, SMALL, withHeaders } from './vector.ts';

export function cadreVectors(): BadVector[] {
  const smallOrder = Uint8Array.of(1, ...new Uint8Array(31));
  return [
    edited('a seat too few', 'WRONG_SEAT_COUNT', FULL, (good) => ({
      ...good,
      cadre: good.cadre.slice(1),
    })),
    bad('a seat number twice', 'WRONG_SEAT_NUMBER', FULL, {
      entry: (entry) => (entry.seat === 3 ? { ...entry, seat: 2 } : entry),
    }),
    duplicateNode(),
    bad('two seats with one key', 'DUPLICATE_SEAT_KEY', FULL, {
      entry: (entry) => ({ ...entry, key: namedSigner('one key').publicKey }),
    }),
    bad('seat of an outsider', 'SEAT_NOT_IN_ROSTER', FULL, {
      entry: (entry) => (entry.seat === 1 ? { ...entry, node: outsider.nodeId } : entry),
    }),
    bad('seat without the role', 'SEAT_NOT_CAPABLE', { ...FULL, cadre: 1 }, workerInSeat()),
    bad(
      'three ranks skipped for four seats',
      'SEAT_OUTSIDE_WINDOW',
      {
        ...FULL,
        nodes: 9,
        skipped: [0, 1, 2],
      },
      {},
    ),
    bad('entry signed for another seat', 'BAD_CADRE_SIGNATURE', FULL, {
      signedEntry: (entry) =>
        entry.seat === 0 ? { ...entry, signature: outsider.sign(entry.key) } : entry,
    }),
    bad(
      'key of small order',
      'INADMISSIBLE_KEY',
      { ...FULL, votes: [0, 1, 2] },
      {
        entry: (entry) => (entry.seat === 3 ? { ...entry, key: smallOrder } : entry),
      },
    ),
  ];
}

/** Seat 1 is given to the node that already has seat 0. */
function duplicateNode(): BadVector {
  let first: Uint8Array | undefined;
  return bad('two seats of one node', 'DUPLICATE_SEAT_NODE', FULL, {
    entry: (entry) => {
      first ??= entry.node;
      return entry.seat === 1 ? { ...entry, node: first } : entry;
    },
  });
}

/** The last node offers no seat, and is given one. */
function workerInSeat(): Bends {
  let node: Uint8Array | undefined;
  return {
    advert: (advert, index) => {
      if (index !== 5) return advert;
      node = advert.node;
      return { ...advert, roles: ['worker'] };
    },
    entry: (entry) => ({ ...entry, node: node! }),
  };
}

export function commitVectors(): BadVector[] {
  const commit = (
    name: string,
    reason: string,
    edit: (commit: Certificate['commit']) => Partial<Certificate['commit']>,
  ) =>
    edited(name, reason, FULL, (good) => ({
      ...good,
      commit: { ...good.commit, ...edit(good.commit) },
    }));
  const chain = (name: string, reason: string, edit: Partial<HeaderChain>) => ({
    name,
    reason,
    bytes: withHeaders(SMALL, edit).bytes,
  });
  const linked = withHeaders(SMALL).certificate;
  return [
    bad('another epoch', 'WRONG_EPOCH', FULL, { commit: (body) => ({ ...body, epoch: 1 }) }),
    bad('a commit over no result', 'NO_RESULT', FULL, {
      commit: (body) => ({ ...body, resultsRoot: ZERO_DIGEST }),
    }),
    commit('a vote of seat 4 of 4', 'BAD_SIGNER_BITMAP', () => ({ signers: Uint8Array.of(0x1f) })),
    commit('bitmap too long', 'BAD_SIGNER_BITMAP', () => ({ signers: Uint8Array.of(0x0f, 0) })),
    commit('a signature too few', 'WRONG_SIGNATURE_COUNT', ({ sigs }) => ({
      sigs: sigs.subarray(64),
    })),
    bad('two votes of four', 'TOO_FEW_SIGNERS', { ...FULL, votes: [1, 3] }, {}),
    commit('one vote twice', 'BAD_COMMIT_SIGNATURE', ({ sigs }) => ({
      sigs: concatBytes([sigs.subarray(0, 64), sigs.subarray(0, 192)]),
    })),
    commit('votes in another order', 'BAD_COMMIT_SIGNATURE', ({ sigs }) => ({
      sigs: concatBytes([sigs.subarray(64), sigs.subarray(0, 64)]),
    })),
    commit('votes for another state', 'BAD_COMMIT_SIGNATURE', ({ blockId: id }) => ({
      stateRoot: id,
    })),
    commit('votes of another plan', 'BAD_COMMIT_SIGNATURE', () => ({
      sigs: makeCertificate({ ...FULL, label: 'other' }).certificate.commit.sigs,
    })),
    edited('headers of another block', 'BROKEN_HEADER_LINK', SMALL, (good) => ({
      ...good,
      headers: linked.headers,
    })),
    {
      name: 'a header left out',
      reason: 'BROKEN_HEADER_LINK',
      bytes: encodeCertificate({
        ...linked,
        headers: [linked.headers[0]!, linked.headers[2]!],
      }),
    },
    chain('headers of another height', 'WRONG_HEADER_HEIGHT', { height: 9 }),
    chain('headers of another plan', 'HEADER_OF_OTHER_PLAN', { planId: ZERO_DIGEST }),
    chain('headers of another result', 'HEADER_OF_OTHER_RESULT', { resultsRoot: ZERO_DIGEST }),
  ];
}
