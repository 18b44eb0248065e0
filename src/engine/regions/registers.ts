/**
 * Which guest registers a region has in wasm locals at each place: bit masks over X0–X30 and SP, and V0–V31. Registers
 * that are written are stored as well, before anything can leave the region, so that a way out has nothing to store and
 * no local must live until there. Of the flags it is stored what they come of (engine/flags.ts).
 */

/** Bit 31 of `x` is SP: X31 is never kept. */
export interface RegisterSet {
  readonly x: number;
  readonly v: number;
}

export const NONE: RegisterSet = { x: 0, v: 0 };

export const union = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x | b.x,
  v: a.v | b.v,
});
export const intersection = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x & b.x,
  v: a.v & b.v,
});
export const difference = (a: RegisterSet, b: RegisterSet): RegisterSet => ({
  x: a.x & ~b.x,
  v: a.v & ~b.v,
});

/** The numbers of the bits that are set. */
export function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits.push(31 - Math.clz32(rest & -rest));
  return bits;
}
