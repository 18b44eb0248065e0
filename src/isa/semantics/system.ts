/**
 * Bodies of the system instructions: waiting and events, PSTATE fields, cache and TLB maintenance, address
 * translation (DDI 0487, C5 "The A64 System Instruction Class", D8.14 TLB maintenance).
 */
import { EC, raise, switchStack, trapWait } from "../../cpu/exceptions.js";
import { HCR_EL2 as HCR } from "../../cpu/sysreg/bits.js";
import type { Builder } from "../../engine/builder.js";
import { CpuView } from "../../engine/cpu-view.js";
import { sysregAccess } from "../../engine/imports.js";
import { defineFunction } from "../../engine/ir/module.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { CONTEXT, CPU, Exit, SECURE_ADDRESS } from "../../engine/layout.js";
import { raiseDataAbort, resolve } from "../../mmu/access.js";
import {
  asidMask,
  enterMode,
  flushCpu,
  flushGuest,
  flushStage2,
  forEachCpu,
  invalidateAddress,
  invalidateBanks,
  vmidMask,
} from "../../mmu/banks.js";
import { controlOf } from "../../mmu/regime.js";
import { ACCESS, FAULT, inSecureRegime, isExternalAbort, walk } from "../../mmu/walk.js";
import type { Operand } from "../pattern.js";

// --- waiting and events ---------------------------------------------------------------------------------------------

/** WFI: only what would wait is trapped, and not what finds an interrupt pending (C6.2 "WFI", Hint_WFI). */
export const waitForInterrupt = defineFunction("waitForInterrupt", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  fb.if(c.get32(CPU.irqLines).or(c.get32(CPU.virtualPending)).eqz(), () => {
    fb.if(fb.call(trapWait, cpu, fb.i32(0)), () => fb.return());
    c.set32(CPU.exit, Exit.wfi);
  });
  c.set64(CPU.pc, c.get64(CPU.pc).add(4));
  fb.return();
});

export const waitForEvent = defineFunction("waitForEvent", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  fb.if(c.get32(CPU.event), () => {
    c.set32(CPU.event, 0);
    c.set64(CPU.pc, c.get64(CPU.pc).add(4));
    fb.return();
  });
  fb.if(fb.call(trapWait, cpu, fb.i32(1)), () => fb.return());
  c.set64(CPU.pc, c.get64(CPU.pc).add(4));
  c.set32(CPU.exit, Exit.wfe);
  fb.return();
});

/** SEV: every vCPU's event register. */
export const sendEvent = defineFunction("sendEvent", "i", "", (fb, _cpu) => {
  forEachCpu(fb, (cpu) => new CpuView(fb, cpu).set32(CPU.event, 1));
  fb.return();
});

export function clearExclusive(b: Builder): void {
  b.setState32(CPU.exclusive, b.i32(0));
}

// --- PSTATE ---------------------------------------------------------------------------------------------------------

export const setPan = defineFunction("setPan", "ii", "", (fb, cpu, value) => {
  new CpuView(fb, cpu).set32(CPU.pan, value);
  fb.call(enterMode, cpu);
  fb.return();
});

export const setSpSel = defineFunction("setSpSel", "ii", "", (fb, cpu, value) => {
  fb.call(switchStack, cpu, new CpuView(fb, cpu).get32(CPU.el), value);
  fb.call(enterMode, cpu);
  fb.return();
});

/** EL0 may touch DAIF only with SCTLR_EL1.UMA (SCTLR_EL2 for a host's EL0); else EC 0x18 with the MSR's ISS. */
function checkDaifAccess(b: Builder, crm: Operand, op2: number): void {
  b.if(b.state32(CPU.el).eqz(), () => {
    b.leave(daifAtEl0, b.operand(crm), b.i32(op2));
  });
}

const daifAtEl0 = defineFunction("daifAtEl0", "iii", "", (fb, cpu, crm, op2) => {
  const c = new CpuView(fb, cpu);
  fb.if(
    controlOf(c, c.get32(CPU.context)).bit(9),
    () => {
      const mask = crm.shl(6);
      const daif = c.get32(CPU.daif);
      c.set32(CPU.daif, op2.eq(6).select(daif.or(mask), daif.and(mask.not())));
      c.set64(CPU.pc, c.get64(CPU.pc).add(4));
    },
    () => {
      // ISS: Op0 0, Op2, Op1 3, CRn 4, Rt 31, CRm, write.
      const iss = op2
        .shl(17)
        .or((3 << 14) | (4 << 10) | (31 << 5))
        .or(crm.shl(1));
      fb.call(raise, cpu, fb.i32(0), fb.i32(EC.sysreg), iss, c.get64(CPU.pc));
    },
  );
  fb.return();
});

export function daifSet(b: Builder, crm: Operand): void {
  checkDaifAccess(b, crm, 6);
  b.setState32(CPU.daif, b.state32(CPU.daif).or(b.operand(crm).shl(6)));
}

export function daifClear(b: Builder, crm: Operand): void {
  checkDaifAccess(b, crm, 7);
  b.setState32(CPU.daif, b.state32(CPU.daif).and(b.operand(crm).shl(6).not()));
  b.if(maskedMayBePending(b), () => b.synchronize());
}

/** What was masked may be pending, a Software Step exception too (PSTATE.D): look before the next instruction. */
function maskedMayBePending(b: Builder): I32 {
  return b.state32(CPU.irqLines).or(b.state32(CPU.virtualPending)).or(b.state32(CPU.softwareStep));
}

/** MSR DAIF, Xt. At EL0 the slow path decides whether it may. */
export function daifWrite(b: Builder, rt: Operand): void {
  b.if(b.state32(CPU.el).eqz(), () => b.leave(sysregAccess, b.i32(DAIF_ENCODING), b.i32(0), b.operand(rt)));
  const value = b.W(rt).and(0x3c0);
  b.setState32(CPU.daif, value);
  const unmasked = value.ne(0x3c0).and(maskedMayBePending(b).ne(0));
  b.if(unmasked, () => b.synchronize());
}

/** op0 3, op1 3, CRn 4, CRm 2, op2 1, as `sysregAccess` takes it. */
const DAIF_ENCODING = (3 << 14) | (3 << 11) | (4 << 7) | (2 << 3) | 1;

// --- traps of SYS instructions --------------------------------------------------------------------------------------

/**
 * Whether a SYS instruction may run: (cpu, ISS of the instruction, HCR_EL2 bit that traps it from EL1, lowest EL,
 * SCTLR_EL1 bit that lets EL0 use it or 63) → 0, or 1 with an exception taken. The PC is the instruction's.
 */
const checkSys = defineFunction("checkSys", "iiiii", "i", (fb, cpu, iss, hcrBit, lowest, sctlrBit) => {
  const c = new CpuView(fb, cpu);
  const el = c.get32(CPU.el);
  const stop = (target: number, ec: number): void => {
    fb.call(raise, cpu, fb.i32(target), fb.i32(ec), ec === EC.unknown ? fb.i32(0) : iss, c.get64(CPU.pc));
    fb.return(fb.i32(1));
  };
  const user = el.eqz().and(sctlrBit.ne(63));
  fb.if(el.ltU(lowest).and(user.eqz()), () => stop(0, EC.unknown));
  const host = c.get32(CPU.context).eq(CONTEXT.el20User);
  const sctlr = controlOf(c, c.get32(CPU.context));
  fb.if(user.and(sctlr.shrU(sctlrBit.toI64U()).wrap().and(1).eqz()), () => stop(0, EC.sysreg));
  const trapped = c
    .sys("HCR_EL2")
    .shrU(hcrBit.toI64U())
    .wrap()
    .and(c.get32(CPU.el2Enabled))
    .and(el.leU(1))
    .and(host.eqz());
  fb.if(trapped.and(1), () => stop(2, EC.sysreg));
  fb.return(fb.i32(0));
});

/** SCTLR_EL1 bits that open what is EL1's to EL0; 63 for none. */
const SCTLR = { EnRCTX: 10, DZE: 14, UCI: 26, never: 63 } as const;

/**
 * ISS of EC 0x18 for the SYS instruction being executed: Op0 1, its other fields as the row fixes them. The row's bits
 * are not at hand in a body, so the runtime reads them from the slot.
 */
const sysIss = defineFunction("sysIss", "i", "i", (fb, cpu) => {
  const word = fb.load("i32.load", new CpuView(fb, cpu).get32(CPU.ip), 4) as I32;
  const op1 = word.shrU(16).and(7);
  const crn = word.shrU(12).and(15);
  const crm = word.shrU(8).and(15);
  const op2 = word.shrU(5).and(7);
  fb.return(
    fb
      .i32(1 << 20)
      .or(op2.shl(17))
      .or(op1.shl(14))
      .or(crn.shl(10))
      .or(word.and(31).shl(5))
      .or(crm.shl(1)),
  );
});

/** Leaves the instruction when it may not run here; nothing but its own lowest level stops it at EL2 and EL3. */
function permit(b: Builder, hcrBit: number, lowest: number, sctlrBit: number): void {
  b.setState64(CPU.pc, b.pc());
  b.if(b.state32(CPU.el).ltU(Math.max(lowest, 2)), () => {
    const iss = b.callRuntime(sysIss) as I32;
    b.abandonIf(b.callRuntime(checkSys, iss, b.i32(hcrBit), b.i32(lowest), b.i32(sctlrBit)) as I32);
  });
}

/** EL3's maintenance of EL2's own regime is UNDEFINED in a Security state that has no EL2 (DDI 0487, C5.4 and C5.5). */
function permitOfEl2(b: Builder): void {
  b.if(b.state32(CPU.el).eq(3), () => b.abandonIf(b.callRuntime(checkEl2) as I32));
}

const checkEl2 = defineFunction("checkEl2", "i", "i", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  fb.if(c.get32(CPU.el2Enabled), () => fb.return(fb.i32(0)));
  fb.call(raise, cpu, fb.i32(0), fb.i32(EC.unknown), fb.i32(0), c.get64(CPU.pc));
  fb.return(fb.i32(1));
});

// --- caches ---------------------------------------------------------------------------------------------------------

/** Caches are not modelled; fetch and data are always coherent. What is left is who may do it. */
export function cacheMaintenance(b: Builder, hcrBit: number): void {
  permit(b, hcrBit, 1, SCTLR.never);
}

/** What the abort of cache maintenance or of an address translation always has in its syndrome. */
const CM_AND_WNR = (1 << 8) | (1 << 6);

/** The address must translate: (cpu, VA, access) → 0, or 1 with a Data Abort taken (CM and WnR set). */
const probeAddress = defineFunction("probeAddress", "ili", "i", (fb, cpu, va, access) => {
  const c = new CpuView(fb, cpu);
  // Hypervisors clean all of a guest's memory line by line: what the TLB knows is not walked again.
  const host = fb.call(resolve, cpu, c.get32(CPU.context), va, access);
  fb.if(host, () => fb.return(fb.i32(0)));
  fb.call(raiseDataAbort, cpu, va, c.get32(CPU.walkFault), fb.i32(CM_AND_WNR));
  fb.return(fb.i32(1));
});

export function cacheByVa(b: Builder, rt: Operand, hcrBit: number, user: boolean): void {
  permit(b, hcrBit, 1, user ? SCTLR.UCI : SCTLR.never);
  b.abandonIf(b.callRuntime(probeAddress, b.X(rt), b.i32(ACCESS.read)) as I32);
}

/**
 * DC IVAC throws data away, and so needs to be allowed to write. Here it is otherwise a NOP, as there are no caches,
 * which hits no watchpoint (DDI 0487, D2.9.6 "Watchpoint behavior for certain instruction classes").
 */
export function invalidateByVa(b: Builder, rt: Operand, hcrBit: number): void {
  permit(b, hcrBit, 1, SCTLR.never);
  b.abandonIf(b.callRuntime(probeAddress, b.X(rt), b.i32(ACCESS.write)) as I32);
}

/** Decoded code is dropped when memory is written, so nothing is left to do but the checks. */
export function instructionCacheByVa(b: Builder, rt: Operand, hcrBit: number): void {
  permit(b, hcrBit, 1, SCTLR.UCI);
  b.abandonIf(b.callRuntime(probeAddress, b.X(rt), b.i32(ACCESS.read)) as I32);
}

const ZERO_BLOCK = 64;

/** DC ZVA: a 64-byte block (DCZID_EL0.BS = 4). */
export function zeroBlock(b: Builder, rt: Operand, hcrBit: number): void {
  // The common case, EL1 and up with nothing trapped, needs no call: the trap group bit stands in CPU.zvaTrap.
  b.if(b.state32(CPU.zvaTrap).shrU(b.state32(CPU.el)).and(1), () => permit(b, hcrBit, 0, SCTLR.DZE));
  const host = b.exclusiveHost(ZERO_BLOCK, b.X(rt).and(-BigInt(ZERO_BLOCK)));
  for (let i = 0; i < ZERO_BLOCK; i += 16) b.store("v128.store", host, b.v128Zero(), i);
}

/**
 * CFP, DVP and CPP RCTX (FEAT_SPECRES): nothing is speculated, so there is nothing to restrict; who may ask is left.
 */
export function predictionRestriction(b: Builder, hcrBit: number): void {
  permit(b, hcrBit, 1, SCTLR.EnRCTX);
}

// --- TLB ------------------------------------------------------------------------------------------------------------

/** The VA of a TLBI operand: bits 43–0 are VA[55:12]. */
const operandVa = (value: I64): I64 => value.shl(20).shrS(8);

/** More pages of the granule than this are not dropped one by one. */
const RANGE_PAGES = 64;

/** `guest` is all of EL1&0 with a VMID, `guests` with any; `stage2` is about an IPA. */
const KIND = { address: 0, asid: 1, all: 2, range: 3, stage2: 4, guest: 5, guests: 6 } as const;

/** Whether what is said of EL1&0 is about the host's own regime: HCR_EL2.{E2H, TGE} = {1, 1} where there is an EL2. */
const isAboutHost = (c: CpuView): I32 =>
  c.sys("HCR_EL2").bit(HCR.E2H).and(c.sys("HCR_EL2").bit(HCR.TGE)).and(c.get32(CPU.el2Enabled));

/**
 * The VMID that maintenance of EL1&0 is about: that of the vCPU which executes it. Negative where it may be about the
 * host's regime: VMALLE1 is, VMALLS12E1 and IPAS2E1 take more than they must then.
 */
const currentVmid = defineFunction("currentVmid", "i", "l", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  fb.return(isAboutHost(c).select(fb.i64(-1), c.sys("VTTBR_EL2").shrU(48).and(vmidMask(c))));
});

/** (cpu, register) → the ASID in it, of the size that the vCPU which executes the maintenance has. */
const operandAsid = defineFunction("operandAsid", "il", "l", (fb, cpu, value) => {
  const c = new CpuView(fb, cpu);
  const tcr = isAboutHost(c).select(c.sys("TCR_EL2"), c.sys("TCR_EL1"));
  fb.return(value.shrU(48).and(asidMask(fb, tcr)));
});

/** (vCPU, kind, operand): one vCPU's part of a TLB invalidation. */
const invalidateOn = defineFunction("invalidateOn", "iil", "", (fb, cpu, kind, value) => {
  fb.switch(
    kind,
    [
      () => fb.call(invalidateAddress, cpu, operandVa(value)),
      () => fb.call(invalidateBanks, cpu, fb.i64(0xffffn << 8n), value.shl(8)),
      () => fb.call(flushCpu, cpu),
      () => {
        // TG 47–46, SCALE 45–44, NUM 43–39, BaseADDR 36–0 in units of the granule (C5.5 "TLBI RVAE1").
        const tg = value.bits(46, 2).wrap();
        const granule = tg.eq(3).select(fb.i32(16), tg.eq(2).select(fb.i32(14), fb.i32(12)));
        const scale = value.bits(44, 2).mul(5).add(1);
        const pages = value.bits(39, 5).add(1).shl(scale);
        fb.if(
          pages.gtU(RANGE_PAGES),
          () => fb.call(flushCpu, cpu),
          () => {
            const va = fb.variable(value.shl(27).shrS(27).shl(granule.toI64U()));
            const left = fb.variable(pages);
            fb.loop((again) => {
              fb.call(invalidateAddress, cpu, va.get());
              va.set(va.get().add(fb.i64(1).shl(granule.toI64U())));
              left.set(left.get().sub(1));
              fb.brIf(again, left.get().ne(0));
            });
          },
        );
      },
      // Stage-1 results hold stage-2 permissions and addresses: all banks that went through this stage 2 go.
      () => fb.call(flushStage2, cpu, value),
      () =>
        fb.if(
          value.ltS(0),
          () => fb.call(flushCpu, cpu),
          () => fb.call(flushGuest, cpu, value),
        ),
      () => fb.call(flushGuest, cpu, fb.i64(-1)),
    ],
    () => {},
  );
  fb.return();
});

const invalidateLocal = defineFunction("invalidateLocal", "iil", "", (fb, cpu, kind, value) => {
  // HCR_EL2.FB makes EL1's local invalidations Inner Shareable.
  const c = new CpuView(fb, cpu);
  const broadcast = c.sys("HCR_EL2").bit(HCR.FB).and(c.get32(CPU.el2Enabled)).and(c.get32(CPU.el).eq(1));
  fb.if(
    broadcast,
    () => fb.call(invalidateEverywhere, cpu, kind, value),
    () => fb.call(invalidateOn, cpu, kind, value),
  );
  fb.return();
});

const invalidateEverywhere = defineFunction("invalidateEverywhere", "iil", "", (fb, _cpu, kind, value) => {
  forEachCpu(fb, (each) => fb.call(invalidateOn, each, kind, value));
  fb.return();
});

export function tlbInvalidate(
  b: Builder,
  rt: Operand,
  kind: keyof typeof KIND,
  everywhere: boolean,
  lowest: number,
  hcrBit: number,
): void {
  permit(b, hcrBit, lowest, SCTLR.never);
  if (lowest === 2 && (kind === "address" || kind === "all" || kind === "range")) permitOfEl2(b);
  let operand = b.X(rt);
  if (kind === "guest" || kind === "stage2") operand = b.callRuntime(currentVmid) as I64;
  else if (kind === "asid") operand = b.callRuntime(operandAsid, operand) as I64;
  b.callRuntime(everywhere ? invalidateEverywhere : invalidateLocal, b.i32(KIND[kind]), operand);
  // The page being executed may be among what went.
  b.synchronize();
}

// --- address translation --------------------------------------------------------------------------------------------

/** (cpu, context, VA, access, both stages): AT, result in PAR_EL1. */
const translateToPar = defineFunction("translateToPar", "iilii", "i", (fb, cpu, context, va, access, both) => {
  const c = new CpuView(fb, cpu);
  c.set32(CPU.walkStage1Only, both.eqz());
  c.set32(CPU.walkQuiet, 1);
  const fault = fb.call(walk, cpu, context, va, access);
  c.set32(CPU.walkStage1Only, 0);
  c.set32(CPU.walkQuiet, 0);
  const RES1 = 1n << 11n;
  fb.if(fault.eqz(), () => {
    const pa = c.get64(CPU.walkPa).and(0x0000fffffffff000n);
    const attributes = c.get32(CPU.walkMemory).toI64U();
    // NS, of a Secure regime's translation.
    const secure = c.get64(CPU.walkPa).and(SECURE_ADDRESS).ne(0);
    const ns = fb.call(inSecureRegime, cpu, context).and(secure.eqz()).toI64U().shl(9);
    // ATTR in 63–56, SH in 8–7.
    const result = pa.or(attributes.bits(0, 8).shl(56)).or(attributes.bits(8, 2).shl(7)).or(ns).or(RES1);
    c.setSys("PAR_EL1", result);
    fb.return(fb.i32(0));
  });
  const onWalk = fault.and(FAULT.onWalk).ne(0);
  const stage2 = fault.and(FAULT.stage2).ne(0);
  // Stage 2 refusing a table of a stage-1 translation from EL1 is an exception to EL2, not a result; so is an External
  // abort on a walk, to where those go (DDI 0487, AArch64.AT).
  fb.if(onWalk.and(stage2).and(c.get32(CPU.el).eq(1)).or(isExternalAbort(fault)), () => {
    fb.call(raiseDataAbort, cpu, va, fault, fb.i32(CM_AND_WNR));
    fb.return(fb.i32(1));
  });
  const status = fault.and(0x3f).shl(1).or(onWalk.shl(8)).or(stage2.shl(9)).or(1).toI64U();
  c.setSys("PAR_EL1", status.or(RES1));
  fb.return(fb.i32(0));
});

/** The context AT means by "EL1", "EL0", …. */
const atContext = defineFunction("atContext", "iii", "i", (fb, cpu, which, withPan) => {
  const c = new CpuView(fb, cpu);
  const e2h = c.sys("HCR_EL2").bit(HCR.E2H);
  const host = isAboutHost(c);
  const pan = withPan.and(c.get32(CPU.pan));
  const el1 = host.select(fb.i32(CONTEXT.el20).add(pan), fb.i32(CONTEXT.el10).add(pan));
  const el0 = host.select(fb.i32(CONTEXT.el20User), fb.i32(CONTEXT.el10User));
  const el2 = e2h.select(fb.i32(CONTEXT.el20), fb.i32(CONTEXT.el2));
  fb.return(which.eqz().select(el0, which.eq(1).select(el1, which.eq(2).select(el2, fb.i32(CONTEXT.el3)))));
});

const REGIME = { el0: 0, el1: 1, el2: 2, el3: 3 } as const;

export function addressTranslate(
  b: Builder,
  rt: Operand,
  regime: keyof typeof REGIME,
  write: boolean,
  both: boolean,
  lowest: number,
  pan: boolean,
): void {
  // No HCR_EL2 bit traps AT in ARMv8.0–v8.4 without nested virtualization; bit 63 is never set.
  permit(b, 63, lowest, SCTLR.never);
  if (regime === "el2") permitOfEl2(b);
  const context = b.callRuntime(atContext, b.i32(REGIME[regime]), b.i32(pan ? 1 : 0)) as I32;
  // Both-stage results of a host's own regime have one stage.
  const access = b.i32(write ? ACCESS.write : ACCESS.read);
  b.abandonIf(b.callRuntime(translateToPar, context, b.X(rt), access, b.i32(both ? 1 : 0)) as I32);
}
