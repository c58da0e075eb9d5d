/**
 * What a caller asks of a good certificate beside its own soundness (docs/protocol/certificate.md,
 * section 5, step 9): one question per refusal, and the questions that must be answered with yes.
 */
import { toHex } from '../../../src/base/bytes.ts';
import { cadreRootOf } from '../../../src/job/plan.ts';
import { jobIdOf } from '../../../src/job/spec.ts';
import { bytesOfArray, dtypeOf, type NdArray } from '../../../src/kernel/nd-array.ts';
import type { AdmissionRule } from '../../../src/swarm/network-file.ts';
import type { VerifyOptions } from '../../../src/verify.ts';
import { goodVectors } from './good-vectors.ts';
import { authority, NETWORK, outsider } from './recipe.ts';

export interface AskedVector {
  readonly name: string;
  /** Name of the good vector that is asked about. */
  readonly of: string;
  readonly options: VerifyOptions;
  /** Of the verdict: the reason of a refusal, or what a yes rests on. */
  readonly expected: { readonly reason: string } | { readonly anchor: string | null };
}

const NEVER = '0'.repeat(64);

export function askedVectors(): AskedVector[] {
  return [
    ...anchorVectors('four seats, three replicas'),
    ...admissionVectors(),
    ...arrayVectors('matrix product'),
    ...columnVectors('unknown kernel, cut in columns'),
  ];
}

function madeOf(of: string) {
  const vector = goodVectors().find(({ name }) => name === of);
  if (vector === undefined) throw new Error(`no good vector ${of}`);
  return vector.made;
}

function anchorVectors(of: string): AskedVector[] {
  const { certificate, spec, requester, nodes } = madeOf(of);
  const cadreRoot = toHex(cadreRootOf(certificate.cadre));
  const members = nodes.map((node) => node.peerId);
  const refused = (name: string, reason: string, options: VerifyOptions): AskedVector => ({
    name,
    of,
    options,
    expected: { reason },
  });
  const trusted = (name: string, anchor: string | null, options: VerifyOptions): AskedVector => ({
    name,
    of,
    options,
    expected: { anchor },
  });
  const network = { id: NETWORK, name: 'Lab' };
  return [
    trusted('its own job', null, { jobId: toHex(jobIdOf(spec)) }),
    trusted('its network, of which nothing more is known', null, { network }),
    trusted('a network of its members', 'network:Lab', { network: { ...network, members } }),
    trusted('a nameless network of its members', `network:${NETWORK}`, {
      network: { id: NETWORK, members },
    }),
    trusted('its cadre root', 'cadreRoot', { cadreRoot }),
    trusted('its requester', `requester:${requester.peerId}`, { requester: requester.peerId }),
    refused('another job', 'OTHER_JOB', { jobId: NEVER }),
    refused('another cadre', 'OTHER_CADRE_ROOT', { cadreRoot: NEVER }),
    refused('another requester', 'OTHER_REQUESTER', { requester: outsider.peerId }),
    refused('another network', 'OTHER_NETWORK', { network: { id: 'elsewhere' } }),
    refused('a network of others', 'SEAT_NOT_A_MEMBER', {
      network: { ...network, members: [outsider.peerId] },
    }),
  ];
}

function admissionVectors(): AskedVector[] {
  const lab = { id: NETWORK, name: 'Lab' };
  const byInvitation = { kind: 'invite', authority: authority.peerId } as const;
  const byPuzzle = { kind: 'open', bits: 1 } as const;
  const asked = (of: string, admission: AdmissionRule, expected: AskedVector['expected']) => {
    const name = `${of}, where the rule is ${admission.kind}`;
    return { name, of, options: { network: { ...lab, admission } }, expected };
  };
  const refused = { reason: 'SEAT_NOT_ADMITTED' };
  const [invited, claiming] = ['invited nodes', 'nodes that claim to be admitted'];
  return [
    asked(invited, byInvitation, { anchor: 'network:Lab' }),
    asked(invited, { ...byInvitation, authority: outsider.peerId }, refused),
    asked(invited, byPuzzle, refused),
    asked(invited, { kind: 'none' }, { anchor: null }),
    asked(claiming, { kind: 'open', bits: 40 }, refused),
    asked('one seat, one replica', byPuzzle, refused),
  ];
}

function arrayVectors(of: string): AskedVector[] {
  const { inputs, outputs } = madeOf(of);
  const a = fileOf(inputs.a!);
  const c = fileOf(outputs.c!);
  const [rows, columns] = c.shape;
  const ask = (name: string, reason: string, options: VerifyOptions): AskedVector => ({
    name,
    of,
    options,
    expected: { reason },
  });
  return [
    {
      name: 'its inputs and outputs',
      of,
      options: { inputs: { a, b: fileOf(inputs.b!) }, outputs: { c } },
      expected: { anchor: null },
    },
    ask('an input it does not have', 'UNKNOWN_INPUT', { inputs: { z: a } }),
    ask('an input of another dtype', 'INPUT_DTYPE', { inputs: { a: { ...a, dtype: '<i4' } } }),
    ask('an input turned around', 'INPUT_SHAPE', {
      inputs: { a: { ...a, shape: a.shape.toReversed() } },
    }),
    ask('an input with one bit flipped', 'INPUT_MISMATCH', { inputs: { a: flipped(a) } }),
    ask('an output it does not have', 'UNKNOWN_OUTPUT', { outputs: { z: c } }),
    ask('an output of another dtype', 'OUTPUT_DTYPE', { outputs: { c: { ...c, dtype: '<u4' } } }),
    ask('an output in one row', 'OUTPUT_SHAPE', {
      outputs: { c: { ...c, shape: [1, rows! * columns!] } },
    }),
    ask('an output with one bit flipped', 'OUTPUT_MISMATCH', { outputs: { c: flipped(c) } }),
  ];
}

/** A region whose bytes do not lie together in the output. */
function columnVectors(of: string): AskedVector[] {
  const out = { dtype: '|u1', shape: [4, 16], data: new Uint8Array(64) } as const;
  return [
    { name: 'its output', of, options: { outputs: { out } }, expected: { anchor: null } },
    {
      name: 'its output with one bit flipped',
      of,
      options: { outputs: { out: flipped(out) } },
      expected: { reason: 'OUTPUT_MISMATCH' },
    },
  ];
}

/** As a file holds it: raw bytes with the dtype beside them. */
function fileOf(array: NdArray) {
  return { dtype: dtypeOf(array.data)!, shape: array.shape, data: bytesOfArray(array) };
}

function flipped<T extends { readonly data: Uint8Array }>(array: T): T {
  const data = array.data.slice();
  data[data.length - 1]! ^= 1;
  return { ...array, data };
}
