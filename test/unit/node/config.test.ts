import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Arguments } from '../../../node/cli/parse-arguments.ts';
import { settingsOf } from '../../../node/commands/up.ts';
import { loadConfiguration, parseConfigFile } from '../../../node/config.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kadre-config-'));
  await writeFile(
    join(folder, 'config.json'),
    JSON.stringify({ share: 0.25, roles: 'worker', gpu: false, listen: ['/ip4/1.2.3.4/tcp/1'] }),
  );
});
after(() => rm(folder, { recursive: true, force: true }));

const given = (values: Record<string, string | number | boolean | string[]> = {}) =>
  new Arguments(new Map(Object.entries({ data: folder, ...values })), []);

test('flag wins over environment, environment over file, file over default', async () => {
  const env = { KADRE_SHARE: '0.5', KADRE_LISTEN: '/ip4/9.9.9.9/tcp/9,/ip6/::/tcp/0' };
  const sourceOf = async (arguments_: Arguments, variables: NodeJS.ProcessEnv) => {
    const { value, source } = (await loadConfiguration(arguments_, variables)).get('share')!;
    return [value, source];
  };
  assert.deepEqual(await sourceOf(given({ share: 0.75 }), env), [0.75, 'flag']);
  assert.deepEqual(await sourceOf(given(), env), [0.5, 'environment']);
  assert.deepEqual(await sourceOf(given(), {}), [0.25, 'file']);
  assert.deepEqual(await sourceOf(given({ data: join(folder, 'none') }), {}), [1, 'default']);
  const listen = (await loadConfiguration(given(), env)).get('listen');
  assert.deepEqual(listen?.value, ['/ip4/9.9.9.9/tcp/9', '/ip6/::/tcp/0']);
});

test('settings come out with their types', async () => {
  const settings = settingsOf(await loadConfiguration(given(), {}), {});
  assert.deepEqual(settings, {
    dataDir: folder,
    network: 'public',
    listen: ['/ip4/1.2.3.4/tcp/1'],
    bootstrap: [],
    roles: 'worker',
    share: 0.25,
    storeBytes: 64 * 2 ** 30,
    memory: undefined,
    hours: undefined,
    gpu: false,
    mdns: true,
    upnp: true,
    announce: [],
    invitation: undefined,
    api: '127.0.0.1:0',
    logLevel: 'warn',
  });
  const flags = given({ 'no-mdns': true });
  assert.equal(settingsOf(await loadConfiguration(flags, { KADRE_GPU: 'true' }), {}).mdns, false);
});

test('a malformed file or variable is refused by name', async () => {
  const bad: [string, RegExp][] = [
    ['{', /not JSON/],
    ['[]', /object/],
    ['{"shrae":1}', /unknown key `shrae`/],
    ['{"data":"x"}', /unknown key `data`/],
    ['{"share":2}', /`share` must be/],
    ['{"share":true}', /`share`/],
    ['{"gpu":"no"}', /`gpu` must be true or false/],
    ['{"listen":"x"}', /`listen` must be a list/],
    ['{"log":"loud"}', /one of: debug/],
  ];
  for (const [text, message] of bad) {
    const check = () => parseConfigFile(text, 'config.json');
    assert.throws(check, (error: { code: string; message: string }) => {
      assert.equal(error.code, 'BAD_CONFIG');
      assert.match(error.message, message);
      return true;
    });
  }
  await assert.rejects(loadConfiguration(given(), { KADRE_SHARE: '7' }), { code: 'USAGE' });
  await assert.rejects(loadConfiguration(given(), { KADRE_GPU: 'perhaps' }), { code: 'USAGE' });
});

test('the nearest key is suggested', () => {
  assert.throws(() => parseConfigFile('{"shrae":1}', 'f'), { advice: 'did you mean share?' });
});
