/**
 * Which guest registers a region has in wasm locals, and which of those the vCPU block does not know yet, at each
 * place: bit masks over X0–X30 and SP, V0–V31, and the flags.
 */

/** Bit 31 of `x` is SP: X31 is never kept. */
export interface RegisterSet {
  readonly x: number;
  readonly v: number;
  readonly flags: boolean;
}

export const NONE: RegisterSet = { x: 0, v: 0, flags: false };

export const union = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x | b.x,
  v: a.v | b.v,
  flags: a.flags || b.flags,
});
export const intersection = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x & b.x,
  v: a.v & b.v,
  flags: a.flags && b.flags,
});
export const difference = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x & ~b.x,
  v: a.v & ~b.v,
  flags: a.flags && !b.flags,
});
export const isSubset = (a: RegisterSet, b: RegisterSet): boolean =>
  (a.x & ~b.x) === 0 && (a.v & ~b.v) === 0 && (!a.flags || b.flags);

/** The numbers of the bits that are set. */
export function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits.push(31 - Math.clz32(rest & -rest));
  return bits;
}

const countBits = (mask: number): number => {
  let n = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) n++;
  return n;
};
export const sizeOf = ({ x, v, flags }: RegisterSet): number => countBits(x) + countBits(v) + (flags ? 1 : 0);

/** What holds where a block, an exit or an edge begins. */
export interface RegisterState {
  /** In locals. */
  readonly kept: RegisterSet;
  /** Of those, what must still be stored. */
  readonly dirty: RegisterSet;
}

export const EMPTY: RegisterState = { kept: NONE, dirty: NONE };
