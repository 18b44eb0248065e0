/**
 * Which guest registers a region has in wasm locals at each place: bit masks over X0–X30 and SP, V0–V31, and the flags.
 * Registers that are written are stored as well, before anything can leave the region, so that a way out has nothing to
 * store and no local must live until there; only the flags, which are set often and wanted rarely, are stored late.
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

/** The numbers of the bits that are set. */
export function bitsOf(mask: number): number[] {
  const bits: number[] = [];
  for (let rest = mask; rest !== 0; rest &= rest - 1) bits.push(31 - Math.clz32(rest & -rest));
  return bits;
}

/** What holds where a block or an edge begins. */
export interface RegisterState {
  /** In locals. */
  readonly kept: RegisterSet;
  /** The flags are in their locals only. */
  readonly flagsDirty: boolean;
}

export const EMPTY: RegisterState = { kept: NONE, flagsDirty: false };
