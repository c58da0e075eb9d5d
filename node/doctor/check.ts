/** What `kadre doctor` says about one thing. */
export interface CheckResult {
  readonly name: string;
  /** `problem`: something will not work; `warning`: it works, but not as well as it could. */
  readonly status: 'ok' | 'warning' | 'problem';
  /** What was found. */
  readonly detail: string;
  /** What to type or do; absent when there is nothing to do. */
  readonly advice?: string;
}

export const ok = (name: string, detail: string): CheckResult => ({ name, status: 'ok', detail });

export const warning = (name: string, detail: string, advice: string): CheckResult => {
  return { name, status: 'warning', detail, advice };
};

export const problem = (name: string, detail: string, advice: string): CheckResult => {
  return { name, status: 'problem', detail, advice };
};

/** Runs a check; whatever it throws is a problem of its own. */
export async function guarded(
  name: string,
  check: () => Promise<readonly CheckResult[]>,
): Promise<readonly CheckResult[]> {
  try {
    return await check();
  } catch (cause) {
    const { message, advice } = cause as Error & { readonly advice?: string };
    return [problem(name, message, advice ?? 'see the message')];
  }
}
