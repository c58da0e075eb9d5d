import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  otherVersion,
  versionRefusal,
  versionsSpoken,
} from '../../../src/net/protocol-versions.ts';
import { PROTOCOL_NAMES } from '../../../src/net/protocols.ts';
import { startLab } from '../../support/lab.ts';

const idsOf = (version: string) => PROTOCOL_NAMES.map((name) => `/kadre/n/${name}/${version}`);

test('versions are read out of protocol ids, and nothing else is taken for one', () => {
  const ids = ['/kadre/n/job/3', '/kadre/n/job/1', '/kadre/n/job/1', '/kadre/m/job/2', '/x'];
  assert.deepEqual(versionsSpoken('n', 'job', ids), [1, 3]);
  for (const tail of ['', '0', '01', '-1', '1e3', '99999', '2/3']) {
    assert.deepEqual(versionsSpoken('n', 'job', [`/kadre/n/job/${tail}`]), [], tail);
  }
});

test('another version is one of this network without any in common', () => {
  assert.equal(otherVersion('n', [...idsOf('1'), ...idsOf('2')]), undefined);
  assert.equal(otherVersion('n', idsOf('2')), 2);
  assert.equal(otherVersion('n', ['/kadre/m/job/2']), undefined);
  assert.equal(otherVersion('n', ['/kadre/n/kad/1', ...idsOf('3')]), 3);
});

test('the refusal says both versions and who is behind', () => {
  const of = { networkId: 'n', name: 'job' } as const;
  const refusal = versionRefusal('p', of, ['/kadre/n/job/2', '/kadre/n/job/3']);
  assert.equal(refusal?.code, 'VERSION_UNSUPPORTED');
  assert.match(refusal?.message ?? '', /speaks version 2, 3 of job, this node version 1/);
  assert.match(refusal?.advice ?? '', /upgrade this node/);
  assert.equal(versionRefusal('p', of, ['/kadre/n/job/1']), undefined);
  assert.equal(versionRefusal('p', of, []), undefined);
});

test('a node of the next version is refused by code, not penalised, and remembered', async (t) => {
  const lab = await startLab(1);
  t.after(() => lab.stop());
  const [node] = lab.hosts;
  const next = await lab.add({ bootstrap: [] });
  const ids = next.libp2p.getProtocols().filter((id) => id.startsWith('/kadre/'));
  for (const id of ids.filter((name) => !name.includes('/kad/'))) {
    await next.libp2p.unhandle(id);
    await next.libp2p.handle(id.replace(/1$/, '2'), () => undefined);
  }
  const peer = next.network.self;
  await node!.network.addAddresses(peer, next.network.addresses());
  const asked = () => node!.network.request(peer, 'advert', Uint8Array.of(1));
  await assert.rejects(asked, { code: 'VERSION_UNSUPPORTED', peer });
  await assert.rejects(asked, { code: 'VERSION_UNSUPPORTED' });
  assert.deepEqual(node!.network.otherVersions(), [{ peer, version: 2 }]);
  assert.deepEqual(node!.denied(), []);
});
