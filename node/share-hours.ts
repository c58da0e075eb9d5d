/**
 * The hours in which a node takes work, by the clock on its wall: outside them it rests, and goes
 * on with what it has begun. Decided anew twice a minute, so that a changed clock or zone is
 * followed.
 */
import { KadreError } from '../src/base/errors.ts';
import type { Service } from '../src/base/lifecycle.ts';
import type { Clock, Timer } from '../src/base/ports.ts';

export interface ShareHours {
  /** Local time: from the beginning of this hour, 0..23 */
  readonly from: number;
  /** to the beginning of this one, 1..24; below `from` it is the next day's. */
  readonly to: number;
}

const LOOK_MS = 30_000;
const HOURS = /^(\d{1,2})-(\d{1,2})$/;

/** `22-7`; undefined for an empty text, which is always. Errors: USAGE. */
export function parseHours(text: string): ShareHours | undefined {
  if (text === '') return undefined;
  const match = HOURS.exec(text);
  const [from, to] = [Number(match?.[1] ?? 99), Number(match?.[2] ?? 99)];
  if (from <= 23 && to >= 1 && to <= 24 && from !== to) return { from, to };
  if (from <= 23 && to === 0 && from !== 0) return { from, to: 24 };
  const advice = 'give two hours of the day: 22-7 is from ten in the evening to seven';
  throw new KadreError({ code: 'USAGE', advice }, `--hours ${text.slice(0, 32)} are no hours`);
}

export function isWithin({ from, to }: ShareHours, hour: number): boolean {
  return from < to ? hour >= from && hour < to : hour >= from || hour < to;
}

export function hoursText({ from, to }: ShareHours): string {
  return `outside its hours, ${from}-${to}`;
}

/** Rests and wakes a node by these hours. */
export function keepHours(
  { clock, localHour }: { readonly clock: Clock; readonly localHour: () => number },
  hours: ShareHours,
  rest: (why: string, isResting: boolean) => void,
): Service {
  let timer: Timer | undefined;
  const look = () => {
    rest(hoursText(hours), !isWithin(hours, localHour()));
    timer = clock.setTimer(LOOK_MS, look);
  };
  return { name: 'hours', start: async () => look(), stop: async () => timer?.cancel() };
}
