/** What the two sides of the conformance tests exchange; reference/reference.c has the same layout and addresses. */

/** Addresses at which both sides place code and data. */
export const CODE = 0x1000_0000;
export const CODE_SIZE = 0x2_0000;
/** Bytes of code that belong to one test; its words begin after the two that load X30 and X0. */
export const SLOT_SIZE = 32;
export const SLOT_PROLOGUE = 8;
export const SLOTS = CODE_SIZE / SLOT_SIZE;
/** A page of BRK with nothing mapped near it, for instructions that may go anywhere. */
export const ISOLATED = 0x4000_0000;
export const ISOLATED_AT = 0x800;
/**
 * Two readable and writable pages, with nothing behind them. What is compared straddles their border; the last bytes
 * are zeroed before each test.
 */
export const DATA = 0x1002_0000;
export const DATA_SIZE = 0x2000;
export const DATA_END = DATA + DATA_SIZE;
export const DATA_TAIL = 64;
export const PAGE = 0x1000;
export const WINDOW = DATA + 0xf00;
export const WINDOW_SIZE = 512;
/** A page of zeros that cannot be written. */
export const READ_ONLY = 0x1002_4000;
export const BRK = 0xd4200000;
export const MAX_WORDS = 4;

/** Offsets in the state: X0–X30, SP, NZCV in bits 31–28, FPCR, FPSR, PC, V0–V31, the window's bytes. */
export const STATE = {
  x: 0,
  sp: 248,
  nzcv: 256,
  fpcr: 264,
  fpsr: 272,
  pc: 280,
  v: 288,
  window: 800,
  size: 1312,
} as const;
export const TEST = { count: 0, isolated: 4, words: 8, state: 32, size: 32 + STATE.size } as const;
export const RESULT = { outcome: 0, far: 8, state: 16, size: 16 + STATE.size } as const;

/** How a test can end on the reference, in its numbering. */
export const OUTCOMES = ["completed", "undefined", "segment fault", "bus error", "trap", "endless"] as const;
/** The engine can also end a test as no user-mode program would see it. */
export type Outcome = (typeof OUTCOMES)[number] | `exception class ${string}` | `exit ${number}`;

/** One test: up to MAX_WORDS instructions, run from the first one's address in this state. */
export interface Test {
  /** Name of the row it was drawn from. */
  readonly row: string;
  readonly words: readonly number[];
  /** May branch anywhere: runs on the isolated page. */
  readonly isolated: boolean;
  readonly state: Uint8Array;
}

export interface Result {
  readonly outcome: Outcome;
  /** Where a segment fault was. */
  readonly far: bigint;
  readonly state: Uint8Array;
}

/** Address of the test's first word when it is number `index` of its batch. */
export function addressOf(test: Test, index: number): number {
  return test.isolated ? ISOLATED + ISOLATED_AT : CODE + index * SLOT_SIZE + SLOT_PROLOGUE;
}
