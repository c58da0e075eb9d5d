/**
 * Pairs of rule and codec that must not meet, and rules that cannot hold what the plan asks of them
 * (docs/protocol/federated-rules.md, section 9). Decided before anything is sent.
 */
import { KadreError } from '../../base/errors.ts';
import { accept, type Checked, refuse } from '../../base/verdict.ts';
import type { CodecSpec } from '../codec/codec-spec.ts';
import { isCoordinateWise, isEnough, type Pipeline, rowsBehind, UPDATES_MAX } from './pipeline.ts';
import { formatPipeline } from './rule-text.ts';

/** What a rule must know of a codec; EF21 gives replicas a dense estimate per client. */
export type CodecTraits = Pick<CodecSpec, 'text' | 'messages' | 'feedback'>;

export interface RuleDemands {
  readonly pipeline: Pipeline;
  readonly codec: CodecTraits;
  /** The fewest updates a round closes with. */
  readonly quorum: number;
  /** Liars among them that the plan claims to withstand. */
  readonly maxFaulty: number;
}

/**
 * Reasons: `sparse-coordinates`, `too-few-updates`, `too-many-updates`, `faulty-below-plan`,
 * `no-honest-majority`.
 */
export function checkRule({ pipeline, codec, quorum, maxFaulty }: RuleDemands): Checked<Pipeline> {
  const { last, stages } = pipeline;
  const no = (reason: string, detail: string) => refuse(reason, 'reject', detail);
  if (isCoordinateWise(last) && codec.messages === 'sparse' && codec.feedback !== 'ef21') {
    const cure = 'use EF21, or a distance rule such as centered-clip';
    return no('sparse-coordinates', `${last.name} sees mostly zeros of ${codec.text}; ${cure}`);
  }
  if (quorum > UPDATES_MAX) return no('too-many-updates', `at most ${UPDATES_MAX} updates`);
  if (quorum < 1 || !isEnough(pipeline, quorum)) {
    return no('too-few-updates', `${quorum} updates are too few for ${formatPipeline(pipeline)}`);
  }
  const weak = [...stages, last].find((one) => 'faulty' in one && one.faulty < maxFaulty);
  if (weak !== undefined) {
    return no('faulty-below-plan', `${weak.name} counts on fewer liars than ${maxFaulty}`);
  }
  const rows = rowsBehind(pipeline, quorum);
  if (last.name !== 'mean' && rows <= 2 * maxFaulty) {
    return no('no-honest-majority', `${maxFaulty} liars can hold half of ${rows} vectors`);
  }
  return accept(pipeline);
}

/** `checkRule` for a plan of our own: throws `UNSAFE_PLAN`, with the reason in its data. */
export function requireSafeRule(demands: RuleDemands): Pipeline {
  const checked = checkRule(demands);
  if (checked.ok) return checked.value;
  const { reason, detail = reason } = checked;
  throw new KadreError({ code: 'UNSAFE_PLAN', data: { reason } }, `unsafe plan: ${detail}`);
}
