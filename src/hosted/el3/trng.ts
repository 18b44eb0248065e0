/**
 * True Random Number Generator firmware interface 1.0 (Arm DEN0098), answered by a generator that a configured seed
 * determines: the machine's runs must repeat bit for bit.
 */
import { requireVersion, type Snapshot, type Stateful } from "../../bus/contract.js";
import { is64Bit } from "./smccc.js";

export const TRNG = { VERSION: 0x50, FEATURES: 0x51, GET_UUID: 0x52, RND: 0x53 } as const;

const TrngError = { SUCCESS: 0n, NOT_SUPPORTED: -1n, INVALID_PARAMETERS: -2n } as const;
const TRNG_VERSION_1_0 = 0x0001_0000n;
/** Names this back end, as section 2.3 asks: any fixed UUID but an all-ones first word. */
const UUID: readonly bigint[] = [0x6e1a_7c52n, 0x4b93_9d0fn, 0xb2d4_08e7n, 0x51c6_3fa9n];
const MASK64 = (1n << 64n) - 1n;

export interface TrngState extends Snapshot {
  readonly version: 1;
  readonly counter: bigint;
}

/** Whether an identifier is one of the TRNG's, 0x8400_0050–0x8400_005F or 0xC400_0053. */
export function isTrng(id: number): boolean {
  return (id & 0xbfff_fff0) >>> 0 === 0x8400_0050;
}

export class Trng implements Stateful<TrngState> {
  #counter: bigint;

  /** `seed`: any 64-bit value. */
  constructor(private readonly seed: bigint) {
    this.#counter = seed & MASK64;
  }

  /** The call's results for X0 up to X3. */
  call(id: number, arg: bigint): readonly bigint[] {
    switch (id & 0xf) {
      case TRNG.VERSION & 0xf:
        return [is64Bit(id) ? TrngError.NOT_SUPPORTED : TRNG_VERSION_1_0];
      case TRNG.FEATURES & 0xf:
        if (is64Bit(id)) return [TrngError.NOT_SUPPORTED];
        return [this.implements(Number(arg & 0xffff_ffffn)) ? TrngError.SUCCESS : TrngError.NOT_SUPPORTED];
      case TRNG.GET_UUID & 0xf:
        return is64Bit(id) ? [TrngError.NOT_SUPPORTED] : UUID;
      case TRNG.RND & 0xf:
        return this.#random(id, arg);
      default:
        return [TrngError.NOT_SUPPORTED];
    }
  }

  /** Whether an identifier is one this service answers. */
  implements(id: number): boolean {
    if (!isTrng(id)) return false;
    return (id & 0xf) <= (TRNG.RND & 0xf) && (!is64Bit(id) || (id & 0xff) === TRNG.RND);
  }

  reset(): void {
    this.#counter = this.seed & MASK64;
  }

  save(): TrngState {
    return { version: 1, counter: this.#counter };
  }

  restore(state: TrngState): void {
    requireVersion("trng", state, 1);
    this.#counter = state.counter;
  }

  /** Up to three registers of entropy: the lowest bits in register 3, those above in 2, then 1. */
  #random(id: number, bits: bigint): readonly bigint[] {
    const width = is64Bit(id) ? 64n : 32n;
    const wanted = BigInt.asUintN(Number(width), bits);
    if (wanted === 0n || wanted > 3n * width) return [TrngError.INVALID_PARAMETERS];
    const results: [bigint, bigint, bigint, bigint] = [TrngError.SUCCESS, 0n, 0n, 0n];
    let left = wanted;
    for (let n = 3; left > 0n; n--) {
      const take = left < width ? left : width;
      results[n] = this.#next() & ((1n << take) - 1n);
      left -= take;
    }
    return results;
  }

  /** SplitMix64: a counter, and an output function that spreads it. */
  #next(): bigint {
    this.#counter = (this.#counter + 0x9e37_79b9_7f4a_7c15n) & MASK64;
    let z = this.#counter;
    z = ((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & MASK64;
    z = ((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn) & MASK64;
    return z ^ (z >> 31n);
  }
}
