/** The version of this build, from package.json: one place to change it. */
import { readFileSync } from 'node:fs';

// Sources lie one folder below package.json, built files (dist/node) two.
const depth = import.meta.url.endsWith('.ts') ? '../package.json' : '../../package.json';
const text = readFileSync(new URL(depth, import.meta.url), 'utf8');

export const version: string = String((JSON.parse(text) as { version?: unknown }).version);
