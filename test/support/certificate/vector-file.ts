/**
 * Reading test/vectors/certificate.json and asking a verifier for every verdict in it. Needs
 * nothing but the web platform, so that Node and a browser run this same code.
 */
import type { Verdict, VerifyOptions } from '../../../src/verify.ts';

/** `gzip`: a large file of few different bytes, compressed. */
type Content = { readonly base64: string } | { readonly gzip: string };

interface ArrayEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly base64: string;
}

type OptionsEntry = Omit<VerifyOptions, 'inputs' | 'outputs'> & {
  readonly inputs?: Readonly<Record<string, ArrayEntry>>;
  readonly outputs?: Readonly<Record<string, ArrayEntry>>;
};

export interface VectorFile {
  readonly good: readonly (Content & { readonly name: string; readonly verdict: Verdict })[];
  readonly bad: readonly (Content & { readonly name: string; readonly reason: string })[];
  readonly asked: readonly {
    readonly name: string;
    readonly of: string;
    readonly options: OptionsEntry;
    readonly expected: { readonly reason?: string; readonly anchor?: string | null };
  }[];
}

export type Verify = (certificate: Uint8Array, options?: VerifyOptions) => Promise<Verdict>;

/** `expected` and `found` are equal for a verifier that is right. */
export interface Answer {
  readonly name: string;
  readonly expected: unknown;
  readonly found: unknown;
}

export async function answersOf(file: VectorFile, verify: Verify): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const entry of file.good) {
    const found = await verify(await contentOf(entry));
    answers.push({ name: entry.name, expected: entry.verdict, found });
  }
  for (const entry of file.bad) {
    const found = reasonOf(await verify(await contentOf(entry)));
    answers.push({ name: entry.name, expected: entry.reason, found });
  }
  for (const { name, of, options, expected } of file.asked) {
    const certificate = await contentOf(file.good.find((entry) => entry.name === of)!);
    const verdict = await verify(certificate, optionsOf(options));
    const found = verdict.valid ? { anchor: verdict.anchor } : { reason: verdict.reason };
    answers.push({ name: `${of}: ${name}`, expected, found });
  }
  return answers;
}

const reasonOf = (verdict: Verdict): string => (verdict.valid ? 'valid' : verdict.reason);

export async function contentOf(entry: Content): Promise<Uint8Array> {
  if ('base64' in entry) return bytesOf(entry.base64);
  const packed = new Blob([bytesOf(entry.gzip)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream('gzip'))).bytes();
}

function optionsOf(entry: OptionsEntry): VerifyOptions {
  const { inputs, outputs, ...rest } = entry;
  return { ...rest, inputs: arraysOf(inputs), outputs: arraysOf(outputs) };
}

function arraysOf(entries: OptionsEntry['inputs'] = {}): NonNullable<VerifyOptions['inputs']> {
  const arrays = Object.entries(entries).map(([name, { base64, ...array }]) => [
    name,
    { ...array, data: bytesOf(base64) },
  ]);
  return Object.fromEntries(arrays);
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
