/**
 * Start services in list order, stop them in reverse; both idempotent, each stop with a deadline
 * (style.md, "Lifecycle"). Constructors start nothing.
 */
export interface Service {
  readonly name: string;
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

export interface StopFailure {
  readonly name: string;
  readonly cause: unknown;
}

export class Lifecycle {
  readonly #services: readonly Service[];
  readonly #stopTimeoutMs: number;
  readonly #started: Service[] = [];
  #starting: Promise<void> | undefined;
  #stopping: Promise<readonly StopFailure[]> | undefined;

  constructor(services: readonly Service[], init: { readonly stopTimeoutMs: number }) {
    this.#services = services;
    this.#stopTimeoutMs = init.stopTimeoutMs;
  }

  /** Starts all services in order; on failure stops the started ones and rethrows. */
  start(): Promise<void> {
    this.#starting ??= this.#startAll();
    return this.#starting;
  }

  /** Stops what was started, newest first. Never throws: failures are returned. */
  stop(): Promise<readonly StopFailure[]> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #startAll(): Promise<void> {
    for (const service of this.#services) {
      try {
        this.#started.push(service);
        await service.start?.();
      } catch (cause) {
        await this.stop();
        throw cause;
      }
    }
  }

  async #stopAll(): Promise<readonly StopFailure[]> {
    const failures: StopFailure[] = [];
    for (const service of this.#started.toReversed()) {
      try {
        await withDeadline(service.stop?.() ?? Promise.resolve(), this.#stopTimeoutMs);
      } catch (cause) {
        failures.push({ name: service.name, cause });
      }
    }
    return failures;
  }
}

async function withDeadline(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not stopped within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
