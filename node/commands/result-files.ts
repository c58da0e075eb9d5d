/** Where a job's outputs and certificate go: all of them are written, or none. */
import { resolve } from 'node:path';
import type { JobResult } from '../../src/sdk/types.ts';
import { type FileContent, writeFilesAtomic } from '../../src/store/atomic-file.ts';
import { arrayFile, type NamedFile } from '../cli/array-files.ts';
import { type Arguments, callerFolder } from '../cli/parse-arguments.ts';

export interface ResultFiles {
  readonly outs: readonly NamedFile[];
  /** As written, and absolute. */
  readonly certificate: { readonly given: string; readonly file: string } | undefined;
}

export function certificateTarget(given: Arguments): ResultFiles['certificate'] {
  const text = given.text('cert');
  return text === undefined ? undefined : { given: text, file: resolve(callerFolder(), text) };
}

/** Errors: DISK_FAILED. */
export async function writeResult(target: ResultFiles, result: JobResult): Promise<void> {
  const files: FileContent[] = [];
  for (const { name, file } of target.outs) {
    const array = result.outputs[name];
    if (array === undefined) throw new Error(`bug: the job has no output ${name}`);
    files.push(arrayFile(file, array));
  }
  if (target.certificate !== undefined && result.certificate !== null) {
    files.push({ file: target.certificate.file, parts: [result.certificate] });
  }
  await writeFilesAtomic(files);
}
