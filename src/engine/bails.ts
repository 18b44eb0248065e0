/**
 * Why compiled code hands an instruction to the interpreter: an index into CPU.statBails, and the low bits of a slot.
 */
export const BAIL = { budget: 0, memory: 1, alignment: 2, undefined: 3, other: 4 } as const;
export type BailCause = keyof typeof BAIL;
export const BAIL_MASK = 7;
