/**
 * The offline verifier for browsers (docs/verify-in-browser.md): `src/verify.ts` and all it needs
 * as one module without imports, and one HTML page with that module inside, which works from a disk
 * without a network. Prints what the bundle weighs and what of.
 *
 *   npm run bundle [-- FOLDER]        default: build/verify
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const ROOT = path.dirname(import.meta.dirname);
const PAGE = path.join(ROOT, 'docs', 'verify-in-browser', 'page.html');
/** How the page imports the module; in the page of one file the module itself stands here. */
const IMPORTED = "'./kadre-verify.js'";

export interface VerifierBundle {
  /** An ES module that exports what `kadre/verify` exports. */
  readonly module: string;
  /** The page with the module inside. */
  readonly page: string;
  /** What each package or folder adds to the module, in bytes, largest first. */
  readonly parts: readonly (readonly [string, number])[];
  /** What the module imports: nothing. */
  readonly imports: readonly string[];
}

export async function bundleVerifier(): Promise<VerifierBundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: [path.join(ROOT, 'src', 'verify.ts')],
    absWorkingDir: ROOT,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
  });
  const [output] = Object.values(metafile.outputs);
  const module = outputFiles[0]!.text;
  const inlined = `'data:text/javascript;base64,${Buffer.from(module).toString('base64')}'`;
  const page = readFileSync(PAGE, 'utf8');
  if (!page.includes(IMPORTED)) throw new Error(`the page does not import ${IMPORTED}`);
  return {
    module,
    page: page.replace(IMPORTED, inlined),
    parts: partsOf(output!.inputs),
    imports: output!.imports.map((each) => each.path),
  };
}

function partsOf(inputs: Readonly<Record<string, { bytesInOutput: number }>>) {
  const parts = new Map<string, number>();
  for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
    const part = /^(?:node_modules\/(?:@[^/]+\/)?[^/]+|src\/[^/]+)/.exec(file)?.[0] ?? file;
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
  return [...parts].sort(([, a], [, b]) => b - a);
}

export async function writeVerifier(folder: string): Promise<void> {
  const { module, page, parts } = await bundleVerifier();
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'kadre-verify.js'), module);
  writeFileSync(path.join(folder, 'verify.html'), page);
  const packed = gzipSync(module).length;
  for (const [part, bytes] of parts) console.log(`${String(bytes).padStart(8)}  ${part}`);
  console.log(`kadre-verify.js: ${module.length} bytes, ${packed} compressed`);
  console.log(`wrote ${path.relative(process.cwd(), folder)}/kadre-verify.js and verify.html`);
}

if (import.meta.main) await writeVerifier(path.resolve(process.argv[2] ?? 'build/verify'));
