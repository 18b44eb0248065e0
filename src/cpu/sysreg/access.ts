/**
 * MRS and MSR (register) off the fast path: whether the register exists, who may access it, what traps it, and what
 * the access does (DDI 0487, C6.2 "MRS", D1.3.1 "Traps", and the accessibility pseudocode of D17).
 */
import { CPU } from "../../engine/layout.js";
import type { Vcpu } from "../vcpu.js";
import { HCR, SCR } from "./bits.js";
import type { SyncException, SysregHost } from "./host.js";
import { inFeatureIdSpace } from "./identification.js";
import { modelSysregs } from "./model-table.js";
import { decode, type SysregRow } from "./row.js";
import { sysregByEncoding, sysregByName } from "./table.js";
import { forbiddenByCpacr, inHost, TRAP_CLASSES } from "./traps.js";

export const EC_SYSREG = 0x18;
const EC_FP = 0x07;
/** CV = 1 and COND = 0b1110, as for every A64 instruction. */
const FP_ISS = 0x1e0_0000;

/** ISS of a trapped MRS or MSR (DDI 0487, ESR_EL1, exception class 0x18). `encoding` is the 15-bit form. */
export function sysregIss(encoding: number, isRead: boolean, rt: number): number {
  const { op0, op1, crn, crm, op2 } = decode(encoding);
  return (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (rt << 5) | (crm << 1) | (isRead ? 1 : 0);
}

/**
 * Carries out the MRS (`isRead`) or MSR at the vCPU's PC. `encoding` is op0<0>:op1:CRn:CRm:op2, with op0<1> above it
 * or not. Leaves the PC behind the instruction, or where the exception it raises puts it.
 */
export function accessSysreg(vcpu: Vcpu, host: SysregHost, encoding: number, isRead: boolean, rt: number): void {
  const verdict = decide(vcpu, host, encoding & 0x7fff, isRead, rt);
  if (verdict === "undefined") {
    host.undefined(vcpu);
  } else if ("ec" in verdict) {
    host.raise(vcpu, verdict);
  } else {
    if (isRead) vcpu.setX(rt, readSysreg(vcpu, host, verdict));
    else writeSysreg(vcpu, host, verdict, vcpu.x(rt));
    vcpu.pc += 4n;
  }
}

/** The register that is accessed, or what happens in place of the access. */
function decide(
  vcpu: Vcpu,
  host: SysregHost,
  encoding: number,
  isRead: boolean,
  rt: number,
): SysregRow | SyncException | "undefined" {
  const { el } = vcpu;
  const { el2, e2h, tge, hcr } = vcpu.controls;
  const trapTo = (targetEl: number, ec = EC_SYSREG): SyncException => ({
    targetEl,
    ec,
    iss: ec === EC_FP ? FP_ISS : sysregIss(encoding, isRead, rt),
  });
  // FEAT_IDST: what cannot be read of the feature ID space, being there or not, has the syndrome of a trap.
  const identification = isRead && inFeatureIdSpace(encoding) && host.model.features.has("IDST");
  const nothing = identification ? trapTo(el === 0 ? (tge ? 2 : 1) : el) : "undefined";
  const row = sysregByEncoding(encoding);
  if (row === undefined || !isPresent(row, host, vcpu)) {
    // HCR_EL2.TIDCP takes the whole IMPLEMENTATION DEFINED space, allocated or not.
    const reserved = (encoding & (0xb << 7)) === 0xb << 7 && encoding >> 14 === 1;
    return reserved && el === 1 && el2 && (hcr & HCR.TIDCP) !== 0 ? trapTo(2) : nothing;
  }
  if (el < (isRead ? row.readEl : row.writeEl)) return nothing;
  if (row.aliasOf !== undefined && !e2h) return "undefined";
  // SP_EL0 is not to be had by name while it is the stack pointer.
  if (row.name === "SP_EL0" && vcpu.get32(CPU.spSel) === 0) return "undefined";
  const secure = (vcpu.controls.scr & SCR.NS) === 0;
  if (row.state === "non-secure" && secure) return "undefined";
  if (row.state === "secure" && !secure && el !== 3) return "undefined";
  if (row.trap !== undefined) {
    const trap = TRAP_CLASSES[row.trap];
    const target = trap.check(vcpu.controls, el, !isRead);
    // FP at EL0 that CPACR_EL1 forbids is UNDEFINED, not a trap, where HCR_EL2.TGE sends it to EL2.
    if (target === 2 && trap.ec === EC_FP && tge && forbiddenByCpacr(vcpu.controls, el)) return "undefined";
    if (target !== 0) return trapTo(target, trap.ec);
  }
  return reached(row, vcpu);
}

function isPresent(row: SysregRow, host: SysregHost, vcpu: Vcpu): boolean {
  if (!modelSysregs(host.model).has(row)) return false;
  return !row.gic || host.gic(vcpu)?.implements(row.name) === true;
}

/** VHE: an EL1 name at EL2 is the EL2 register, a timer's name at a host's EL0 too, and _EL12 is the EL1 register. */
function reached(row: SysregRow, vcpu: Vcpu): SysregRow {
  const name = row.aliasOf ?? (inHost(vcpu.controls, vcpu.el) ? row.e2h : undefined);
  return (name && sysregByName(name)) || row;
}

/** The value of a register as software at the current EL reads it, past all access checks. */
export function readSysreg(vcpu: Vcpu, host: SysregHost, row: SysregRow): bigint {
  return row.read ? row.read({ vcpu, host, row, el: vcpu.el }) : vcpu.sysreg(row.name);
}

/** As `readSysreg`, without side effects: for debuggers. */
export function peekSysreg(vcpu: Vcpu, host: SysregHost, row: SysregRow): bigint {
  return row.peek ? row.peek({ vcpu, host, row, el: vcpu.el }) : readSysreg(vcpu, host, row);
}

/** Writes a register as software does: under its mask and with its effects, past all access checks. */
export function writeSysreg(vcpu: Vcpu, host: SysregHost, row: SysregRow, value: bigint): void {
  const access = { vcpu, host, row, el: vcpu.el };
  const { writable } = modelSysregs(host.model).of(row);
  if (row.write) {
    row.write(access, value & writable);
    return;
  }
  const before = vcpu.sysreg(row.name);
  vcpu.setSysreg(row.name, (before & ~writable) | (value & writable));
  row.changed?.(access, before);
}
