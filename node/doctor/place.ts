/** Where a node lives: its data directory, the lock, room on the disk, ports, the network file. */
import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { KadreError } from '../../src/base/errors.ts';
import { signerFromSeed } from '../../src/crypto/node/keys.ts';
import { readIdentity } from '../../src/crypto/node/keystore.ts';
import { isListenAddress } from '../../src/net/listen-address.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import { lockDirectory } from '../../src/store/lock.ts';
import { parseApiAddress } from '../api/server.ts';
import { formatBytes } from '../cli/output.ts';
import { dataDirFiles } from '../data-dir.ts';
import { findNode } from '../node-record.ts';
import { type CheckResult, ok, problem, warning } from './check.ts';

const DISK_ADVISED_BYTES = 1024 ** 3;
const DISK_NEEDED_BYTES = 64 * 1024 ** 2;

/** Directory, identity and lock. Changes nothing: a directory that is not there is not made. */
export async function checkDataDir(dataDir: string): Promise<readonly CheckResult[]> {
  const name = 'data directory';
  const kind = await stat(dataDir).catch(() => undefined);
  if (kind === undefined) {
    const parent = await nearestFolder(dataDir);
    const canMake = await isWritable(parent);
    if (canMake) return [ok(name, `${dataDir} is not there yet; \`kadre up\` makes it`)];
    return [problem(name, `${parent} cannot be written`, 'choose another folder with --data')];
  }
  if (!kind.isDirectory()) {
    return [problem(name, `${dataDir} is a file`, 'choose another folder with --data')];
  }
  if (!(await isWritable(dataDir))) {
    const advice = `chown or chmod it: \`chmod u+rwx ${dataDir}\``;
    return [problem(name, `${dataDir} cannot be written`, advice)];
  }
  return [ok(name, dataDir), await checkIdentity(dataDir), await checkLock(dataDir)];
}

async function checkIdentity(dataDir: string): Promise<CheckResult> {
  const { identity } = dataDirFiles(dataDir);
  try {
    const seed = await readIdentity(identity);
    if (seed === undefined) return ok('identity', 'none yet; `kadre up` makes one');
    return ok('identity', signerFromSeed(seed).peerId);
  } catch (cause) {
    const { message, advice } = cause as KadreError;
    return problem('identity', message, advice);
  }
}

async function checkLock(dataDir: string): Promise<CheckResult> {
  const running = await findNode(dataDir);
  try {
    (await lockDirectory(dataDir)).release();
  } catch (cause) {
    const { code, message, advice } = cause as KadreError;
    if (code !== 'DATA_DIR_LOCKED') return problem('lock', message, advice);
    if (running === undefined) return problem('lock', message, advice);
    return ok('lock', `held by the node that runs here, pid ${running.record.pid}`);
  }
  return ok('lock', 'free');
}

export async function checkDisk(dataDir: string): Promise<CheckResult> {
  const folder = await nearestFolder(dataDir);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free at ${folder}`;
  const advice = 'free some space, or choose another disk with --data';
  if (free < DISK_NEEDED_BYTES) return problem('disk', detail, advice);
  return free < DISK_ADVISED_BYTES ? warning('disk', detail, advice) : ok('disk', detail);
}

/** The ports that `up` would listen on. Not while a node runs here: it holds them itself. */
export async function checkPorts(
  listen: readonly string[],
  api: string,
): Promise<readonly CheckResult[]> {
  const apiAddress = parseApiAddress(api);
  const wrong = listen.find((address) => !isListenAddress(address));
  if (wrong !== undefined) {
    const advice = 'choose another with --listen, for example /ip4/0.0.0.0/tcp/4001';
    return [problem('port --listen', `${wrong} is no TCP multiaddr`, advice)];
  }
  const wanted = [...listen.flatMap((address) => tcpOf(address)), { ...apiAddress, flag: '--api' }];
  return Promise.all(
    wanted.map(async ({ host, port, flag }) => {
      const name = `port ${flag}`;
      if (port === 0) return ok(name, `${host}, any free port`);
      const failure = await bindFailure(host, port);
      if (failure === undefined) return ok(name, `${host} port ${port} is free`);
      const who = `\`ss -ltnp sport = :${port}\` shows who has it`;
      const advice = `${who}; choose another with ${flag}`;
      return problem(name, `${host} port ${port}: ${failure}`, advice);
    }),
  );
}

function tcpOf(address: string): { host: string; port: number; flag: string }[] {
  const match = /^\/ip[46]\/([0-9a-fA-F.:]+)\/tcp\/(\d{1,5})(?:\/|$)/.exec(address);
  return match === null ? [] : [{ host: match[1]!, port: Number(match[2]), flag: '--listen' }];
}

/** Undefined when the address can be listened on. */
function bindFailure(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

export async function checkNetworkFile(
  nameOrFile: string,
  bootstrap: readonly string[],
): Promise<CheckResult> {
  try {
    const network = await loadNetwork(nameOrFile);
    const known = bootstrap.length > 0 ? bootstrap.length : network.bootstrap.length;
    const detail = `${network.name} (${network.id}), ${known} nodes to join through`;
    if (known > 0) return ok('network', detail);
    const advice = 'name a swarm with --network FILE or nodes with --bootstrap';
    return warning('network', detail, advice);
  } catch (cause) {
    if (!(cause instanceof KadreError)) throw cause;
    return problem('network', cause.message, cause.advice);
  }
}

async function isWritable(folder: string): Promise<boolean> {
  return access(folder, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The folder itself, or the first above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const kind = await stat(folder).catch(() => undefined);
    if (kind?.isDirectory() || dirname(folder) === folder) return folder;
  }
}
