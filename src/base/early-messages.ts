/**
 * What came for somebody who has not started yet: peers are quicker than a log is read, or than a
 * requester says `open`. Kept in order for when it has, and dropped at the bounds.
 */

/** Messages, and their bytes together. */
export const EARLY_MAX = 1_024;
export const EARLY_BYTES_MAX = 32 * 1_048_576;

type Delivery<T> = (to: T, message: Uint8Array) => void;

export class EarlyMessages<T> {
  #held: { readonly message: Uint8Array; readonly deliver: Delivery<T> }[] = [];
  #bytes = 0;

  get count(): number {
    return this.#held.length;
  }

  /** `deliver` is given a copy: the message may lie in a buffer far larger than itself. */
  keep(message: Uint8Array, deliver: Delivery<T>): void {
    if (this.#held.length >= EARLY_MAX || this.#bytes + message.length > EARLY_BYTES_MAX) return;
    this.#bytes += message.length;
    this.#held.push({ message: new Uint8Array(message), deliver });
  }

  /** Once; nothing is held afterwards. */
  deliverTo(to: T): void {
    const held = this.#held;
    this.#held = [];
    this.#bytes = 0;
    for (const { message, deliver } of held) deliver(to, message);
  }
}
