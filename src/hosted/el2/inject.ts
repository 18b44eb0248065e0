/**
 * Exceptions that a hosted level makes its guest take: the architectural entry of DDI 0487, AArch64.TakeException,
 * done on the state that the hosted level's own entry has saved.
 */
import type { Vcpu } from "../ports.js";
import { EC, FSC_EXTERNAL, makeEsr, Spsr } from "./syndrome.js";

/** Who injects, and the level that takes the exception. */
export interface Injection {
  readonly from: 2 | 3;
  readonly to: 1 | 2;
}

const FROM_EL2: Injection = { from: 2, to: 1 };

const VECTOR = { synchronous: 0x000n, serror: 0x180n } as const;
const LOWER_AARCH64 = 0x400n;
const LOWER_AARCH32 = 0x600n;
const SAME_SPX = 0x200n;

const SCTLR_SPAN = 1n << 23n;
const SCTLR_DSSBS = 1n << 44n;

/** SPSR bits that the new PSTATE keeps: NZCV, DIT and PAN. */
const KEPT = 0xf000_0000n | (1n << 24n) | Spsr.PAN;

/** Whether a class has a number of its own (the next one) when taken from the level it goes to. */
const HAS_SAME_EL_CLASS: ReadonlySet<number> = new Set([
  EC.InstructionAbortLower,
  EC.DataAbortLower,
  EC.BreakpointLower,
  EC.SoftwareStepLower,
  EC.WatchpointLower,
]);

/** The guest takes a synchronous exception of class `ec` (the lower-EL one) at ELR. `far` where the class has one. */
export function injectSync(vcpu: Vcpu, ec: number, iss: number, far?: bigint, how = FROM_EL2): void {
  const sameLevel = Spsr.el(vcpu.sysreg(`SPSR_EL${how.from}`)) === how.to;
  const taken = sameLevel && HAS_SAME_EL_CLASS.has(ec) ? ec + 1 : ec;
  if (far !== undefined) vcpu.setSysreg(`FAR_EL${how.to}`, far);
  enter(vcpu, makeEsr(taken, iss), VECTOR.synchronous, how);
}

/** UNDEFINED at ELR. */
export function injectUndefined(vcpu: Vcpu, how = FROM_EL2): void {
  injectSync(vcpu, EC.Unknown, 0, undefined, how);
}

/** A synchronous External abort of the access or fetch at ELR, as from a bus on which nothing answers. */
export function injectExternalAbort(
  vcpu: Vcpu,
  abort: { readonly fetch: boolean; readonly write: boolean; readonly far: bigint },
  how = FROM_EL2,
): void {
  const ec = abort.fetch ? EC.InstructionAbortLower : EC.DataAbortLower;
  injectSync(vcpu, ec, FSC_EXTERNAL | (abort.write ? 1 << 6 : 0), abort.far, how);
}

/** An SError at the guest's present instruction; the caller has seen that PSTATE.A lets it through. */
export function injectSError(vcpu: Vcpu, iss: number, how = FROM_EL2): void {
  enter(vcpu, makeEsr(EC.SError, iss), VECTOR.serror, how);
}

function enter(vcpu: Vcpu, esr: bigint, kind: bigint, { from, to }: Injection): void {
  const spsr = vcpu.sysreg(`SPSR_EL${from}`);
  const sctlr = vcpu.sysreg(`SCTLR_EL${to}`);
  vcpu.setSysreg(`ESR_EL${to}`, esr);
  vcpu.setSysreg(`SPSR_EL${to}`, spsr);
  vcpu.setSysreg(`ELR_EL${to}`, vcpu.sysreg(`ELR_EL${from}`));
  // PAN is set on entry to EL1 unless SPAN says otherwise; bits of features the CPU lacks are dropped by ERET.
  const pan = to === 1 && (sctlr & SCTLR_SPAN) === 0n ? Spsr.PAN : 0n;
  const ssbs = (sctlr & SCTLR_DSSBS) !== 0n ? Spsr.SSBS : 0n;
  const mode = to === 1 ? Spsr.EL1h : Spsr.EL2h;
  vcpu.setSysreg(`SPSR_EL${from}`, (spsr & KEPT) | pan | ssbs | Spsr.DAIF | mode);
  vcpu.setSysreg(`ELR_EL${from}`, (vcpu.sysreg(`VBAR_EL${to}`) & ~0x7ffn) + vectorGroup(spsr, to) + kind);
}

function vectorGroup(spsr: bigint, to: 1 | 2): bigint {
  if (Spsr.aarch32(spsr)) return LOWER_AARCH32;
  if (Spsr.el(spsr) < to) return LOWER_AARCH64;
  return Spsr.spx(spsr) ? SAME_SPX : 0n;
}
