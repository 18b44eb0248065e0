/**
 * What the generator must know of an instruction word beyond its row: how it addresses memory, whether it branches,
 * and which operand overlaps are CONSTRAINED UNPREDICTABLE (DDI 0487, C4.1 "Loads and Stores", K1.1).
 */

const field = (word: number, lo: number, width: number): number => (word >>> lo) & ((1 << width) - 1);
const signedField = (word: number, lo: number, width: number): number => (word << (32 - lo - width)) >> (32 - width);
const is = (word: number, mask: number, value: number): boolean => (word & mask) >>> 0 === value;

export interface MemoryOperand {
  /** Register number of the base, or "pc". */
  readonly base: number | "pc";
  /** Bytes added to the base. */
  readonly offset: number;
  /** Register added to it. */
  readonly index?: { readonly register: number; readonly option: number; readonly shift: number };
}

/** How a load or store makes its address; undefined for other instructions. */
export function memoryOperand(word: number): MemoryOperand | undefined {
  const base = field(word, 5, 5);
  const vector = field(word, 26, 1) === 1;
  const size = field(word, 30, 2);
  if (is(word, 0x3f000000, 0x08000000) || is(word, 0xbe000000, 0x0c000000)) return { base, offset: 0 };
  if (is(word, 0x3b000000, 0x18000000)) return { base: "pc", offset: 4 * signedField(word, 5, 19) };
  if (is(word, 0x3a000000, 0x28000000)) {
    const log2 = vector ? 2 + size : 2 + (size >> 1);
    return { base, offset: field(word, 23, 2) === 1 ? 0 : signedField(word, 15, 7) * (1 << log2) };
  }
  const log2 = vector ? size + 4 * field(word, 23, 1) : size;
  if (is(word, 0x3b000000, 0x39000000)) return { base, offset: field(word, 10, 12) * (1 << log2) };
  const unscaled = is(word, 0x3f200c00, 0x19000000) || is(word, 0x3b200000, 0x38000000);
  if (unscaled) return { base, offset: field(word, 10, 2) === 1 ? 0 : signedField(word, 12, 9) };
  if (is(word, 0x3b200c00, 0x38200800)) {
    const index = { register: field(word, 16, 5), option: field(word, 13, 3), shift: field(word, 12, 1) * log2 };
    return { base, offset: 0, index };
  }
  if (is(word, 0x3b200c00, 0x38200000)) return { base, offset: 0 };
  return undefined;
}

export const isLiteral = (word: number): boolean => is(word, 0x3b000000, 0x18000000);
export const isStoreExclusive = (word: number): boolean =>
  is(word, 0x3fc00000, 0x08000000) && !isCompareAndSwapPair(word);
const isCompareAndSwapPair = (word: number): boolean => is(word, 0xbfa00000, 0x08200000);

/** The load-exclusive of the same size and base, into other registers, that arms the monitor for `word`. */
export function armingLoad(word: number, rt: number, rt2: number): number {
  return ((word & ~0x001f_7c1f) | 0x0040_0000 | (31 << 16) | (rt2 << 10) | rt) >>> 0;
}

/** Direct branches by their offset, and where it is. */
const DIRECT: readonly (readonly [mask: number, value: number, lo: number, width: number])[] = [
  [0x7c000000, 0x14000000, 0, 26],
  [0xff000010, 0x54000000, 5, 19],
  [0x7e000000, 0x34000000, 5, 19],
  [0x7e000000, 0x36000000, 5, 14],
];

/** Displacement of a direct branch in bytes. */
export function branchOffset(word: number): number | undefined {
  const form = DIRECT.find(([mask, value]) => is(word, mask, value));
  return form && 4 * signedField(word, form[2], form[3]);
}

export const isRegisterBranch = (word: number): boolean => is(word, 0xfe000000, 0xd6000000);

/** Reason why the word may do anything, or undefined. */
export function unpredictable(word: number): string | undefined {
  const [rt, rn, rt2, rs] = [field(word, 0, 5), field(word, 5, 5), field(word, 10, 5), field(word, 16, 5)];
  const vector = field(word, 26, 1) === 1;
  const isLoad = field(word, 22, 1) === 1;
  if (is(word, 0x3a000000, 0x28000000)) {
    if (isLoad && rt === rt2) return "a pair loads the same register twice";
    if (!vector && field(word, 23, 1) === 1 && rn !== 31 && (rt === rn || rt2 === rn))
      return "write-back of a transferred register";
  }
  if (is(word, 0x3f200400, 0x38000400) && rn !== 31 && rt === rn) return "write-back of a transferred register";
  if (is(word, 0xbfe00000, 0x88600000) && rt === rt2) return "a pair loads the same register twice";
  if (isStoreExclusive(word) && (rs === rt || (rs === rn && rn !== 31))) return "the status overwrites an operand";
  if (is(word, 0xbfe00000, 0x88200000) && rs === rt2) return "the status overwrites an operand";
  return undefined;
}
