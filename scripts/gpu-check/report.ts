/** Sums up a GPU check: one table of steps, then what each of them printed, in full. */

export type Outcome = 'passed' | 'failed' | 'not here';

export interface StepResult {
  readonly title: string;
  readonly outcome: Outcome;
  /** How the process ended, in words. */
  readonly end: string;
  readonly seconds: number;
  readonly output: string;
}

export interface Report {
  readonly outcome: Outcome;
  /** Markdown. */
  readonly text: string;
}

/** A step that could not run is no failure, unless none could. */
export function reportOf(
  results: readonly StepResult[],
  { processor }: { readonly processor: string },
): Report {
  const outcome = results.some((result) => result.outcome === 'failed')
    ? 'failed'
    : results.every((result) => result.outcome === 'not here')
      ? 'not here'
      : 'passed';
  const rows = results.map(
    (result) => `| ${result.title} | ${result.outcome} | ${result.seconds} | ${result.end} |`,
  );
  const outputs = results.map((result) => `## ${result.title}\n\n\`\`\`\n${result.output}\`\`\`\n`);
  const text = [
    '# GPU check',
    '',
    `Outcome: ${outcome}. Processor: ${processor}.`,
    '',
    '| step | outcome | seconds | end |',
    '|---|---|---|---|',
    ...rows,
    '',
    ...outputs,
  ].join('\n');
  return { outcome, text };
}
