/**
 * `kadre verify`: a certificate, and arrays against it, offline (job.md section 6). A file that
 * cannot be read is exit 2; whatever is wrong with what it holds is a verdict and exit 6.
 */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { KadreError } from '../../src/base/errors.ts';
import { CHAIN_BYTES_MAX } from '../../src/federated/round/round-record.ts';
import { isChain } from '../../src/federated/round/verify-chain.ts';
import { loadNetwork } from '../../src/sdk/load-network.ts';
import { type CheckedArray, type ValidVerdict, type Verdict, verify } from '../../src/verify.ts';
import { LIMITS } from '../../src/wire/limits.ts';
import { namedFiles, readArray } from '../cli/array-files.ts';
import type { Command, CommandContext } from '../cli/command.ts';
import { exitOf } from '../cli/output.ts';
import { callerFolder } from '../cli/parse-arguments.ts';
import { loadConfiguration, networkOf } from '../config.ts';
import { chainLines, judgeChain } from './verify-chain.ts';

/** As many as tell a chain from a certificate. */
const CHAIN_HEAD_BYTES = 16;

export const verifyCertificate: Command = async (context) => {
  const { arguments: given, output } = context;
  const path = resolve(callerFolder(), given.positionals[0] ?? '');
  const certificate = await readCertificate(path);
  if (isChain(certificate)) return verifyRounds(context, certificate);
  const inputs = await readArrays(given.list('in'), 'in');
  const outputs = await readArrays(given.list('out'), 'out');
  const network = given.has('network') ? await trustedNetwork(context) : undefined;
  const malformed = inputs.malformed ?? outputs.malformed;
  const verdict: Verdict =
    malformed !== undefined
      ? { valid: false, reason: 'MALFORMED_FILE', detail: malformed }
      : await verify(certificate, {
          inputs: inputs.arrays,
          outputs: outputs.arrays,
          ...(network === undefined ? {} : { network }),
        });
  output.result({ v: 1, ...verdict }, () => verdictLines(verdict));
  return verdict.valid ? 0 : exitOf('CERTIFICATE_INVALID');
};

async function verifyRounds(context: CommandContext, file: Uint8Array): Promise<number> {
  const { arguments: given, output } = context;
  const network = given.has('network') ? await trustedNetwork(context) : undefined;
  const verdict = await judgeChain(file, given, network);
  output.result({ v: 1, ...verdict }, () => chainLines(verdict));
  return verdict.valid ? 0 : exitOf('CERTIFICATE_INVALID');
}

/** The file, or as much of it as shows that it is too large. Errors: CERTIFICATE_UNREADABLE. */
async function readCertificate(path: string): Promise<Uint8Array> {
  try {
    const handle = await open(path, 'r');
    try {
      const pieces: Buffer[] = [];
      let bytes = 0;
      const head = new Uint8Array(CHAIN_HEAD_BYTES);
      await handle.read(head, 0, head.length, 0);
      const end = isChain(head) ? CHAIN_BYTES_MAX : LIMITS.certificateBytesMax;
      const stream = handle.createReadStream({ start: 0, end });
      for await (const piece of stream) {
        pieces.push(piece as Buffer);
        bytes += (piece as Buffer).length;
      }
      return new Uint8Array(Buffer.concat(pieces, bytes));
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const message = `cannot read the certificate ${path}: ${(cause as Error).message}`;
    throw new KadreError({ code: 'CERTIFICATE_UNREADABLE' }, message, { cause });
  }
}

interface ReadArrays {
  readonly arrays: Readonly<Record<string, CheckedArray>>;
  /** Set when a file was read but is not strictly an array: that is a verdict here. */
  readonly malformed: string | undefined;
}

async function readArrays(entries: readonly string[], flag: string): Promise<ReadArrays> {
  const arrays: Record<string, CheckedArray> = {};
  let malformed: string | undefined;
  for (const named of namedFiles(entries, flag)) {
    try {
      arrays[named.name] = await readArray(named);
    } catch (cause) {
      if (!(cause instanceof KadreError) || cause.data.parsed !== true) throw cause;
      malformed ??= cause.message;
    }
  }
  return { arrays, malformed };
}

async function trustedNetwork({ arguments: given, env }: CommandContext) {
  const { id, name, members, admission } = await loadNetwork(
    networkOf(await loadConfiguration(given, env), env),
  );
  return { id, name, admission, ...(members !== undefined && { members }) };
}

function verdictLines(verdict: Verdict): string[] {
  if (!verdict.valid) return [`NOT VALID: ${verdict.reason}`, `  ${verdict.detail}`];
  return [
    `valid, ${verdict.trust}${verdict.anchor === null ? '' : ` (${verdict.anchor})`}`,
    `  ${verdict.kernel}, ${verdict.shards} shards, job ${verdict.jobId}`,
    `  results ${verdict.resultsRoot}`,
    `  ${cadreLine(verdict)}`,
    `  ${verdict.replicas} replicas, ${verdict.quorum} agreed; receipts ${verdict.receipts}`,
    `  seed: ${verdict.seed}; admission: ${verdict.admission}; overlap: ${verdict.overlap}`,
    `  checked: inputs [${verdict.checked.inputs}], outputs [${verdict.checked.outputs}]`,
  ];
}

function cadreLine({ cadre, single, skipped }: ValidVerdict): string {
  const who = single ? 'single: one node is the whole cadre' : `cadre of ${cadre.n}`;
  const passed = skipped.length === 0 ? '' : `, ranks passed over: ${skipped.join(' ')}`;
  const changed = cadre.standIns.length === 0 ? '' : `, seats given away: ${cadre.standIns.length}`;
  return `${who}, ${cadre.signers.length} of ${cadre.q} needed signed${passed}${changed}`;
}
