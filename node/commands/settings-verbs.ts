/** Verbs about this installation that need no node: `id show`, `config show`, `config explain`. */

import { KadreError } from '../../src/base/errors.ts';
import { suggestion } from '../../src/base/nearest-name.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { readIdentity, rotateIdentity } from '../../src/crypto/node/keystore.ts';
import { lockDirectory } from '../../src/store/lock.ts';
import type { Command } from '../cli/command.ts';
import { formatTable } from '../cli/output.ts';
import { type ConfigEntry, dataDirOf, loadConfiguration } from '../config.ts';
import { dataDirFiles } from '../data-dir.ts';

export const idShow: Command = async ({ arguments: given, env, output }) => {
  const dataDir = dataDirOf(given, env);
  const seed = await readIdentity(dataDirFiles(dataDir).identity);
  if (seed === undefined) {
    const advice = 'the first `kadre up` makes one';
    throw new KadreError({ code: 'DATA_DIR_DAMAGED', advice }, `${dataDir} has no identity yet`);
  }
  const { peerId } = signerFromSeed(seed);
  const file = dataDirFiles(dataDir).identity;
  const report = { v: 1, peerId, file } as const;
  output.result(report, () => [peerId, `  key in ${file}`]);
  return 0;
};

/** Not while a node runs here: it would go on under the old name. Errors: DATA_DIR_*. */
export const idRotate: Command = async ({ arguments: given, env, output }) => {
  const dataDir = dataDirOf(given, env);
  const { identity: file } = dataDirFiles(dataDir);
  const lock = await lockDirectory(dataDir);
  try {
    const { seed, previous, keptAs } = await rotateIdentity(file);
    const { peerId } = signerFromSeed(seed);
    const before = previous === undefined ? null : signerFromSeed(previous).peerId;
    const report = { v: 1, peerId, file, previous: before, keptAs: keptAs ?? null } as const;
    output.result(report, () => [
      peerId,
      `  key in ${file}`,
      ...(before === null ? [] : [`  was ${before}, kept as ${keptAs}`]),
    ]);
    return 0;
  } finally {
    lock.release();
  }
};

export const configShow: Command = async ({ arguments: given, env, output }) => {
  const entries = [...(await loadConfiguration(given, env)).values()];
  const settings = entries.map(({ row, value, source }) => {
    return { name: row.name, value: value ?? null, source };
  });
  output.result({ v: 1, settings } as { v: 1 }, () =>
    formatTable(entries.map((entry) => [entry.row.name, textOf(entry), `(${entry.source})`])),
  );
  return 0;
};

export const configExplain: Command = async ({ arguments: given, env, output }) => {
  const key = given.positionals[0] ?? '';
  const configuration = await loadConfiguration(given, env);
  const entry = configuration.get(key);
  if (entry === undefined) {
    const names = [...configuration.keys()];
    const advice = suggestion(key, names) || `keys: ${names.join(', ')}`;
    throw new KadreError({ code: 'USAGE', advice }, `no setting \`${key.slice(0, 64)}\``);
  }
  const { row, value, source } = entry;
  const report = {
    v: 1,
    name: row.name,
    value: value ?? null,
    source,
    default: row.default ?? null,
    environment: row.env ?? null,
    why: row.why,
  } as const;
  output.result(report, () => [
    `${row.name}: ${row.why}`,
    `  value    ${textOf(entry)} (${source})`,
    `  default  ${row.default ?? 'none'}`,
    `  set by   --${row.name}, ${row.env ?? 'no variable'}, "${row.name}" in config.json`,
  ]);
  return 0;
};

function textOf({ row, value }: ConfigEntry): string {
  if (value === undefined) return String(row.default ?? '');
  return Array.isArray(value) ? value.join(' ') : String(value);
}
