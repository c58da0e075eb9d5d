/** Finds every map, set and list that an object of the product keeps. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What strangers' messages can reach. */
const FOLDERS = ['base', 'blob', 'consensus', 'crypto', 'net', 'roles', 'store', 'swarm'];
/** `#name = new Map`, `#name: Map<…>`, `#name: T[] = []`, `#name = []`. */
const FIELD = new RegExp(
  [
    String.raw`^ {2}(?:readonly )?(#\w+)(?:: [^=\n]*)? = new (?:Map|Set)\b`,
    String.raw`^ {2}(?:readonly )?(#\w+): (?:Readonly)?(?:Map|Set)<.*;$`,
    String.raw`^ {2}(?:readonly )?(#\w+)(?:: [^=\n]*)? = \[\];$`,
  ].join('|'),
  'gm',
);

/** Each as `folder/file.ts #field`, sorted. */
export function findContainers(root: string): string[] {
  const patterns = [
    ...FOLDERS.map((folder) => ({ base: join(root, 'src'), pattern: `${folder}/**/*.ts` })),
    { base: root, pattern: 'node/api/*.ts' },
  ];
  return patterns
    .flatMap(({ base, pattern }) =>
      globSync(pattern, { cwd: base }).flatMap((file) => fieldsOf(base, file)),
    )
    .sort();
}

function fieldsOf(base: string, file: string): string[] {
  const text = readFileSync(join(base, file), 'utf8');
  return [...text.matchAll(FIELD)].map(
    ([, made, declared, listed]) => `${file} ${made ?? declared ?? listed}`,
  );
}
