/**
 * FPCR and FPSR as the fast paths see them (DDI 0487, C5.2 "FPCR", "FPSR"). Four states: fast (the host rounds as FPCR
 * asks, and FPSR.IXC is set already, so that nothing need be recorded), fast where denormals count as zero (FPCR.FZ, as
 * programs built with -ffast-math set it; code of regions that were hot in that mode asks for it), default (the host
 * rounds as FPCR asks, but the first inexact result must be noticed), and everything else, which is for functions:
 * those of modal.ts as far as they go, or the exact path.
 */
import { FPCR, FPCR_WITHOUT_FP16, FPSR, FPSR_BITS, RMODE_SHIFT } from "../../cpu/fp/format.js";
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I32, Value } from "../ir/value.js";
import { CPU } from "../layout.js";

/** FPCR bits that change a result which is not a NaN. Whoever has NaNs asks about DN as well (`keepsNaNs`). */
export const FPCR_CHANGES_RESULTS = FPCR.RMode | FPCR.FZ | FPCR.FZ16 | FPCR.AHP;

/** Values of CPU.fpFast; 0 while neither holds. */
const FAST = 1;
const FAST_FLUSHING = -1;

/** FPCR changes results by FZ and nothing else. */
export const flushesOnly = (fpcr: number): boolean => (fpcr & FPCR_CHANGES_RESULTS) === FPCR.FZ;

/** The value of CPU.fpFast that belongs to these registers. */
export function fpFastOf(fpcr: number, fpsr: number): 0 | typeof FAST | typeof FAST_FLUSHING {
  if ((fpsr & FPSR.IXC) === 0) return 0;
  if (flushesOnly(fpcr)) return FAST_FLUSHING;
  return (fpcr & FPCR_CHANGES_RESULTS) === 0 ? FAST : 0;
}

const word = (fb: FunctionBuilder, cpu: I32, offset: number): I32 => fb.load("i32.load", cpu, offset) as I32;

/** A builder that has `doubt` at hand. */
export interface ModeKeeper {
  /** Its code is for FPCR.FZ: elsewhere it calls functions at each operation. */
  readonly flushes: boolean;
  keptDoubt(): I32;
  /** The mode may be another than it was. */
  refreshDoubt(): void;
}
const keeper = (fb: FunctionBuilder): ModeKeeper | undefined =>
  "keptDoubt" in fb ? (fb as FunctionBuilder & ModeKeeper) : undefined;

/** Denormal operands and results are for a function to flush: code that goes on without must have seen to them. */
export const isForFlushing = (fb: FunctionBuilder): boolean => keeper(fb)?.flushes ?? false;

/** 1 while the mode is the fast one that the code is for. */
export const isFast = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpFast).eq(isForFlushing(fb) ? FAST_FLUSHING : FAST);

/** 0 while `isFast`, else all ones, or nearly: to be added by OR to what is small where a result is certain. */
export const doubtOf = (fb: FunctionBuilder, cpu: I32): I32 =>
  isForFlushing(fb) ? isFast(fb, cpu).sub(1) : word(fb, cpu, CPU.fpFast).sub(FAST);
export const doubt = (fb: FunctionBuilder, cpu: I32): I32 => keeper(fb)?.keptDoubt() ?? doubtOf(fb, cpu);

/** 1 while FPCR leaves results as the host computes them of what the code has seen to. */
export const isPlain = (fb: FunctionBuilder, cpu: I32): I32 =>
  isForFlushing(fb) ? isDefaultOrFlushing(fb, cpu) : isDefault(fb, cpu);

/** `then` where the mode is fast and `conditions` hold, which they mostly do; else what `called` gives. */
export function fastly<T extends Value>(
  fb: FunctionBuilder,
  cpu: I32,
  conditions: readonly I32[],
  then: () => T,
  called: () => T,
): T {
  return fb.mostly([doubt(fb, cpu).eqz(), ...conditions], then, () => recorded(fb, called()));
}

/** What a function gave that may have raised Inexact, from where on results may be certain. */
export function recorded<T extends Value>(fb: FunctionBuilder, result: T): T {
  keeper(fb)?.refreshDoubt();
  return result;
}

/** 1 while FPCR leaves results as the host computes them. */
export const isDefault = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpcr).and(FPCR_CHANGES_RESULTS).eqz();

/** 1 while FPCR changes results by its rounding mode at most. */
export const isRounding = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpcr)
    .and(FPCR_CHANGES_RESULTS & ~FPCR.RMode)
    .eqz();

/** 1 while FPCR changes results by its rounding mode and by FZ at most. */
export const isRoundingOrFlushing = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpcr)
    .and(FPCR_CHANGES_RESULTS & ~(FPCR.RMode | FPCR.FZ))
    .eqz();

/** FPCR.RMode. */
export const roundingMode = (fb: FunctionBuilder, cpu: I32): I32 => word(fb, cpu, CPU.fpcr).shrU(RMODE_SHIFT).and(3);

/** 1 while, beside that, a quiet NaN among the operands is the result. */
export const keepsNaNs = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpcr)
    .and(FPCR_CHANGES_RESULTS | FPCR.DN)
    .eqz();

/** 1 while FPCR leaves results as the host computes them where no denormal single or double comes in or out. */
export const isDefaultOrFlushing = (fb: FunctionBuilder, cpu: I32): I32 =>
  word(fb, cpu, CPU.fpcr)
    .and(FPCR_CHANGES_RESULTS & ~FPCR.FZ)
    .eqz();

/** 1 while denormal operands count as zero. */
export const flushes = (fb: FunctionBuilder, cpu: I32, half: boolean): I32 =>
  word(fb, cpu, CPU.fpcr)
    .and(half ? FPCR.FZ16 : FPCR.FZ)
    .ne(0);

/** `fpFastOf` for code. */
function choosePath(fb: FunctionBuilder, cpu: I32): void {
  const mode = word(fb, cpu, CPU.fpcr).and(FPCR_CHANGES_RESULTS);
  const fast = mode.eq(FPCR.FZ).select(fb.i32(FAST_FLUSHING), mode.eqz());
  const isInexact = word(fb, cpu, CPU.fpsr).and(FPSR.IXC).ne(0);
  fb.store("i32.store", cpu, isInexact.select(fast, fb.i32(0)), CPU.fpFast);
}

/** (cpu, CPU.fpcr or CPU.fpsr, value): MSR; 0, and nothing done, for FPCR.FZ16, which not every model has. */
export const writeFpControl = defineFunction("writeFpControl", "iil", "i", (fb, cpu, cell, value) => {
  const isFpcr = cell.eq(CPU.fpcr);
  fb.if(isFpcr.and(value.wrap().and(FPCR.FZ16).ne(0)), () => fb.return(fb.i32(0)));
  const written = value.and(isFpcr.select(fb.i64(BigInt(FPCR_WITHOUT_FP16)), fb.i64(BigInt(FPSR_BITS))));
  fb.store("i64.store", cpu.add(cell), written);
  choosePath(fb, cpu);
  fb.return(fb.i32(1));
});

/** (cpu, flags): sets flags of FPSR. */
const raiseFlags = defineFunction("raiseFlags", "ii", "", (fb, cpu, flags) => {
  const fpsr = word(fb, cpu, CPU.fpsr).or(flags);
  fb.store("i32.store", cpu, fpsr, CPU.fpsr);
  choosePath(fb, cpu);
});
export const raise = (fb: FunctionBuilder, cpu: I32, flags: number | I32): void =>
  fb.call(raiseFlags, cpu, typeof flags === "number" ? fb.i32(flags) : flags);

/** 1 where all these flags are in FPSR: what raises no others need not be looked at. */
export const raised = (fb: FunctionBuilder, cpu: I32, flags: number): I32 =>
  word(fb, cpu, CPU.fpsr).and(flags).eq(flags);

/** Sets FPSR.IXC if it is clear and `inexact()`, which is computed only then, holds. */
export function noteInexact(fb: FunctionBuilder, cpu: I32, inexact: () => I32): void {
  fb.if(word(fb, cpu, CPU.fpsr).and(FPSR.IXC).eqz(), () => {
    fb.if(inexact(), () => raise(fb, cpu, FPSR.IXC));
  });
}
