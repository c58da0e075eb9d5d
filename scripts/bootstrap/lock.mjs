/**
 * One installation at a time: a lock file that its holder keeps fresh, so that a holder that was
 * killed is noticed by the age of the file, and not by a process id that may have been given away.
 */
import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const BEAT_MS = 1_000;
const STALE_MS = 15_000;
const POLL_MS = 200;

/** Takes the lock, waiting as long as another holder is alive; runs `work`; releases. */
export async function withLock(file, say, work) {
  const token = `${process.pid}-${process.hrtime.bigint()}`;
  let told = false;
  while (!tryTake(file, token)) {
    if (!told) say('another process is preparing this folder; waiting for it');
    told = true;
    await delay(POLL_MS);
    dropStale(file);
  }
  const beat = setInterval(() => touch(file), BEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if (read(file) === token) fs.rmSync(file, { force: true });
  }
}

function tryTake(file, token) {
  const draft = `${file}.${token}`;
  fs.writeFileSync(draft, token);
  try {
    // A link appears with its content or not at all.
    fs.linkSync(draft, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

function dropStale(file) {
  const stale = read(file);
  const modified = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (stale === undefined || modified === undefined) return;
  if (Date.now() - modified < STALE_MS) return;
  const moved = `${file}.stale-${process.pid}`;
  try {
    fs.renameSync(file, moved);
  } catch {
    return; // Somebody else cleared it first.
  }
  // Between reading and moving another waiter may have cleared it and taken the lock: give it back.
  if (read(moved) !== stale && !fs.existsSync(file)) fs.renameSync(moved, file);
  else fs.rmSync(moved, { force: true });
}

function touch(file) {
  const now = new Date();
  try {
    fs.utimesSync(file, now, now);
  } catch {
    // The folder was removed under us; the work itself will say so.
  }
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
