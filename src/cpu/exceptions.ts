/**
 * Exception entry and return as wasm functions (DDI 0487, D1.3 "Exceptions" and the AArch64.TakeException and
 * AArch64.ExceptionReturn pseudocode). An exception to a hosted level is entered in full and then leaves the engine.
 */
import { CpuView } from "../engine/cpu-view.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { type DefinedFunction, defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import { CONTEXT, CPU, CPU_FEATURE, DEBUG_EXIT, DEBUG_EXIT_SHIFT, Exit, IRQ_LINE } from "../engine/layout.js";
import { enterMode } from "../mmu/banks.js";
import { HCR_EL2 as HCR, SCR_EL3 as SCR } from "./sysreg/bits.js";
import { sysregOffset } from "./sysreg/table.js";

const VBAR = ["VBAR_EL1", "VBAR_EL2", "VBAR_EL3"] as const;
const ELR = ["ELR_EL1", "ELR_EL2", "ELR_EL3"] as const;
const SPSR = ["SPSR_EL1", "SPSR_EL2", "SPSR_EL3"] as const;
const ESR = ["ESR_EL1", "ESR_EL2", "ESR_EL3"] as const;
const FAR = ["FAR_EL1", "FAR_EL2", "FAR_EL3"] as const;
const SCTLR = ["SCTLR_EL1", "SCTLR_EL2", "SCTLR_EL3"] as const;

/** Exception classes (ESR_ELx.EC). The lower-EL number; +1 where the same-EL one differs. */
export const EC = {
  unknown: 0x00,
  wfx: 0x01,
  fpAccess: 0x07,
  pacTrap: 0x09,
  branchTarget: 0x0d,
  illegalState: 0x0e,
  svc: 0x15,
  hvc: 0x16,
  smc: 0x17,
  sysreg: 0x18,
  instructionAbort: 0x20,
  pcAlignment: 0x22,
  dataAbort: 0x24,
  spAlignment: 0x26,
  serror: 0x2f,
  breakpoint: 0x30,
  softwareStep: 0x32,
  watchpoint: 0x34,
  brk: 0x3c,
} as const;

/** IFSC of debug exceptions. */
const FSC_DEBUG = 0x22;

export const SPSR_BITS = { DIT: 24, UAO: 23, PAN: 22, SS: 21, IL: 20, SSBS: 12, BTYPE: 10 } as const;

/** Offset of the slot in which the SP of `el` (or SP_EL0 when spSel is 0) is kept while not in use. */
function spSlot(fb: FunctionBuilder, el: I32, spSel: I32): I32 {
  const slot = (n: 0 | 1 | 2 | 3): I32 => fb.i32(sysregOffset(`SP_EL${n}`));
  const banked = el.eq(3).select(slot(3), el.eq(2).select(slot(2), el.eq(1).select(slot(1), slot(0))));
  return spSel.select(banked, slot(0));
}

/** Sets PSTATE.{EL, SP}, exchanging the stack pointer in use. */
export const switchStack = defineFunction("switchStack", "iii", "", (fb, cpu, el, spSel) => {
  const c = new CpuView(fb, cpu);
  // What was retired since the level was entered is counted for it.
  const before = c.get32(CPU.el);
  const secure = c.sys("SCR_EL3").bit(SCR.NS).eqz().and(before.leU(1));
  const counter = cpu.add(before.add(secure.shl(2)).shl(3));
  const passed = c.get32(CPU.levelMark).sub(c.get32(CPU.budget)).toI64S();
  fb.store("i64.store", counter, (fb.load("i64.load", counter, CPU.levelCounts) as I64).add(passed), CPU.levelCounts);
  c.set32(CPU.levelMark, c.get32(CPU.budget));
  fb.store("i64.store", cpu.add(spSlot(fb, c.get32(CPU.el), c.get32(CPU.spSel))), c.get64(CPU.sp));
  c.set64(CPU.sp, fb.load("i64.load", cpu.add(spSlot(fb, el, spSel))) as I64);
  c.set32(CPU.el, el);
  c.set32(CPU.spSel, spSel);
  fb.return();
});

/** PSTATE in SPSR_ELx format. */
export const packPstate = defineFunction("packPstate", "i", "l", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const nzcv = c
    .get64(CPU.flagN)
    .shrU(63)
    .wrap()
    .shl(31)
    .or(c.get64(CPU.flagZ).eqz().shl(30))
    .or(c.get32(CPU.flagC).shl(29))
    .or(c.get64(CPU.flagV).shrU(63).wrap().shl(28));
  const bits = nzcv
    .or(c.get32(CPU.dit).shl(SPSR_BITS.DIT))
    .or(c.get32(CPU.uao).shl(SPSR_BITS.UAO))
    .or(c.get32(CPU.pan).shl(SPSR_BITS.PAN))
    .or(c.get32(CPU.ss).shl(SPSR_BITS.SS))
    .or(c.get32(CPU.il).shl(SPSR_BITS.IL))
    .or(c.get32(CPU.ssbs).shl(SPSR_BITS.SSBS))
    .or(c.get32(CPU.btype).shl(SPSR_BITS.BTYPE))
    .or(c.get32(CPU.daif))
    .or(c.get32(CPU.el).shl(2))
    .or(c.get32(CPU.spSel));
  fb.return(bits.toI64U());
});

/**
 * AArch64.TakeException: (cpu, target EL, vector kind 0/0x80/0x100/0x180, preferred return address). The caller has
 * written ESR and FAR where they apply.
 */
export const takeException = defineFunction("takeException", "iiil", "", (fb, cpu, target, kind, returnAddress) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const spSel = c.get32(CPU.spSel);
  const group = target.eq(el).select(spSel.shl(9), fb.i32(0x400));
  const offset = group.add(kind);
  c.setSysByEl(SPSR, target, fb.call(packPstate, cpu));
  c.setSysByEl(ELR, target, returnAddress);
  // SCTLR_ELx.SPAN = 0 sets PAN on entry to EL1, or to EL2 with E2H and TGE.
  const hcr = c.sys("HCR_EL2");
  const host = hcr.bit(HCR.E2H).and(hcr.bit(HCR.TGE)).and(target.eq(2));
  const sctlr = c.sysByEl(SCTLR, target);
  const setPan = target.eq(1).or(host).and(sctlr.bit(23).eqz()).and(c.get32(CPU.features).and(1));
  fb.call(switchStack, cpu, target, fb.i32(1));
  c.set32(CPU.daif, 0x3c0);
  c.set32(CPU.btype, 0);
  c.set32(CPU.il, 0);
  c.set32(CPU.ss, 0);
  c.set32(CPU.uao, 0);
  c.set32(CPU.ssbs, sctlr.shrU(44).wrap().and(1).and(c.get32(CPU.features).shrU(1)));
  fb.if(setPan, () => c.set32(CPU.pan, 1));
  c.set64(CPU.pc, c.sysByEl(VBAR, target).and(-0x800n).add(offset.toI64U()));
  c.count(CPU.statExceptions);
  fb.call(enterMode, cpu);
  fb.if(
    c.get32(CPU.hosted).shrU(target).and(1),
    () => {
      c.set32(CPU.exit, target.eq(3).select(fb.i32(Exit.hosted3), fb.i32(Exit.hosted2)));
      c.set64(CPU.exitInfo, offset.toI64U());
    },
    () => fb.if(c.get32(CPU.catchLevels).shrU(target).and(1), () => leaveForDebug(c, DEBUG_EXIT.exception, offset)),
  );
  fb.return();
});

/** The engine is left, with the state as it is now. */
function leaveForDebug(c: CpuView, kind: number, detail: I32 | number): void {
  const { fb } = c;
  c.set32(CPU.exit, Exit.debug);
  c.set64(CPU.exitInfo, (typeof detail === "number" ? fb.i32(detail) : detail).or(kind << DEBUG_EXIT_SHIFT).toI64U());
}

/** Where a synchronous exception of the current EL goes when nothing routes it elsewhere. */
function defaultTarget(fb: FunctionBuilder, c: CpuView): I32 {
  const el = c.get32(CPU.el);
  const tge = c.sys("HCR_EL2").bit(HCR.TGE).and(c.get32(CPU.el2Enabled));
  return el.eqz().select(tge.select(fb.i32(2), fb.i32(1)), el);
}

/** (cpu, target EL or 0 for the default one, EC, ISS, preferred return address): a synchronous exception. */
export const raise = defineFunction("raise", "iiiil", "", (fb, cpu, wanted, ec, iss, returnAddress) => {
  const c = new CpuView(fb, cpu);
  const target = wanted.select(wanted, defaultTarget(fb, c));
  // Aborts have the next class when taken from the same level.
  const abort = ec
    .eq(EC.instructionAbort)
    .or(ec.eq(EC.dataAbort))
    .or(ec.and(0x39).eq(0x30).and(ec.ltU(0x36)));
  const sameLevel = abort.and(target.eq(c.get32(CPU.el)));
  const esr = ec
    .add(sameLevel)
    .shl(26)
    .or(1 << 25)
    .or(iss);
  c.setSysByEl(ESR, target, esr.toI64U());
  fb.call(takeException, cpu, target, fb.i32(0), returnAddress);
  fb.return();
});

/** The same with FAR_ELx. */
export const raiseWithFar = defineFunction("raiseWithFar", "iiiill", "", (fb, cpu, wanted, ec, iss, ret, far) => {
  const c = new CpuView(fb, cpu);
  const target = wanted.select(wanted, defaultTarget(fb, c));
  c.setSysByEl(FAR, target, far);
  fb.call(raise, cpu, target, ec, iss, ret);
  fb.return();
});

/** UNDEFINED at the PC in the block. */
export const raiseUndefined = defineFunction("raiseUndefined", "i", "", (fb, cpu) => {
  fb.call(raise, cpu, fb.i32(0), fb.i32(EC.unknown), fb.i32(0), new CpuView(fb, cpu).get64(CPU.pc));
  fb.return();
});

/**
 * CheckSPAlignment for a misaligned SP: 1 with an SP alignment fault taken when SCTLR_ELx.SA (SA0 at EL0) asks for it.
 */
export const raiseIfStackMisaligned = defineFunction("raiseIfStackMisaligned", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const host = c.get32(CPU.context).eq(CONTEXT.el20User);
  const user = host.select(c.sys("SCTLR_EL2"), c.sys("SCTLR_EL1")).bit(4);
  const checked = el.eqz().select(user, c.sysByEl(SCTLR, el).bit(3));
  fb.if(checked.eqz(), () => fb.return(fb.i32(0)));
  fb.call(raise, cpu, fb.i32(0), fb.i32(EC.spAlignment), fb.i32(0), c.get64(CPU.pc));
  fb.return(fb.i32(1));
});

/** FP or SIMD access while trapped: EC 0x07 to the level whose register says so (CPACR_EL1, CPTR_EL2, CPTR_EL3). */
export const raiseFpAccess = defineFunction("raiseFpAccess", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const cpacr = c.sys("CPACR_EL1").bits(20, 2).wrap();
  const hcr = c.sys("HCR_EL2");
  const tge = hcr.bit(HCR.TGE).and(c.get32(CPU.el2Enabled));
  const hostUser = tge.and(hcr.bit(HCR.E2H));
  const byCpacr = el
    .leU(1)
    .and(hostUser.eqz())
    .and(
      cpacr
        .and(1)
        .eqz()
        .or(el.eqz().and(cpacr.ne(3))),
    );
  const cptr = c.sys("CPTR_EL2");
  const fpen = cptr.bits(20, 2).wrap();
  const byCptr2 = c
    .get32(CPU.el2Enabled)
    .and(el.leU(2))
    .and(
      hcr.bit(HCR.E2H).select(
        fpen
          .and(1)
          .eqz()
          .or(el.eqz().and(tge).and(fpen.ne(3))),
        cptr.bit(10),
      ),
    );
  // An EL0 access that CPACR_EL1 forbids while HCR_EL2.TGE sends it to EL2 is reported as UNDEFINED.
  fb.if(byCpacr.and(tge).and(el.eqz()), () => {
    fb.call(raiseUndefined, cpu);
    fb.return();
  });
  const target = byCpacr.select(fb.i32(1), byCptr2.select(fb.i32(2), fb.i32(3)));
  // CV = 1, COND = 0b1110: an A64 instruction has no condition.
  fb.call(raise, cpu, target, fb.i32(EC.fpAccess), fb.i32(0x1e00000), c.get64(CPU.pc));
  fb.return();
});

/** MDSCR_EL1 and OSLSR_EL1 bits that software step depends on. */
const MDSCR = { SS: 0, KDE: 13 } as const;
const OSLSR_OSLK = 1;

/**
 * Whether debug exceptions are enabled from a level with PSTATE.D as given (AArch64.GenerateDebugExceptionsFrom), the
 * level they go to in `target`.
 */
function debugEnabledFrom(fb: FunctionBuilder, c: CpuView, el: I32, masked: I32): { enabled: I32; target: I32 } {
  const to2 = c.get32(CPU.el2Enabled).and(c.sys("MDCR_EL2").bit(8).or(c.sys("HCR_EL2").bit(HCR.TGE)));
  const target = to2.select(fb.i32(2), fb.i32(1));
  const kernel = c.sys("MDSCR_EL1").bit(MDSCR.KDE).and(masked.eqz());
  const locked = c.sys("OSLSR_EL1").bit(OSLSR_OSLK);
  // MDCR_EL3.SDD: none from Secure state.
  const secure = c.get32(CPU.hasEl3).and(c.sys("SCR_EL3").bit(SCR.NS).eqz());
  const disabled = locked.or(secure.and(c.sys("MDCR_EL3").bit(16)));
  return { enabled: el.ltU(target).or(el.eq(target).and(kernel)).and(disabled.eqz()), target };
}

/** Debug exceptions masked at the current level: PSTATE.D. */
const debugMasked = (c: CpuView): I32 => c.get32(CPU.daif).shrU(9).and(1);

/**
 * Software step (D2.12), asked between instructions while MDSCR_EL1.SS is set: 0 when it is not active here, 1 when one
 * instruction may run now (active-not-pending), 2 after taking the Software Step exception (active-pending).
 */
export const softwareStep = defineFunction("softwareStep", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const { enabled, target } = debugEnabledFrom(fb, c, c.get32(CPU.el), debugMasked(c));
  fb.if(enabled.eqz(), () => fb.return(fb.i32(0)));
  fb.if(c.get32(CPU.ss), () => fb.return(fb.i32(1)));
  const iss = c.get32(CPU.stepSyndrome).or(FSC_DEBUG);
  fb.call(raise, cpu, target, fb.i32(EC.softwareStep), iss, c.get64(CPU.pc));
  fb.return(fb.i32(2));
});

/** SVC #imm. The PC in the block is the instruction's. */
export const svc = defineFunction("svc", "ii", "", (fb, cpu, imm) => {
  const c = new CpuView(fb, cpu);
  // The instruction is complete: a step that was to end after it is pending then.
  c.set32(CPU.ss, 0);
  fb.call(raise, cpu, fb.i32(0), fb.i32(EC.svc), imm, c.get64(CPU.pc).add(4));
  fb.return();
});

/** HVC #imm (AArch64.CheckForHVC…): UNDEFINED at EL0, without EL2, or when HCD/HCE disable it. */
export const hvc = defineFunction("hvc", "ii", "", (fb, cpu, imm) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const disabled = c.get32(CPU.hasEl3).select(c.sys("SCR_EL3").bit(SCR.HCE).eqz(), c.sys("HCR_EL2").bit(HCR.HCD));
  const undefined_ = el
    .eqz()
    .or(el.eq(1).and(c.get32(CPU.el2Enabled).eqz()))
    .or(disabled)
    .or(c.get32(CPU.hasEl2).eqz());
  fb.if(undefined_, () => {
    fb.call(raiseUndefined, cpu);
    fb.return();
  });
  const target = el.eq(3).select(fb.i32(3), fb.i32(2));
  c.set32(CPU.ss, 0);
  fb.call(raise, cpu, target, fb.i32(EC.hvc), imm, c.get64(CPU.pc).add(4));
  fb.return();
});

/** SMC #imm: trapped to EL2 by HCR_EL2.TSC, UNDEFINED without EL3 or when SCR_EL3.SMD says so. */
export const smc = defineFunction("smc", "ii", "", (fb, cpu, imm) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const trapped = el.eq(1).and(c.get32(CPU.el2Enabled)).and(c.sys("HCR_EL2").bit(HCR.TSC));
  const absent = c.get32(CPU.hasEl3).eqz().and(trapped.eqz());
  fb.if(el.eqz().or(absent), () => {
    fb.call(raiseUndefined, cpu);
    fb.return();
  });
  fb.if(trapped, () => {
    fb.call(raise, cpu, fb.i32(2), fb.i32(EC.smc), imm, c.get64(CPU.pc));
    fb.return();
  });
  fb.if(c.sys("SCR_EL3").bit(SCR.SMD), () => {
    fb.call(raiseUndefined, cpu);
    fb.return();
  });
  c.set32(CPU.ss, 0);
  fb.call(raise, cpu, fb.i32(3), fb.i32(EC.smc), imm, c.get64(CPU.pc).add(4));
  fb.return();
});

/** BRK #imm: a debug exception, to EL2 when MDCR_EL2.TDE or HCR_EL2.TGE routes them there. */
export const brk = defineFunction("brk", "ii", "", (fb, cpu, imm) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const routed = c
    .get32(CPU.el2Enabled)
    .and(el.leU(1))
    .and(c.sys("MDCR_EL2").bit(8).or(c.sys("HCR_EL2").bit(HCR.TGE)));
  fb.call(raise, cpu, routed.select(fb.i32(2), fb.i32(0)), fb.i32(EC.brk), imm, c.get64(CPU.pc));
  fb.return();
});

/** ERET: to ELR_ELx. UNDEFINED at EL0. */
export const eret = defineFunction("eret", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  fb.if(
    el.eqz(),
    () => fb.call(raiseUndefined, cpu),
    () => fb.call(eretTo, cpu, c.sysByEl(ELR, el)),
  );
  fb.return();
});

/**
 * AArch64.ExceptionReturn from EL1 or higher: (cpu, address), with PSTATE from SPSR_ELx. An illegal return sets
 * PSTATE.IL and keeps EL and SP. Clears the local exclusive monitor and sets the event register.
 */
export const eretTo: DefinedFunction<"il", ""> = defineFunction("eretTo", "il", "", (fb, cpu, address) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const spsr = c.sysByEl(SPSR, el).wrap();
  const newEl = spsr.shrU(2).and(3);
  const newSp = spsr.and(1);
  const hcr = c.sys("HCR_EL2");
  const illegal = spsr
    .shrU(4)
    .and(1)
    .or(spsr.and(2))
    .or(newEl.gtU(el))
    .or(newEl.eqz().and(newSp))
    .or(newEl.eq(2).and(c.get32(CPU.el2Enabled).eqz()).and(el.ne(2)))
    .or(newEl.eq(1).and(hcr.bit(HCR.TGE)).and(c.get32(CPU.el2Enabled)));
  c.set32(CPU.exclusive, 0);
  c.set32(CPU.event, 1);
  // DebugExceptionReturnSS: SPSR.SS arms software step only where it begins to be possible.
  const here = debugEnabledFrom(fb, c, el, debugMasked(c));
  const there = debugEnabledFrom(fb, c, newEl, spsr.shrU(9).and(1));
  const stepBegins = c.sys("MDSCR_EL1").bit(MDSCR.SS).and(here.enabled.eqz()).and(there.enabled);
  c.set32(CPU.ss, spsr.shrU(SPSR_BITS.SS).and(stepBegins));
  c.set32(CPU.stepSyndrome, 0);
  const wide = spsr.toI64U();
  c.set64(CPU.flagN, wide.shl(32));
  c.set64(CPU.flagZ, wide.shrU(30).and(1).xor(1));
  c.set32(CPU.flagC, spsr.shrU(29).and(1));
  c.set64(CPU.flagV, wide.shl(35));
  c.set32(CPU.daif, spsr.and(0x3c0));
  const features = c.get32(CPU.features);
  c.set32(CPU.pan, spsr.shrU(SPSR_BITS.PAN).and(features).and(1));
  c.set32(CPU.ssbs, spsr.shrU(SPSR_BITS.SSBS).and(features.shrU(1)).and(1));
  c.set32(CPU.uao, spsr.shrU(SPSR_BITS.UAO).and(features.shrU(2)).and(1));
  c.set32(CPU.dit, spsr.shrU(SPSR_BITS.DIT).and(features.shrU(3)).and(1));
  const hasBti = features.and(CPU_FEATURE.BTI).ne(0);
  c.set32(CPU.btype, hasBti.select(spsr.shrU(SPSR_BITS.BTYPE).and(3), fb.i32(0)));
  fb.if(
    illegal,
    () => c.set32(CPU.il, 1),
    () => {
      c.set32(CPU.il, spsr.shrU(SPSR_BITS.IL).and(1));
      fb.call(switchStack, cpu, newEl, newSp);
    },
  );
  c.set64(CPU.pc, address);
  fb.call(enterMode, cpu);
  fb.if(c.get32(CPU.returnLevels).shrU(c.get32(CPU.el)).and(1), () => leaveForDebug(c, DEBUG_EXIT.return, 0));
  fb.return();
});

/** What is behind HLT when semihosting calls it (Arm "Semihosting for AArch32 and AArch64", 2.0, section 3). */
const SEMIHOSTING_HLT = 0xf000;

/** HLT #imm: UNDEFINED without halting debug (DDI 0487, H1.1), but for a semihosting call from above EL0. */
export const hlt = defineFunction("hlt", "ii", "", (fb, cpu, imm) => {
  const c = new CpuView(fb, cpu);
  const called = c.get32(CPU.semihosting).and(imm.eq(SEMIHOSTING_HLT)).and(c.get32(CPU.el).ne(0));
  fb.if(
    called,
    () => {
      c.set64(CPU.pc, c.get64(CPU.pc).add(4));
      leaveForDebug(c, DEBUG_EXIT.semihosting, 0);
    },
    () => fb.call(raiseUndefined, cpu),
  );
  fb.return();
});

/** ESR_ELx of an SError interrupt: IL set, nothing said about the cause. */
const SERROR_SYNDROME = (BigInt(EC.serror) << 26n) | (1n << 25n);

/** Lines that would be taken now, as one exception: returns 1 and enters it, or 0. Called between instructions. */
export const takeInterrupt = defineFunction("takeInterrupt", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const raw = c.get32(CPU.irqLines);
  fb.if(raw.or(c.get32(CPU.virtualPending)).eqz(), () => fb.return(fb.i32(0)));
  const el = c.get32(CPU.el);
  // Group 1 of the PE's own Security state is an IRQ below EL3, anything else an FIQ.
  const secureState = c.sys("SCR_EL3").bit(SCR.NS).eqz();
  const ownGroup1 = secureState.select(fb.i32(IRQ_LINE.secureGroup1), fb.i32(IRQ_LINE.nonSecureGroup1));
  const ownLine = raw.and(ownGroup1).ne(0).and(el.ne(3));
  const group1 = raw.and(IRQ_LINE.secureGroup1 | IRQ_LINE.nonSecureGroup1).ne(0);
  const lines = raw.or(group1.select(ownLine.select(fb.i32(IRQ_LINE.irq), fb.i32(IRQ_LINE.fiq)), fb.i32(0)));
  const daif = c.get32(CPU.daif);
  const hcr = c.sys("HCR_EL2");
  const scr = c.sys("SCR_EL3");
  const el2 = c.get32(CPU.el2Enabled);
  const tge = hcr.bit(HCR.TGE).and(el2);

  // Physical: target by SCR_EL3 and HCR_EL2; masked by PSTATE only at the target EL (or above it, never taken).
  const physical = (line: number, kind: number, mask: number, scrBit: number, hcrBit: number): void => {
    fb.if(lines.and(line), () => {
      const to3 = scr.bit(scrBit).and(c.get32(CPU.hasEl3));
      const to2 = el2.and(hcr.bit(hcrBit).or(tge));
      const target = to3.select(fb.i32(3), to2.select(fb.i32(2), fb.i32(1)));
      // PSTATE masks at the target level itself, and at EL0 what goes to the level EL0 belongs to.
      const host = hcr.bit(HCR.E2H).and(tge);
      const owner = el.eqz().and(target.eq(host.select(fb.i32(2), fb.i32(1))));
      const masked = target.ltU(el).or(target.eq(el).or(owner).and(daif.and(mask).ne(0)));
      fb.if(masked.eqz(), () => {
        if (kind === 0x180) c.setSysByEl(ESR, target, fb.i64(SERROR_SYNDROME));
        fb.call(takeException, cpu, target, fb.i32(kind), c.get64(CPU.pc));
        c.count(CPU.statInterrupts);
        fb.return(fb.i32(1));
      });
    });
  };
  physical(IRQ_LINE.fiq, 0x100, 0x40, SCR.FIQ, HCR.FMO);
  physical(IRQ_LINE.irq, 0x80, 0x80, SCR.IRQ, HCR.IMO);
  physical(IRQ_LINE.serror, 0x180, 0x100, SCR.EA, HCR.AMO);

  // Virtual: only at EL0/EL1 with the HCR_EL2 bit set and TGE clear, always to EL1.
  const virtual = (pending: I32, kind: number, mask: number, hcrBit: number): void => {
    const taken = pending
      .and(hcr.bit(hcrBit))
      .and(el.leU(1))
      .and(el2)
      .and(hcr.bit(HCR.TGE).eqz())
      .and(daif.and(mask).eqz());
    fb.if(taken, () => {
      if (kind === 0x180) {
        // IDS and ISS are VSESR_EL2's, which is 0 without FEAT_RAS.
        const iss = c.sys("VSESR_EL2").and(0x1ff_ffffn);
        c.setSys("ESR_EL1", iss.or(SERROR_SYNDROME));
        // Taking a virtual SError clears HCR_EL2.VSE; VF and VI stay until software clears them.
        c.setSys("HCR_EL2", hcr.and(~(1n << BigInt(HCR.VSE))));
        c.set32(CPU.virtualPending, hcr.bit(HCR.VF).or(hcr.bit(HCR.VI)));
      }
      fb.call(takeException, cpu, fb.i32(1), fb.i32(kind), c.get64(CPU.pc));
      c.count(CPU.statInterrupts);
      fb.return(fb.i32(1));
    });
  };
  virtual(lines.and(IRQ_LINE.virq).ne(0).or(hcr.bit(HCR.VI)), 0x80, 0x80, HCR.IMO);
  virtual(lines.and(IRQ_LINE.vfiq).ne(0).or(hcr.bit(HCR.VF)), 0x100, 0x40, HCR.FMO);
  virtual(hcr.bit(HCR.VSE), 0x180, 0x100, HCR.AMO);
  fb.return(fb.i32(0));
});

/** VDISR_EL2.A: a virtual SError was deferred. */
const DEFERRED = 1n << 31n;

/**
 * ESB (DDI 0487, AArch64.vESBOperation): a virtual SError that is pending and masked is deferred to VDISR_EL2. There
 * are no physical ones that an error in memory would cause.
 */
export const errorBarrier = defineFunction("errorBarrier", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const hcr = c.sys("HCR_EL2");
  const enabled = c.get32(CPU.el).leU(1).and(c.get32(CPU.el2Enabled)).and(hcr.bit(HCR.TGE).eqz()).and(hcr.bit(HCR.AMO));
  const masked = c.get32(CPU.daif).and(0x100).ne(0);
  fb.if(enabled.and(hcr.bit(HCR.VSE)).and(masked), () => {
    c.setSys("VDISR_EL2", c.sys("VSESR_EL2").and(0x1ff_ffffn).or(DEFERRED));
    c.setSys("HCR_EL2", hcr.and(~(1n << BigInt(HCR.VSE))));
  });
  fb.return();
});

/** Trap of WFI (iss TI = 0) or WFE (TI = 1): to EL1, EL2 or EL3; 0 when not trapped. The PC is the instruction's. */
export const trapWait = defineFunction("trapWait", "ii", "i", (fb, cpu, isWfe) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const hcr = c.sys("HCR_EL2");
  const tge = hcr.bit(HCR.TGE).and(c.get32(CPU.el2Enabled));
  const enabled = (sctlr: string): I32 => isWfe.select(c.sys(sctlr).bit(18), c.sys(sctlr).bit(16));
  const host = tge.and(hcr.bit(HCR.E2H));
  const to1 = el.eqz().and(host.select(enabled("SCTLR_EL2"), enabled("SCTLR_EL1")).eqz());
  const to2 = el
    .leU(1)
    .and(c.get32(CPU.el2Enabled))
    .and(host.eqz())
    .and(isWfe.select(hcr.bit(HCR.TWE), hcr.bit(HCR.TWI)));
  const scr = c.sys("SCR_EL3");
  const to3 = el
    .ne(3)
    .and(c.get32(CPU.hasEl3))
    .and(isWfe.select(scr.bit(SCR.TWE), scr.bit(SCR.TWI)));
  const wait = (target: I32): void => {
    fb.call(raise, cpu, target, fb.i32(EC.wfx), fb.i32(0x1e00000).or(isWfe), c.get64(CPU.pc));
    fb.return(fb.i32(1));
  };
  fb.if(to1, () => wait(fb.i32(0)));
  fb.if(to2, () => wait(fb.i32(2)));
  fb.if(to3, () => wait(fb.i32(3)));
  fb.return(fb.i32(0));
});
