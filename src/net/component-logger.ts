/**
 * libp2p's log lines, sent to our logger at `debug` and only its errors: nothing prints by itself
 * and no environment variable changes that.
 */
import type { ComponentLogger, Logger as Libp2pLogger } from '@libp2p/interface';
import type { Logger } from '../base/ports.ts';

export function componentLogger(logger: Logger): ComponentLogger {
  return { forComponent: (name) => scoped(logger, name) };
}

const DETAILS_MAX = 4;

function scoped(logger: Logger, component: string): Libp2pLogger {
  const quiet = () => {};
  return Object.assign(quiet, {
    enabled: false,
    trace: quiet,
    error: (message: unknown, ...details: unknown[]) => {
      const facts = details.slice(0, DETAILS_MAX).map(String);
      logger.log('debug', 'libp2p', { component, message: String(message), details: facts });
    },
    newScope: (name: string) => scoped(logger, `${component}:${name}`),
  });
}
