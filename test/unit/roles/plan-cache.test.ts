import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanCache } from '../../../src/roles/plan-cache.ts';
import type { SignedAdvert } from '../../../src/swarm/advert.ts';
import { CHECKS, makePackage, unwrap } from '../../support/job-factory.ts';

/** A cache that counts how often adverts are looked at. */
function counted() {
  const counts = { adverts: 0 };
  const checkAdvert = (signed: SignedAdvert) => {
    counts.adverts += 1;
    return CHECKS.checkAdvert(signed);
  };
  return { counts, cache: new PlanCache({ ...CHECKS, checkAdvert }) };
}

const package_ = (nonce = 0) => makePackage({ nodes: 8, shards: 2, nonce }).package;

test('a plan is opened once', () => {
  const { cache, counts } = counted();
  const first = unwrap(cache.open(package_()));
  assert.equal(unwrap(cache.open(package_())), first);
  assert.equal(counts.adverts, 8);
});

test('what differs in seats or skipped ranks is another plan', () => {
  const { cache } = counted();
  const pkg = package_();
  assert.ok(cache.open(pkg).ok);
  const cadre = pkg.cadre.map((entry, i) =>
    i === 0 ? { ...entry, key: pkg.cadre[1]!.key } : entry,
  );
  assert.equal(cache.open({ ...pkg, cadre }).ok, false);
  assert.equal(cache.open({ ...pkg, skipped: [0] }).ok, false);
});

test('of a known plan nothing that came later is used', () => {
  const { cache } = counted();
  const pkg = package_();
  const first = unwrap(cache.open(pkg));
  const bent = {
    ...pkg,
    job: { ...pkg.job, signature: new Uint8Array(64) },
    roster: [pkg.roster[0]!],
  };
  assert.equal(unwrap(cache.open(bent)), first);
  assert.equal(first.package.roster.length, 8);
});

test('a refused plan is not remembered, and the oldest makes room', () => {
  const { cache, counts } = counted();
  const pkg = package_();
  const bad = { ...pkg, job: { ...pkg.job, signature: new Uint8Array(64) } };
  assert.equal(cache.open(bad).ok, false);
  assert.ok(cache.open(pkg).ok, 'the refusal was not kept for the honest package');
  for (let nonce = 1; nonce <= 96; nonce++) assert.ok(cache.open(package_(nonce)).ok);
  const before = counts.adverts;
  assert.ok(cache.open(package_(96)).ok);
  assert.equal(counts.adverts, before);
  assert.ok(cache.open(pkg).ok);
  assert.equal(counts.adverts, before + 8, 'the first was forgotten');
});
