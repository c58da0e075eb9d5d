/**
 * A network begun by one operator with two files and no list of members: others are invited one by
 * one, whoever is not stays outside, and a certificate says who admitted its cadre.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { schemaOf, schemaProblems } from '../support/json-schema.ts';
import { codeOf, eventually, type JsonObject, Workplace } from '../support/workplace.ts';

const place = new Workplace();
const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0'];

/** An identity without a network: `up` makes one, here in the network of nobody. */
async function newcomer(name: string): Promise<{ data: string[]; peerId: string }> {
  const data = ['--data', place.path(name)];
  const { process: node, ready } = await place.up(['--network', 'local', ...LISTEN, ...data]);
  node.child.kill('SIGTERM');
  await node.finished;
  return { data, peerId: String(ready.peerId) };
}

test('a network by invitation: created, joined, worked in, certified; others stay out', async () => {
  const host = ['--data', place.path('host')];
  const admission = ['--admission', 'invite', '--out', 'team.json'];
  const created = await place.json(['network', 'create', '--name', 'Team', ...admission, ...host]);
  assert.equal(created.status, 0, JSON.stringify(created.object));
  assert.deepEqual(schemaProblems(schemaOf('network-create'), created.object), []);
  const team = ['--network', 'team.json'];

  const first = await place.up([...team, ...LISTEN, ...host]);
  const file = JSON.parse(await readFile(place.path('team.json'), 'utf8')) as JsonObject;
  file.bootstrap = [(first.ready.addrs as string[])[0]];
  await writeFile(place.path('team.json'), JSON.stringify(file));

  const guest = await newcomer('guest');
  const uninvited = await place.json(['up', ...team, ...LISTEN, ...guest.data]);
  assert.deepEqual([uninvited.status, codeOf(uninvited.object)], [2, 'NOT_INVITED']);
  const { object: report } = await place.json(['doctor', ...team, ...guest.data]);
  const checks = report.checks as { name: string; status: string; advice?: string }[];
  const invitable = checks.find(({ name }) => name === 'invitation');
  assert.equal(invitable?.status, 'problem');
  assert.match(invitable?.advice ?? '', new RegExp(`kadre network invite ${guest.peerId}`));
  const stranger = await place.json(['network', 'invite', guest.peerId, ...team, ...guest.data]);
  assert.deepEqual([stranger.status, codeOf(stranger.object)], [2, 'USAGE'], 'not its authority');
  const invited = await place.json(['network', 'invite', guest.peerId, ...team, ...host]);
  assert.deepEqual(schemaProblems(schemaOf('network-invite'), invited.object), []);
  const invitation = ['--invitation', String(invited.object.invitation)];
  const other = await newcomer('other');
  const borrowed = await place.json(['up', ...team, ...LISTEN, ...other.data, ...invitation]);
  assert.deepEqual([borrowed.status, codeOf(borrowed.object)], [2, 'NOT_INVITED']);

  const second = await place.up([...team, ...LISTEN, ...guest.data, ...invitation]);
  await eventually(async () => {
    const { object } = await place.json(['status', ...host]);
    return Number(object.connected) > 0 ? object : undefined;
  }, 'two members connected');
  const work = ['run', 'noop@1', '--shards', '8', '--replicas', '2', '--cadre', '2'];
  const ran = await place.json([...work, '--cert', 'team.kadre', ...host]);
  assert.equal(ran.status, 0, JSON.stringify(ran.object));
  assert.equal(Object.keys(ran.object.workers as object).length, 2);
  const verified = await place.json(['verify', 'team.kadre', ...team]);
  assert.deepEqual(schemaProblems(schemaOf('verify'), verified.object), []);
  const { status, object } = verified;
  assert.deepEqual([status, object.admission, object.anchor], [0, 'invite', 'network:Team']);

  // Who has left its node down is still somebody: a client of its own, under the same invitation.
  second.process.child.kill('SIGTERM');
  await second.process.finished;
  const alone = ['run', 'noop@1', '--shards', '2', '--replicas', '1', '--cadre', '1'];
  const asClient = await place.json([...alone, ...team, ...guest.data]);
  assert.equal(asClient.status, 0, JSON.stringify(asClient.object));
  const asNobody = await place.json([...alone, ...team, ...other.data]);
  assert.deepEqual([asNobody.status, codeOf(asNobody.object)], [2, 'NOT_INVITED']);
  // And it comes back without being invited again.
  const again = await place.up([...team, ...LISTEN, ...guest.data]);
  assert.equal(again.ready.peerId, guest.peerId);
});

test('a network by puzzle: solved once, stated in the certificate', async () => {
  const data = ['--data', place.path('solver')];
  const admission = ['--admission', 'open', '--bits', '12', '--out', 'open.json'];
  const created = await place.json(['network', 'create', '--name', 'Open', ...admission, ...data]);
  assert.equal(created.status, 0, JSON.stringify(created.object));
  const network = ['--network', 'open.json'];
  await place.up([...network, ...LISTEN, ...data]);
  const held = JSON.parse(await readFile(place.path('solver', 'admission.json'), 'utf8'));
  assert.deepEqual(Object.keys(held), [(created.object.network as JsonObject).id]);
  const work = ['run', 'noop@1', '--shards', '2', '--replicas', '1', '--cadre', '1'];
  const ran = await place.json([...work, '--cert', 'open.kadre', ...data]);
  assert.equal(ran.status, 0, JSON.stringify(ran.object));
  const { object } = await place.json(['verify', 'open.kadre', ...network]);
  assert.deepEqual([object.admission, object.anchor], ['open', null]);
});
