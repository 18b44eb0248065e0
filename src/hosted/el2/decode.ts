/**
 * From ESR_EL2, FAR_EL2 and HPFAR_EL2 to a typed exit: one row per exception class (DDI 0487, D24.2 "ESR_EL2" and
 * D1.3.5 "Exception syndrome").
 */
import type { Width } from "../../bus/contract.js";
import { PSCI, psciRow } from "../el3/psci-functions.js";
import type { Vcpu } from "../ports.js";
import type { Call, ExitOf, VcpuExit } from "./exits.js";
import { sgiRegisterAt, sgiTargets } from "./sgi.js";
import { Abort, EC, exceptionClass, faultIpa, faultKind, iss, Par, SysReg, wfxInstruction } from "./syndrome.js";

/** What a row may ask: the saved state of the trap and the guest it came from. */
export interface Trap {
  readonly esr: bigint;
  readonly far: bigint;
  readonly hpfar: bigint;
  readonly vcpu: Pick<Vcpu, "x">;
  /** PAR_EL1 as AT S1E<el>R/W would give it: for permission faults, after which HPFAR_EL2 is not valid. */
  stage1(va: bigint, access: "read" | "write"): bigint;
}

type Decoder = (syndrome: number, trap: Trap) => VcpuExit;

export interface ExceptionClassRow {
  readonly ec: number;
  readonly name: string;
  readonly decode: Decoder;
}

const undefinedInstruction = (ec: number, name: string): ExceptionClassRow => ({
  ec,
  name,
  decode: () => ({ reason: "Undefined", exceptionClass: ec, name }),
});

/** An exception of the guest's own that TGE or MDCR_EL2.TDE has routed to EL2. */
const ofGuest = (ec: number, name: string): ExceptionClassRow => ({
  ec,
  name,
  decode: () => ({ reason: "GuestException", exceptionClass: ec, name }),
});

const impossible = (ec: number, name: string, why: string): ExceptionClassRow => ({
  ec,
  name,
  decode: () => ({ reason: "FailEntry", what: `${name} (EC 0x${ec.toString(16)}): ${why}` }),
});

const NO_AARCH32 = "the guest is AArch64 at every level";
const FROM_EL2 = "it comes from EL2, where no guest code runs";

/** Every class that ESR_EL2 can hold, in order. */
export const EXCEPTION_CLASSES: readonly ExceptionClassRow[] = [
  undefinedInstruction(EC.Unknown, "unknown reason"),
  {
    ec: EC.WFx,
    name: "WFI or WFE",
    decode: (s) => ({ reason: "Halt", for: wfxInstruction(s) & 1 ? "event" : "interrupt" }),
  },
  impossible(EC.CP15_MCR, "MCR or MRC to CP15", NO_AARCH32),
  impossible(EC.CP15_MCRR, "MCRR or MRRC to CP15", NO_AARCH32),
  impossible(EC.CP14_MCR, "MCR or MRC to CP14", NO_AARCH32),
  impossible(EC.CP14_LDC, "LDC or STC", NO_AARCH32),
  { ec: EC.FpAccess, name: "SVE, SIMD or FP access", decode: () => ({ reason: "FpAccess" }) },
  impossible(EC.CP10_ID, "VMRS of an ID register", NO_AARCH32),
  undefinedInstruction(EC.PAuth, "pointer authentication"),
  undefinedInstruction(EC.LS64, "64-byte load or store"),
  impossible(EC.CP14_MRRC, "MRRC to CP14", NO_AARCH32),
  ofGuest(EC.BranchTarget, "branch target"),
  ofGuest(EC.IllegalState, "illegal execution state"),
  impossible(EC.SVC32, "SVC in AArch32", NO_AARCH32),
  impossible(EC.HVC32, "HVC in AArch32", NO_AARCH32),
  impossible(EC.SMC32, "SMC in AArch32", NO_AARCH32),
  undefinedInstruction(EC.SysReg128, "128-bit MSRR or MRRS"),
  ofGuest(EC.SVC64, "SVC"),
  { ec: EC.HVC64, name: "HVC", decode: (_, { vcpu }) => refineCall({ reason: "Hypercall", ...callOf(vcpu) }) },
  { ec: EC.SMC64, name: "SMC", decode: (_, { vcpu }) => refineCall({ reason: "SecureMonitorCall", ...callOf(vcpu) }) },
  { ec: EC.SysReg, name: "MSR, MRS or System instruction", decode: decodeSysReg },
  undefinedInstruction(EC.SVE, "SVE access"),
  undefinedInstruction(EC.ERET, "ERET"),
  ofGuest(EC.FPAC, "pointer authentication failure"),
  undefinedInstruction(EC.SME, "SME access"),
  { ec: EC.InstructionAbortLower, name: "Instruction Abort", decode: decodeInstructionAbort },
  impossible(EC.InstructionAbortSame, "Instruction Abort", FROM_EL2),
  ofGuest(EC.PCAlignment, "PC alignment"),
  { ec: EC.DataAbortLower, name: "Data Abort", decode: decodeDataAbort },
  impossible(EC.DataAbortSame, "Data Abort", FROM_EL2),
  ofGuest(EC.SPAlignment, "SP alignment"),
  ofGuest(EC.MOPS, "memory copy or set"),
  impossible(EC.FP32, "floating-point exception in AArch32", NO_AARCH32),
  ofGuest(EC.FP64, "floating-point exception"),
  ofGuest(EC.GCS, "guarded control stack"),
  { ec: EC.SError, name: "SError", decode: () => ({ reason: "SError" }) },
  ofGuest(EC.BreakpointLower, "breakpoint"),
  impossible(EC.BreakpointSame, "breakpoint", FROM_EL2),
  ofGuest(EC.SoftwareStepLower, "software step"),
  impossible(EC.SoftwareStepSame, "software step", FROM_EL2),
  ofGuest(EC.WatchpointLower, "watchpoint"),
  impossible(EC.WatchpointSame, "watchpoint", FROM_EL2),
  impossible(EC.BKPT32, "BKPT", NO_AARCH32),
  impossible(EC.VectorCatch32, "vector catch", NO_AARCH32),
  ofGuest(EC.BRK64, "BRK"),
];

const BY_CLASS = new Map(EXCEPTION_CLASSES.map((row) => [row.ec, row]));

/** The exit of a synchronous exception from a lower EL. A class that no document of today has is Undefined. */
export function decodeSync(trap: Trap): VcpuExit {
  const ec = exceptionClass(trap.esr);
  const row = BY_CLASS.get(ec);
  return row?.decode(iss(trap.esr), trap) ?? { reason: "Undefined", exceptionClass: ec, name: "reserved class" };
}

/** A trap whose syndrome is in the vCPU's EL2 registers. */
export function trapOf(vcpu: Vcpu, stage1: Trap["stage1"]): Trap {
  return {
    esr: vcpu.sysreg("ESR_EL2"),
    far: vcpu.sysreg("FAR_EL2"),
    hpfar: vcpu.sysreg("HPFAR_EL2"),
    vcpu,
    stage1,
  };
}

function decodeDataAbort(s: number, trap: Trap): VcpuExit {
  const write = Abort.wnr(s);
  const access = write ? "write" : "read";
  const kind = faultKind(Abort.fsc(s));
  if (kind === "external") return { reason: "ExternalAbort", access };
  if (kind === "other") return { reason: "GuestException", exceptionClass: EC.DataAbortLower, name: "Data Abort" };
  if (Abort.s1ptw(s)) return { reason: "NestedPageFault", addr: faultIpa(trap.far, trap.hpfar), access: "walk" };
  const addr = addressOf(s, trap, access);
  if (addr === undefined) return { reason: "Nothing" };
  if (Abort.cm(s)) return { reason: "CacheMaintenance", addr };
  if (kind === "address size" || kind === "access flag") return { reason: "NestedPageFault", addr, access };
  if (!Abort.isv(s)) return { reason: "UnsyndromedAccess", addr, va: trap.far, write };
  return deviceAccess(s, addr, trap.vcpu);
}

/** The exit of a device access that its syndrome describes in full. */
export function deviceAccess(s: number, addr: number, vcpu: Pick<Vcpu, "x">): ExitOf<"MmioRead" | "MmioWrite"> {
  const width = (1 << Abort.sas(s)) as Width;
  const reg = Abort.srt(s);
  if (Abort.wnr(s)) return { reason: "MmioWrite", addr, width, data: BigInt.asUintN(8 * width, vcpu.x(reg)) };
  return { reason: "MmioRead", addr, width, reg, regWidth: Abort.sf(s) ? 8 : 4, signedExt: Abort.sse(s) };
}

function decodeInstructionAbort(s: number, trap: Trap): VcpuExit {
  const kind = faultKind(Abort.fsc(s));
  if (kind === "external") return { reason: "ExternalAbort", access: "execute" };
  if (kind === "other") {
    return { reason: "GuestException", exceptionClass: EC.InstructionAbortLower, name: "Instruction Abort" };
  }
  if (Abort.s1ptw(s)) return { reason: "NestedPageFault", addr: faultIpa(trap.far, trap.hpfar), access: "walk" };
  const addr = addressOf(s, trap, "read");
  return addr === undefined ? { reason: "Nothing" } : { reason: "NestedPageFault", addr, access: "execute" };
}

/**
 * The IPA of a stage 2 fault. A permission fault leaves HPFAR_EL2 without meaning: then stage 1 is asked again, and
 * `undefined` says that it has no answer any more (another vCPU changed the tables): the guest has to try again.
 */
function addressOf(s: number, trap: Trap, access: "read" | "write"): number | undefined {
  if (faultKind(Abort.fsc(s)) !== "permission") return faultIpa(trap.far, trap.hpfar);
  const par = trap.stage1(trap.far, access);
  return Par.failed(par) ? undefined : Par.address(par, trap.far);
}

function decodeSysReg(s: number, { vcpu }: Trap): VcpuExit {
  const addr = SysReg.address(s);
  if (SysReg.isRead(s)) return { reason: "SysRegRead", addr, reg: SysReg.rt(s) };
  const value = vcpu.x(SysReg.rt(s));
  return sgiRegisterAt(addr) === undefined ? { reason: "SysRegWrite", addr, value } : sgiTargets(value);
}

function callOf(vcpu: Pick<Vcpu, "x">): Call {
  return { nr: vcpu.x(0), args: [vcpu.x(1), vcpu.x(2), vcpu.x(3), vcpu.x(4), vcpu.x(5), vcpu.x(6)] };
}

/** PSCI calls that change what runs are exits of their own; the others stay calls. */
export function refineCall(call: ExitOf<"Hypercall" | "SecureMonitorCall">): VcpuExit {
  const found = psciRow(Number(call.nr & 0xffff_ffffn));
  const arg = (n: number): bigint => BigInt.asUintN(found?.bits ?? 64, call.args[n] ?? 0n);
  switch (found?.row.number) {
    case PSCI.CPU_ON:
      return { reason: "CpuUp", targetCpu: arg(0), entryPoint: arg(1), arg: arg(2) };
    case PSCI.CPU_OFF:
      return { reason: "CpuDown" };
    case PSCI.CPU_SUSPEND:
      return { reason: "CpuSuspend", system: false };
    case PSCI.SYSTEM_SUSPEND:
      return { reason: "CpuSuspend", system: true };
    case PSCI.SYSTEM_OFF:
      return { reason: "SystemDown" };
    case PSCI.SYSTEM_RESET:
    case PSCI.SYSTEM_RESET2:
      return { reason: "SystemReset" };
    default:
      return call;
  }
}
