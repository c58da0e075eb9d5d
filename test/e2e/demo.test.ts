/** `npm run demo`: its last line, its exit status and its picture are what is promised. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Workplace } from '../support/workplace.ts';

const place = new Workplace();
const DEMO = fileURLToPath(new URL('../../node/demo/main.ts', import.meta.url));

test('the demo shows all that its last line says', async () => {
  const child = spawn(process.execPath, [DEMO], {
    cwd: place.folder,
    env: { ...process.env, HOME: place.folder, INIT_CWD: place.folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  const [status] = await once(child, 'close');
  assert.equal(status, 0, text);
  const liar = /liar (12D3KooW\w+): flips/.exec(text)?.[1];
  const last = text.trimEnd().split('\n').at(-1);
  const counts = '9 jobs, 9 certificates verified';
  assert.equal(last, `demo: ${counts}, liar ${liar} named, 1 crashes survived`);
  assert.match(text, /price 9\.\d+ ± 0\.\d+, Black-Scholes 9\.1218/);
  assert.match(text, /round {3}5 of 5: 8 signed updates/);
  assert.match(text, /5 certified rounds hold offline/);
  const picture = await readFile(place.path('build', 'demo', 'mandelbrot.png'));
  assert.equal(picture.toString('latin1', 1, 4), 'PNG');
  assert.deepEqual([picture.readUInt32BE(16), picture.readUInt32BE(20)], [1200, 800]);
});
