/**
 * Where a host can listen: a multiaddr over TCP, the one transport (docs/protocol/transport.md).
 */
import { multiaddr } from '@multiformats/multiaddr';

/** True when `createHost` takes this text; whether the address can be had is another question. */
export function isListenAddress(text: string): boolean {
  try {
    return multiaddr(text)
      .getComponents()
      .some(({ name }) => name === 'tcp');
  } catch {
    return false;
  }
}
