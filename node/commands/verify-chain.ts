/**
 * `kadre verify` on a chain of certified rounds, with the state and the model that it ends in:
 * `--out state=FILE.npy --out model=FILE.safetensors`.
 */
import { KadreError } from '../../src/base/errors.ts';
import { readModel } from '../../src/federated/model/model-file.ts';
import { openChain } from '../../src/federated/round/check-chain.ts';
import {
  type ChainVerdict,
  type VerifyChainOptions,
  verifyChain,
} from '../../src/federated/round/verify-chain.ts';
import type { TrustedNetwork } from '../../src/verify.ts';
import { namedFiles } from '../cli/array-files.ts';
import type { Arguments } from '../cli/parse-arguments.ts';
import { stateOf } from './train/checkpoint.ts';
import { readBytes } from './train/dataset-file.ts';

/** Errors: USAGE for arrays that no chain speaks of, MALFORMED_FILE for what cannot be read. */
export async function judgeChain(
  file: Uint8Array,
  given: Arguments,
  network: TrustedNetwork | undefined,
): Promise<ChainVerdict> {
  const options: { -readonly [K in keyof VerifyChainOptions]: VerifyChainOptions[K] } = {};
  if (network !== undefined) options.network = network;
  try {
    for (const named of namedFiles(given.list('out'), 'out')) {
      const bytes = await readBytes(named.file);
      if (named.name === 'state') options.state = stateOf(bytes, named.given);
      else if (named.name === 'model') options.model = modelOf(file, bytes, named.given);
      else throw unknown(`--out ${named.name}`);
    }
  } catch (cause) {
    if (!(cause instanceof KadreError) || cause.data.parsed !== true) throw cause;
    return { valid: false, reason: 'MALFORMED_FILE', detail: cause.message };
  }
  if (given.list('in').length > 0) throw unknown('--in');
  return verifyChain(file, options);
}

/** Of the plan's tensors; a chain that does not hold is found out afterwards. */
function modelOf(chain: Uint8Array, bytes: Uint8Array, given: string): Float32Array {
  const opened = openChain(chain);
  if (!opened.ok) return new Float32Array(0);
  const { tensors, elements } = opened.value.training.first.context.schema;
  const model = readModel({ tensors, parameterCount: elements }, bytes);
  if (model.ok) return model.value;
  const message = `model=${given}: ${model.detail ?? model.reason}`;
  throw new KadreError({ code: 'MALFORMED_FILE', data: { parsed: true } }, message);
}

function unknown(what: string): KadreError {
  const advice = 'a chain is checked with --out state=FILE.npy and --out model=FILE.safetensors';
  return new KadreError({ code: 'USAGE', advice }, `a chain says nothing of ${what}`);
}

export function chainLines(verdict: ChainVerdict): string[] {
  if (!verdict.valid) return [`NOT VALID: ${verdict.reason}`, `  ${verdict.detail}`];
  const { rounds, roundsPlanned, clients, cadre, checked, updates } = verdict;
  const counted = updates.counted.reduce((sum, one) => sum + one, 0);
  return [
    `valid, ${verdict.trust}${verdict.anchor === null ? '' : ` (${verdict.anchor})`}`,
    `  training ${verdict.training}: ${rounds} of ${roundsPlanned} rounds certified`,
    `  ${verdict.model || 'a model of its own'}, ${verdict.codec}, ${verdict.aggregator}`,
    `  ${counted} signed updates of ${Object.keys(clients).length} clients counted`,
    `  each round: cadre of ${cadre.n}, ${verdict.replicas} replicas, ${verdict.quorum} agreed`,
    `  state ${verdict.state}`,
    `  checked: outputs [${checked.outputs}]`,
  ];
}
