/** What the Builder of compiled regions is given, instruction by instruction, and what it makes of a block. */
import type { BailCause } from "../bails.js";
import type { Builder } from "../builder.js";
import type { Statement } from "../ir/function.js";
import type { I32 } from "../ir/value.js";
import type { FlagState, SourceLetter } from "./flag-state.js";
import type { RegisterSet } from "./registers.js";
import type { RoundFlags } from "./round-flags.js";

/** What an instruction that branches does so for. */
export type BranchKind = "branch" | "call" | "return";

/** An instruction to be built. */
export interface Buildable {
  readonly word: number;
  readonly fp: boolean;
  readonly kind: BranchKind;
  /** See Instruction. */
  readonly inlined: readonly number[];
  readonly body: (b: Builder) => void;
}

/** How control leaves a block for something that is not the next statement. */
export type Way =
  /** To an instruction of the region or of its pages, by number (places.ts). */
  | { readonly kind: "to"; readonly at: number }
  /**
   * To an address, which is in `target`; by RET, or by BR with its BTYPE. Expected are some instructions of the region.
   */
  | {
      readonly kind: "indirect";
      readonly returns: boolean;
      readonly type: I32 | undefined;
      readonly expected: readonly number[];
    }
  /** A call of an instruction by number, or of what is in `target`; comes back to instruction `back`. */
  | {
      readonly kind: "call";
      readonly at: number | undefined;
      readonly back: number;
      readonly expected: readonly number[];
    }
  /** Back to the interpreter, before instruction `at`; `refund` instructions were taken from the budget in vain. */
  | { readonly kind: "bail"; readonly at: number; readonly cause: BailCause; refund: number }
  /** To the interpreter's loop, which looks at interrupts before the instruction `at`. */
  | { readonly kind: "look"; readonly at: number; refund: number }
  /** The interpreter carries out `at`; the region goes on behind it if it can. */
  | { readonly kind: "interpret"; readonly at: number };

/** A place where control leaves a block, with what the block has done by then. */
export interface Departure {
  readonly way: Way;
  readonly touched: RegisterSet;
  /** Where its code goes. */
  readonly code: Statement[];
}

export interface FirstUse {
  readonly kind: "x" | "v";
  readonly n: number;
  readonly code: Statement[];
}

export interface BuiltBlock {
  readonly start: number;
  readonly body: Statement[];
  /** Instructions compiled: what is taken from the budget before the block. */
  readonly length: number;
  readonly departures: readonly Departure[];
  readonly firstUses: readonly FirstUse[];
  readonly touched: RegisterSet;
  /** Where what follows finds the flags without asking, if nothing else leads there. */
  readonly flags: FlagState;
  /** Whether it found flags in the vCPU block and asked for them. */
  readonly asksForFlags: boolean;
  readonly written: Written;
  /** Whether what it writes is stored only where it is left for something else than another round of it. */
  readonly deferred: boolean;
  /** Then, what a round's flags come of as the next one finds registers. */
  readonly roundFlags: RoundFlags | undefined;
}

/** What a block writes. */
export interface Written extends RegisterSet {
  /**
   * If it leaves flags by what they come of: the type of that. `false` if it wants to see the cells of flags as well.
   */
  readonly flags: SourceLetter | false | undefined;
}

/** What the compiler knows of the machine it compiles for. */
export interface RegionContext {
  /**
   * The address of the vCPU's block where there is only one vCPU. Then all accesses to the block are at constants, and V8
   * has a register more for the guest; else each vCPU that runs the region says which it is.
   */
  readonly onlyCpu: number | undefined;
  /**
   * Whether the region has calls that fill the TLB where an access misses it, and else leaves the instruction to the
   * interpreter. Of all that a large region has, V8 takes the longest for those calls, and most never happen.
   */
  readonly touches: boolean;
  /** Whether FPCR.FZ is set where its code runs, as far as is known: see ModeKeeper. */
  readonly flushes: boolean;
  /** The entry of a system register's encoding (SYSREG_ENTRY), which never changes. */
  sysregEntry(encoding: number): { flags: number; offset: number; readTraps: number; writeTraps: number };
}
