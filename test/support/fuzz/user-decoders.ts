/** Decoders of what users and their programs write: command lines, files, requests to the API. */

import { readJobRequest, readRetryRequest } from '../../../node/api/job-request.ts';
import { parseApiAddress } from '../../../node/api/server.ts';
import { UploadTable } from '../../../node/api/upload-table.ts';
import { parseParameters } from '../../../node/cli/parameter-text.ts';
import { parseCommand } from '../../../node/cli/parse-arguments.ts';
import { VERBS } from '../../../node/cli/verbs.ts';
import { parseConfigFile } from '../../../node/config.ts';
import { parseLabOrder } from '../../../node/lab/lab-order.ts';
import { parseRoles } from '../../../node/serve-node.ts';
import { parseHours } from '../../../node/share-hours.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { assert } from '../../../src/base/errors.ts';
import { checkWaitPeers } from '../../../src/job/policy.ts';
import {
  type Kernel,
  kernelId,
  type ParameterSchema,
  type Parameters,
} from '../../../src/kernel/contract.ts';
import { compileExpression } from '../../../src/kernel/expression/compile.ts';
import { parseExpression } from '../../../src/kernel/expression/parse.ts';
import { KERNELS } from '../../../src/kernel/registry.ts';
import { isListenAddress } from '../../../src/net/listen-address.ts';
import { errorOfJson } from '../../../src/sdk/api-client.ts';
import { expectedOfSpec } from '../../../src/sdk/api-job.ts';
import { checkWork } from '../../../src/sdk/check-work.ts';
import { parseNetworkFile } from '../../../src/swarm/network-file.ts';
import {
  isSameRequirement,
  parseRequirement,
  requirementText,
} from '../../../src/swarm/requirement.ts';
import { encodeCanonical } from '../../../src/wire/cbor.ts';
import { signerNumber } from '../adverts.ts';
import { makeJob, signSpec } from '../job-factory.ts';
import { type Decoder, outcomeOf } from './decoder.ts';

const textOf = (input: Uint8Array): string => Buffer.from(input).toString('utf8');
const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

export function userDecoders(): Decoder[] {
  return [...fileDecoders(), ...requestDecoders(), retryDecoder(), ...lineDecoders()];
}

function fileDecoders(): Decoder[] {
  const bootstrap = [`/ip4/127.0.0.1/tcp/4001/p2p/${signerNumber(1).peerId}`];
  const members = [signerNumber(2).peerId];
  return [
    {
      covers: ['swarm/network-file.ts: parseNetworkFile'],
      form: 'json',
      seeds: [
        json({ v: 1, name: 'Lab', id: 'lab', bootstrap, members, policy: { replicas: 3 } }),
        json({ v: 1, name: 'Open', id: 'o.pen', admission: { kind: 'open', bits: 12 } }),
      ],
      decode: (input) => (parseNetworkFile(textOf(input)).ok ? {} : 'refused'),
    },
    {
      covers: ['node/share-hours.ts: parseHours'],
      form: 'text',
      seeds: [utf8('22-7'), utf8('0-24')],
      throws: ['USAGE'],
      decode: (input) => {
        parseHours(textOf(input));
        return {};
      },
    },
    {
      covers: ['node/config.ts: parseConfigFile'],
      form: 'json',
      seeds: [json({ share: 0.5, bootstrap, listen: ['/ip4/127.0.0.1/tcp/0'], gpu: false })],
      throws: ['BAD_CONFIG'],
      decode: (input) => {
        parseConfigFile(textOf(input), 'config.json');
        return {};
      },
    },
    {
      covers: ['node/lab/lab-order.ts: parseLabOrder'],
      form: 'json',
      seeds: [json({ v: 1, index: 0, behaviour: null, seed: 7, settings: {} })],
      throws: ['USAGE'],
      decode: (input) => {
        parseLabOrder(textOf(input));
        return {};
      },
    },
    {
      covers: ['sdk/api-client.ts: errorOfJson'],
      form: 'json',
      seeds: [json({ code: 'JOB_UNKNOWN', message: 'm', advice: 'a', peer: 'p' })],
      decode: (input) => {
        let value: unknown;
        try {
          value = JSON.parse(textOf(input));
        } catch {
          return 'refused';
        }
        return errorOfJson(value) === undefined ? 'refused' : {};
      },
    },
  ];
}

/** A body as it may come in. */
async function* inTwo(body: Uint8Array): AsyncGenerator<Uint8Array> {
  const middle = body.length >> 1;
  yield body.subarray(0, middle);
  yield body.subarray(middle);
}

function retryDecoder(): Decoder {
  return {
    covers: ['node/api/job-request.ts: readRetryRequest'],
    form: 'json',
    seeds: [json({}), json({ waitPeersMs: 2_500 })],
    throws: ['USAGE', 'BAD_POLICY'],
    decode: async (input) => {
      const { waitPeersMs = 0 } = await readRetryRequest(inTwo(input));
      checkWaitPeers(waitPeersMs);
      return {};
    },
  };
}

function requestDecoders(): Decoder[] {
  const uploads = new UploadTable();
  const body = (fields: object) => json({ v: 1, kernel: 'noop@1', ...fields });
  const requires = { kind: 'cuda', capability: 80, memory: 2 ** 34 } as const;
  return [
    {
      covers: ['node/api/job-request.ts: readJobRequest', 'sdk/check-work.ts: checkWork'],
      form: 'json',
      seeds: [
        body({ parameters: { items: 64 }, shards: 4, options: { replicas: 2, cadre: 0 } }),
        body({ options: { requires: 'cuda>=8.0,mem>=16GiB' } }),
        body({ inputs: { a: { dtype: '<f4', shape: [2, 2], root: 'ff' } } }),
        ...KERNELS.map(({ name, major }) => body({ kernel: kernelId({ name, major }) })),
      ],
      throws: [
        ...['USAGE', 'BAD_INPUT', 'UNKNOWN_KERNEL', 'BAD_PARAMETER', 'BAD_SHARD_COUNT'],
        'BAD_POLICY',
      ] as Decoder['throws'] & {},
      decode: async (input) => {
        const { kernel, work, options } = await readJobRequest(inTwo(input), uploads);
        checkWork(kernel, work, options);
        return {};
      },
    },
    {
      covers: ['sdk/api-job.ts: expectedOfSpec'],
      form: 'cbor',
      seeds: [
        encodeCanonical(makeJob({ nodes: 4, shards: 2 }).package.job.spec),
        encodeCanonical(signSpec({ nodes: 4, shards: 2, requires }, signerNumber(1)).spec),
      ],
      throws: [
        ...['PEER_MISBEHAVED', 'UNKNOWN_KERNEL', 'BAD_PARAMETER', 'BAD_INPUT'],
        'BAD_SHARD_COUNT',
      ] as Decoder['throws'] & {},
      decode: (input) => {
        expectedOfSpec(input);
        return {};
      },
    },
    ...KERNELS.map(
      (kernel): Decoder => ({
        covers: [`the parameters and inputs of ${kernelId(kernel)}`],
        form: 'json',
        seeds: [
          json({
            parameters: Object.fromEntries(
              kernel.schema.parameters.map((row) => [row.name, exampleOf(row)]),
            ),
            inputs: requiredInputs(kernel).map(({ name, dtype, rank }) => ({
              name,
              dtype,
              shape:
                kernel.name === 'fed.aggregate' && rank === 2 ? [2, 4] : new Array(rank).fill(4),
            })),
          }),
        ],
        decode: (input) => resolved(kernel, input),
      }),
    ),
  ];
}

/** Of kernels whose texts are no expressions. */
const TEXTS: Readonly<Record<string, string>> = {
  optimiser: 'fedavg',
  training: '00'.repeat(32),
  parent: '00'.repeat(32),
};

/** A good value of a parameter; a text without a default is an expression. */
function exampleOf(row: ParameterSchema) {
  return row.default ?? TEXTS[row.name] ?? (row.type === 'text' ? 'x*x - 1' : (row.min ?? 1));
}

const requiredInputs = ({ schema }: Kernel) => schema.inputs.filter((row) => !row.optional);

/** A plan for whatever passes: regions and reads of the first, a middle and the last shard. */
function resolved(kernel: Kernel, input: Uint8Array) {
  let given: { parameters: Parameters; inputs: Parameters[string][] };
  try {
    given = JSON.parse(textOf(input));
  } catch {
    return 'refused' as const;
  }
  if (!isRequest(given)) return 'refused' as const;
  const checked = kernel.resolve(given.parameters, given.inputs as never);
  if (!checked.ok) return 'refused' as const;
  const { value } = checked;
  const count = Math.min(value.shardsMax, 1_000);
  for (const shard of new Set([0, count >> 1, count - 1])) {
    value.regions(count, shard);
    value.reads(count, shard);
  }
  return {};
}

/** What the shapes of a job spec guarantee of both before a kernel sees them. */
function isRequest(given: unknown): boolean {
  const { parameters, inputs } = (given ?? {}) as Record<string, unknown>;
  const isMap = (value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    isMap(parameters) &&
    Array.isArray(inputs) &&
    inputs.every(
      (each) =>
        isMap(each) &&
        typeof each.name === 'string' &&
        typeof each.dtype === 'string' &&
        Array.isArray(each.shape) &&
        each.shape.every((extent: unknown) => Number.isSafeInteger(extent) && Number(extent) >= 0),
    )
  );
}

function requirementDecoder(): Decoder {
  return {
    covers: ['swarm/requirement.ts: parseRequirement'],
    form: 'text',
    seeds: ['cuda>=8.0,mem>=16GiB', 'cpu', 'cuda, mem>=512MiB', 'mem>=1TiB'].map(utf8),
    decode: (input) =>
      outcomeOf(parseRequirement(textOf(input)), (requirement) => {
        const again = parseRequirement(requirementText(requirement));
        assert(again.ok && isSameRequirement(again.value, requirement), 'it is told as it is read');
        return {};
      }),
  };
}

function lineDecoders(): Decoder[] {
  const line = (
    covers: string,
    seeds: readonly string[],
    decode: (text: string) => unknown,
    throws: Decoder['throws'] & {} = ['USAGE'],
  ): Decoder => ({
    covers: [covers],
    form: 'text',
    seeds: seeds.map(utf8),
    throws,
    decode: (input) => {
      decode(textOf(input));
      return {};
    },
  });
  const lines = [
    'run gemm.f32@1 --in a=a.npy --in b=b.npy --out c=c.npy --shards 4 --json',
    'verify job.kadre --network lab.json',
    'lab run --nodes 7 --byzantine 1 -- run noop@1 --param items=64',
    'submit gemm.f32@1 --require cuda>=8.0,mem>=16GiB',
    'up --listen /ip4/127.0.0.1/tcp/0 --share 0.5 --no-gpu',
  ];

  return [
    line('node/cli/parse-arguments.ts: parseCommand', lines, (text) =>
      parseCommand(text.split(' '), VERBS),
    ),
    {
      covers: ['kernel/expression/parse.ts: parseExpression'],
      form: 'text',
      seeds: ['sqrt(x*x + y*y) * 2 - 1', 'select(x < 0.5, -x, fma(x, y, 1e-3))', 'max(w, z)'].map(
        utf8,
      ),
      decode: (input) =>
        outcomeOf(parseExpression(textOf(input)), (expression) => {
          compileExpression(expression, ['x', 'y', 'z', 'w']);
          return {};
        }),
    },
    requirementDecoder(),
    line('node/api/server.ts: parseApiAddress', ['127.0.0.1:0', '[::1]:8080'], parseApiAddress),
    line('net/listen-address.ts: isListenAddress', ['/ip4/127.0.0.1/tcp/1'], isListenAddress, []),
    line('node/serve-node.ts: parseRoles', ['worker,cadre', 'relay'], parseRoles),
    ...KERNELS.filter(({ schema }) => schema.parameters.length > 0).map((kernel) =>
      line(
        'node/cli/parameter-text.ts: parseParameters',
        kernel.schema.parameters.map((row) => `${row.name}=${exampleOf(row)}`),
        (text) => parseParameters(kernel, text.split(' ')),
        ['BAD_PARAMETER'],
      ),
    ),
  ];
}
