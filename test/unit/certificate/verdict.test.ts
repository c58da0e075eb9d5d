import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { toHex } from '../../../src/base/bytes.ts';
import { encodeCertificate } from '../../../src/certificate/format.ts';
import { cadreRootOf } from '../../../src/job/plan.ts';
import { jobIdOf } from '../../../src/job/spec.ts';
import { signInvitation } from '../../../src/swarm/admission.ts';
import { type ValidVerdict, type VerifyOptions, verify } from '../../../src/verify.ts';
import { LIMITS } from '../../../src/wire/limits.ts';
import { makeCertificate, NETWORK, namedSigner } from '../../support/certificate-factory.ts';

const made = makeCertificate({ label: 'verdict', nodes: 5, replicas: 2, shards: 2 });
const members = made.certificate.cadre.map(({ node }) => node);

async function valid(bytes: Uint8Array, options: VerifyOptions = {}): Promise<ValidVerdict> {
  const verdict = await verify(bytes, options);
  assert.ok(verdict.valid, JSON.stringify(verdict));
  return verdict;
}

async function reasonOf(options: VerifyOptions): Promise<string> {
  const verdict = await verify(made.bytes, options);
  return verdict.valid ? 'valid' : verdict.reason;
}

test('without anything from elsewhere a certificate is self-consistent, not trusted', async () => {
  const { anchor, trust } = await valid(made.bytes);
  assert.deepEqual([anchor, trust], [null, 'self-consistent']);
  // The id alone says nothing about who the members are.
  const known = await valid(made.bytes, { network: { id: NETWORK, name: 'Lab' } });
  assert.deepEqual([known.anchor, known.trust], [null, 'self-consistent']);
});

test('each anchor is named, the strongest first', async () => {
  const signers = [0, 1, 2, 3, 4].map((i) => namedSigner(`verdict/node/${i}`).peerId);
  const network = { id: NETWORK, name: 'Lab', members: signers };
  const cadreRoot = toHex(cadreRootOf(made.certificate.cadre));
  const requester = made.requester.peerId;
  const anchorOf = async (options: VerifyOptions) => {
    const { anchor, trust } = await valid(made.bytes, options);
    assert.equal(trust, 'trusted');
    return anchor;
  };
  assert.equal(await anchorOf({ network, cadreRoot, requester }), 'network:Lab');
  assert.equal(
    await anchorOf({ network: { id: NETWORK, members: signers } }),
    `network:${NETWORK}`,
  );
  assert.equal(await anchorOf({ cadreRoot, requester }), 'cadreRoot');
  assert.equal(await anchorOf({ requester }), `requester:${requester}`);
});

test('a network whose authority invited every seat is an anchor, and says so', async () => {
  const authority = namedSigner('verdict/authority');
  const invited = makeCertificate({
    label: 'invited',
    nodes: 5,
    replicas: 2,
    shards: 2,
    bend: {
      advert: (advert) => {
        const proof = signInvitation(authority, NETWORK, advert.node);
        return { ...advert, admission: { kind: 'invite', proof } };
      },
    },
  });
  const admission = { kind: 'invite', authority: authority.peerId } as const;
  const network = { id: NETWORK, name: 'Lab', admission };
  const known = await valid(invited.bytes, { network });
  assert.deepEqual([known.admission, known.anchor], ['invite', 'network:Lab']);
  const unknown = await valid(invited.bytes);
  assert.deepEqual([unknown.admission, unknown.anchor], ['claimed', null]);
  for (const rule of [
    { ...admission, authority: invited.requester.peerId },
    { kind: 'open', bits: 1 } as const,
  ]) {
    const verdict = await verify(invited.bytes, { network: { ...network, admission: rule } });
    assert.equal(!verdict.valid && verdict.reason, 'SEAT_NOT_ADMITTED');
  }
  assert.equal(await reasonOf({ network }), 'SEAT_NOT_ADMITTED');
});

test('an expectation that does not hold is refused, even beside a stronger one', async () => {
  const stranger = namedSigner('stranger').peerId;
  const jobId = toHex(jobIdOf(made.spec));
  assert.equal(await reasonOf({ jobId }), 'valid');
  assert.equal(await reasonOf({ jobId: jobId.replace(/^./, 'x') }), 'OTHER_JOB');
  assert.equal(await reasonOf({ network: { id: 'other' } }), 'OTHER_NETWORK');
  assert.equal(
    await reasonOf({ network: { id: NETWORK, members: [stranger] } }),
    'SEAT_NOT_A_MEMBER',
  );
  assert.equal(await reasonOf({ requester: stranger }), 'OTHER_REQUESTER');
  const cadreRoot = '0'.repeat(64);
  assert.equal(await reasonOf({ cadreRoot, requester: made.requester.peerId }), 'OTHER_CADRE_ROOT');
});

test('what a verdict rests on is reported', async () => {
  const verdict = await valid(made.bytes);
  assert.equal(verdict.cadre.n, 4);
  assert.equal(verdict.cadre.q, 3);
  assert.equal(verdict.cadre.signers.length, members.length);
  assert.equal(verdict.single, undefined);
  assert.deepEqual(
    [verdict.replicas, verdict.quorum, verdict.shards, verdict.seed, verdict.admission],
    [2, 2, 2, 'requester', 'none'],
  );
  assert.equal(verdict.numericContract, 1);
  assert.deepEqual(verdict.roster, { shown: 'whole', nodes: 5 });
  const quorumOnly = makeCertificate({ label: 'verdict', nodes: 5, replicas: 2, votes: [0, 1, 3] });
  assert.equal((await valid(quorumOnly.bytes)).cadre.signers.length, 3);
});

test('one seat is said to be one', async () => {
  const single = makeCertificate({ label: 'one', nodes: 2, cadre: 1, replicas: 1, quorum: 1 });
  const verdict = await valid(single.bytes);
  assert.equal(verdict.single, true);
  assert.deepEqual([verdict.cadre.n, verdict.cadre.q], [1, 1]);
});

test('overlap is said where a seat could also work', async () => {
  const recipe = { label: 'overlap', cadre: 1, replicas: 1, quorum: 1 };
  const small = makeCertificate({ ...recipe, nodes: 2 });
  const large = makeCertificate({ ...recipe, nodes: 3 });
  assert.equal((await valid(small.bytes)).overlap, true);
  assert.equal((await valid(large.bytes)).overlap, false);
  const changed = await valid(makeCertificate({ ...recipe, nodes: 3, standIns: [0] }).bytes);
  assert.deepEqual([changed.overlap, changed.cadre.standIns.length], [true, 1]);
  const apart = makeCertificate({
    ...recipe,
    nodes: 2,
    bend: {
      advert: (advert, index) => ({ ...advert, roles: [index === 0 ? 'cadre' : 'worker'] }),
    },
  });
  assert.equal((await valid(apart.bytes)).overlap, false);
});

test('a kernel that this build does not know is judged by structure alone', async () => {
  const unknown = makeCertificate({
    label: 'unknown',
    nodes: 2,
    cadre: 1,
    replicas: 1,
    quorum: 1,
    bend: { spec: (spec) => ({ ...spec, kernel: 'mystery@1' }) },
  });
  const verdict = await valid(unknown.bytes, { outputs: unknown.outputs });
  assert.equal(verdict.kernel, 'mystery@1');
  assert.equal(verdict.numericContract, null);
});

test('every reason in the code stands on the page, and no other', () => {
  const folder = new URL('../../../src/certificate/', import.meta.url);
  const inCode = new Set<string>();
  for (const name of readdirSync(folder)) {
    const source = readFileSync(new URL(name, folder), 'utf8');
    for (const [, reason] of source.matchAll(/refuse\(\s*'([a-z-]+)'/g)) inCode.add(reason!);
  }
  for (const side of ['input', 'output']) {
    for (const part of ['dtype', 'shape']) inCode.add(`${side}-${part}`);
  }
  // Of src/wire/cbor.ts and src/swarm/roster.ts.
  for (const reason of ['not-canonical', 'duplicate-node', 'unsorted-roster']) inCode.add(reason);
  const page = readFileSync(
    new URL('../../../docs/protocol/certificate.md', import.meta.url),
    'utf8',
  );
  const section = page.slice(page.indexOf('## 7. Refusals'));
  const onPage = [...section.matchAll(/`([A-Z_]+)`/g)].map(([, code]) => code!);
  assert.equal(new Set(onPage).size, onPage.length);
  const codes = [...inCode].map((reason) => reason.toUpperCase().replaceAll('-', '_'));
  assert.deepEqual(onPage.toSorted(), codes.toSorted());
});

test('nothing that the verifier imports needs Node', () => {
  const seen = new Set<string>();
  const visit = (file: URL) => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    const source = readFileSync(file, 'utf8');
    for (const [statement, target] of source.matchAll(
      /^(?:import|export)[^;]*?from '([^']+)';/gm,
    )) {
      assert.ok(!target!.startsWith('node:'), `${file.pathname} imports ${target}`);
      if (target!.startsWith('.') && !/^(?:import|export) type/.test(statement)) {
        visit(new URL(target!, file));
      }
    }
  };
  visit(new URL('../../../src/verify.ts', import.meta.url));
  assert.ok(seen.size > 20);
});

test('beyond the limits receipts are left out, and refused, and placement is claimed', async () => {
  const shards = LIMITS.receiptPairsMax + 1;
  const large = makeCertificate({
    label: 'large',
    nodes: Math.ceil(LIMITS.entitlementChecksMax / shards) + 1,
    cadre: 1,
    replicas: 1,
    quorum: 1,
    shards,
    parameters: { items: shards },
  });
  const { receipts: shown, entitlement } = await valid(large.bytes);
  assert.deepEqual([shown, entitlement], ['attested', 'claimed']);
  const receipts = made.certificate.receipts!;
  const verdict = await verify(encodeCertificate({ ...large.certificate, receipts }));
  assert.equal(verdict.valid ? '' : verdict.reason, 'TOO_MANY_RECEIPTS');
});
