/**
 * Which blocks of the verifier's own code a run did not enter: V8's block coverage over
 * src/certificate and src/verify.ts. A check that no vector reaches is a check that may be wrong
 * without anybody noticing.
 */
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';

export interface VerifierCoverage {
  /** All blocks seen, entered or not. */
  readonly blocks: number;
  /** `file: first line of the block`; no line numbers, so that edits elsewhere do not matter. */
  readonly unvisited: readonly string[];
}

const SOURCE = new URL('../../src/', import.meta.url).href;
const VERIFIER = /^(?:certificate\/(?!build)|verify\.ts$)/;

/**
 * Alone in its process: the modules must be loaded, and none of their functions called, before
 * `run`. V8 keeps no counts for what was optimized earlier.
 */
export async function verifierCoverage(run: () => Promise<unknown>): Promise<VerifierCoverage> {
  const session = new Session();
  session.connect();
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    await run();
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const scripts = result.filter(
      ({ url }) => url.startsWith(SOURCE) && VERIFIER.test(url.slice(SOURCE.length)),
    );
    const blocks = scripts.flatMap(blocksOf);
    const unvisited = blocks.filter(({ count }) => count === 0).map(({ name }) => name);
    return { blocks: blocks.length, unvisited: unvisited.sort() };
  } finally {
    session.disconnect();
  }
}

interface ScriptCoverage {
  readonly url: string;
  readonly functions: readonly {
    readonly ranges: readonly { startOffset: number; endOffset: number; count: number }[];
  }[];
}

/** Types are erased to blanks, so offsets in what ran are offsets in the source. */
function blocksOf({ url, functions }: ScriptCoverage): { name: string; count: number }[] {
  const source = readFileSync(fileURLToPath(url), 'utf8');
  const file = url.slice(url.lastIndexOf('/') + 1);
  return functions.flatMap(({ ranges }) =>
    ranges.map(({ startOffset, endOffset, count }) => {
      const [first] = source.slice(startOffset, endOffset).trim().split('\n');
      return { name: `${file}: ${first}`, count };
    }),
  );
}
