/** Where every node of a world announces itself: one directory instead of a DHT. */
import type { PeerId } from '../base/ids.ts';
import type { Directory, ProviderHint } from '../base/ports.ts';

export class SimDirectory {
  readonly #classes = new Map<string, Set<PeerId>>();

  of(self: PeerId): Directory {
    const classes = this.#classes;
    return {
      announce: async (names) => {
        for (const name of names) {
          const providers = classes.get(name) ?? new Set();
          classes.set(name, providers.add(self));
        }
      },
      find: async function* (name, { max }): AsyncGenerator<ProviderHint> {
        for (const peer of [...(classes.get(name) ?? [])].slice(0, max)) {
          yield { peer, addresses: [] };
        }
      },
    };
  }
}
