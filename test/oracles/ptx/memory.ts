/**
 * Memory of a run. A global address is (allocation + 1) * 2^32 + offset, so that an access that
 * leaves its allocation is an error and not somebody else's data. Only aligned accesses are
 * possible.
 */
export class Space {
  readonly #allocations: Uint32Array[] = [];

  /** Content is garbage. Returns the address. */
  allocate(bytes: number): bigint {
    this.#allocations.push(new Uint32Array(Math.ceil(bytes / 4)).fill(0xffff_5a5a));
    return BigInt(this.#allocations.length) << 32n;
  }

  at(address: bigint): Uint32Array {
    const words = this.#allocations[Number(address >> 32n) - 1];
    if (words === undefined) throw new Error(`ptx: no memory at ${address.toString(16)}`);
    return words;
  }

  /** `count` words from this address on, which must be a multiple of their size. */
  words(address: bigint, count: number): Uint32Array {
    const offset = Number(address & 0xffff_ffffn);
    const words = this.at(address);
    const isWrong = offset % (4 * count) !== 0 || offset / 4 + count > words.length;
    if (isWrong) throw new Error(`ptx: ${count} words at ${address.toString(16)}`);
    return words.subarray(offset / 4, offset / 4 + count);
  }
}
