/** One step of the GPU check: a process, a time limit, and what its end means. */
import { spawn } from 'node:child_process';
import type { Outcome, StepResult } from './report.ts';

export interface Step {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutS: number;
  /** It passes by being killed at its time limit, after it has printed this word. */
  readonly mustHang?: string;
}

const OUTPUT_CHARACTERS_MAX = 1_000_000;
/** Of the self-test program: no GPU that could be used. */
const NOT_HERE = 3;

export function runStep(step: Step): Promise<StepResult> {
  const startMs = performance.now();
  const child = spawn(step.command, step.args, {
    env: { ...process.env, ...step.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, step.timeoutS * 1000);
  return new Promise((resolve) => {
    const finish = (outcome: Outcome, end: string) => {
      clearTimeout(timer);
      const seconds = Number(((performance.now() - startMs) / 1000).toFixed(1));
      resolve({ title: step.title, outcome, end, seconds, output });
    };
    child.on('error', (error) => finish('not here', error.message));
    child.on('close', (code, signal) => {
      const end = isLate ? `killed after ${step.timeoutS} s` : (signal ?? `exit code ${code}`);
      if (step.mustHang !== undefined) {
        finish(isLate && output.includes(step.mustHang) ? 'passed' : 'failed', end);
      } else if (code === NOT_HERE && !isLate) finish('not here', end);
      else finish(code === 0 && !isLate ? 'passed' : 'failed', end);
    });
  });
}
