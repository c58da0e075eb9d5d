/** The body of POST /v1/jobs: decoded as if hostile, then work and options for the SDK. */
import { KadreError } from '../../src/base/errors.ts';
import { REUSES } from '../../src/job/reuse.ts';
import { arrayBytes, DTYPES, type Dtype, type Parameters } from '../../src/kernel/contract.ts';
import { arrayOfBytes, type NdArray } from '../../src/kernel/nd-array.ts';
import type { SubmitOptions, Work } from '../../src/sdk/types.ts';
import type { UploadTable } from './upload-table.ts';

const BODY_BYTES_MAX = 1_048_576;
const NUMBERS = ['replicas', 'quorum', 'cadre', 'deadlineMs', 'waitPeersMs'];
const KEYS = ['v', 'kernel', 'parameters', 'inputs', 'shards', 'options'];

export interface JobRequest {
  readonly kernel: string;
  readonly work: Work;
  readonly options: SubmitOptions;
}

const bad = (message: string): KadreError => new KadreError({ code: 'USAGE' }, message);

/** Errors: USAGE, BAD_INPUT (an input that was never uploaded, or of another size). */
export async function readJobRequest(
  body: AsyncIterable<Uint8Array>,
  uploads: UploadTable,
): Promise<JobRequest> {
  const value = record(await readJson(body), 'the body');
  const unknown = Object.keys(value).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) throw bad(`unknown key \`${unknown.slice(0, 64)}\``);
  const { v, kernel, parameters = {}, inputs = {}, shards, options = {} } = value;
  if (v !== 1) throw bad('`v` must be 1');
  if (typeof kernel !== 'string' || kernel.length > 64) throw bad('`kernel` must be a kernel id');
  if (shards !== undefined && typeof shards !== 'number') throw bad('`shards` must be a number');
  return {
    kernel,
    work: {
      parameters: parametersOf(parameters),
      inputs: inputsOf(inputs, uploads),
      ...(shards === undefined ? {} : { shards }),
    },
    options: optionsOf(options),
  };
}

/** The body of POST /v1/jobs/ID/retry. Errors: USAGE. */
export async function readRetryRequest(
  body: AsyncIterable<Uint8Array>,
): Promise<Pick<SubmitOptions, 'waitPeersMs'>> {
  const { waitPeersMs, ...rest } = record(await readJson(body), 'the body');
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw bad(`unknown key \`${unknown.slice(0, 64)}\``);
  if (waitPeersMs === undefined) return {};
  if (typeof waitPeersMs !== 'number' || !(waitPeersMs >= 0)) {
    throw bad('`waitPeersMs` must be a number');
  }
  return { waitPeersMs };
}

function parametersOf(value: unknown): Parameters {
  const given = record(value, '`parameters`');
  for (const [name, entry] of Object.entries(given)) {
    if (!['number', 'string', 'boolean'].includes(typeof entry)) {
      throw bad(`parameter \`${name.slice(0, 64)}\` must be a number, a text or a boolean`);
    }
  }
  return given as Parameters;
}

function inputsOf(value: unknown, uploads: UploadTable): Record<string, NdArray> {
  const arrays: [string, NdArray][] = [];
  for (const [name, entry] of Object.entries(record(value, '`inputs`'))) {
    const { dtype, shape, root, ...rest } = record(entry, `input \`${name.slice(0, 64)}\``);
    const isShape =
      Array.isArray(shape) &&
      shape.length <= 32 &&
      shape.every((e) => Number.isInteger(e) && e >= 0);
    if (!DTYPES.includes(dtype as Dtype) || !isShape || typeof root !== 'string') {
      throw bad(`input \`${name}\` needs dtype, shape and root`);
    }
    if (Object.keys(rest).length > 0) throw bad(`input \`${name}\` has unknown keys`);
    const spec = { dtype: dtype as Dtype, shape: shape as number[] };
    const bytes = uploads.get(root);
    if (bytes === undefined || bytes.length !== arrayBytes(spec)) {
      const why = bytes === undefined ? 'was not uploaded' : 'has another size than its shape';
      throw new KadreError({ code: 'BAD_INPUT' }, `input \`${name}\` ${why}`);
    }
    arrays.push([name, arrayOfBytes(spec, bytes)]);
  }
  return Object.fromEntries(arrays);
}

function optionsOf(value: unknown): SubmitOptions {
  const given = record(value, '`options`');
  for (const [name, entry] of Object.entries(given)) {
    if (name === 'detached') {
      if (typeof entry !== 'boolean') throw bad('`detached` must be true or false');
    } else if (name === 'reuse') {
      if (!(REUSES as readonly unknown[]).includes(entry))
        throw bad('`reuse` must be own, trusted or false');
    } else if (name === 'requires') {
      if (typeof entry !== 'string') throw bad('`requires` must be a text');
    } else if (!NUMBERS.includes(name)) {
      throw bad(`unknown option \`${name.slice(0, 64)}\``);
    } else if (typeof entry !== 'number' || !(entry >= 0)) {
      throw bad(`\`${name}\` must be a number`);
    }
  }
  return given as SubmitOptions;
}

async function readJson(body: AsyncIterable<Uint8Array>): Promise<unknown> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of body) {
    bytes += piece.length;
    if (bytes > BODY_BYTES_MAX) throw bad(`the body may have at most ${BODY_BYTES_MAX} bytes`);
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch (cause) {
    throw bad(`the body is not JSON: ${(cause as Error).message}`);
  }
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`${what} must be an object`);
  }
  return value as Record<string, unknown>;
}
