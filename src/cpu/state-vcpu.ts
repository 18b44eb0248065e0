/**
 * Reset, save and restore of a vCPU: architectural state by its names, nothing of the caches that an engine keeps
 * beside it in the block.
 */
import { requireVersion, type Snapshot } from "../bus/contract.js";
import { CPU, CPU_FEATURE } from "../engine/layout.js";
import { resetSysregs } from "./sysreg/reset.js";
import type { ResetContext } from "./sysreg/row.js";
import { SYSREGS } from "./sysreg/table.js";
import { DAIF, type Vcpu } from "./vcpu.js";

const VERSION = 2;
const X_REGISTERS = 31;
const V_REGISTERS = 32;
/** PSTATE at reset: EL3h with all interrupts masked (DDI 0487, D1.4.1). */
const RESET_PSTATE = DAIF.all | 0xd;

export interface VcpuState extends Snapshot {
  /** X0–X30. */
  readonly x: readonly bigint[];
  readonly sp: bigint;
  readonly pc: bigint;
  /** In SPSR_ELx format. */
  readonly pstate: number;
  /** V0–V31, 128 bits each. */
  readonly v: readonly bigint[];
  readonly fpcr: number;
  readonly fpsr: number;
  /** Saved slots by register name. */
  readonly sysregs: Readonly<Record<string, bigint>>;
  /** The event register of WFE. */
  readonly event: number;
  /** Bit n: guarded pages have been fetched from at ELn, which branches there go by. */
  readonly guardedLevels: number;
  /** The exclusive monitor: armed, bytes, and where in the machine's memory. */
  readonly exclusive: { readonly armed: number; readonly size: number; readonly host: number };
  /** Instructions retired. */
  readonly retired: bigint;
}

/** Rows with a slot of their own. */
const SLOTS = SYSREGS.filter((row) => row.aliasOf === undefined && row.cell === undefined);

/**
 * Architectural state as at power-on; the vCPU stands at EL3, PC 0. What the machine configured (number, levels that
 * exist or are hosted) stays. Engines must drop what they cached of the vCPU.
 */
export function resetVcpu(vcpu: Vcpu, context: ResetContext): void {
  let features = 0;
  for (const [name, bit] of Object.entries(CPU_FEATURE) as [keyof typeof CPU_FEATURE, number][]) {
    if (context.model.features.has(name)) features |= bit;
  }
  vcpu.set32(CPU.features, features);
  vcpu.pstate = RESET_PSTATE;
  for (let n = 0; n < X_REGISTERS; n++) vcpu.setX(n, 0n);
  for (let n = 0; n < V_REGISTERS; n++) vcpu.v(n).fill(0);
  vcpu.sp = 0n;
  vcpu.pc = 0n;
  vcpu.setFpcr(0);
  vcpu.setFpsr(0);
  for (const word of [CPU.event, CPU.guardedLevels, CPU.exclusive, CPU.exclusiveSize, CPU.exclusiveHost])
    vcpu.set32(word, 0);
  vcpu.set64(CPU.retired, 0n);
  resetSysregs(vcpu, context);
}

export function saveVcpu(vcpu: Vcpu): VcpuState {
  return {
    version: VERSION,
    x: Array.from({ length: X_REGISTERS }, (_, n) => vcpu.x(n)),
    sp: vcpu.sp,
    pc: vcpu.pc,
    pstate: vcpu.pstate,
    v: Array.from({ length: V_REGISTERS }, (_, n) => readVector(vcpu, n)),
    fpcr: vcpu.fpcr,
    fpsr: vcpu.fpsr,
    sysregs: Object.fromEntries(SLOTS.map(({ name }) => [name, vcpu.sysreg(name)])),
    event: vcpu.get32(CPU.event),
    guardedLevels: vcpu.get32(CPU.guardedLevels),
    exclusive: {
      armed: vcpu.get32(CPU.exclusive),
      size: vcpu.get32(CPU.exclusiveSize),
      host: vcpu.get32(CPU.exclusiveHost),
    },
    retired: vcpu.get64(CPU.retired),
  };
}

/**
 * Takes a saved state. Engines must drop what they cached of the vCPU, and timers be updated. Throws SnapshotError for
 * a state of another version; registers that the state does not name become zero.
 */
export function restoreVcpu(vcpu: Vcpu, state: VcpuState): void {
  requireVersion("vCPU", state, VERSION);
  const { x, sp, pc, pstate, v, fpcr, fpsr, sysregs, event, guardedLevels, exclusive, retired } = state;
  // PSTATE first: it exchanges stack pointers, which the slots and SP then overwrite.
  vcpu.pstate = pstate;
  for (const { name } of SLOTS) vcpu.setSysreg(name, sysregs[name] ?? 0n);
  vcpu.sp = sp;
  vcpu.pc = pc;
  for (const [n, value] of x.entries()) vcpu.setX(n, value);
  for (const [n, value] of v.entries()) writeVector(vcpu, n, value);
  vcpu.setFpcr(fpcr);
  vcpu.setFpsr(fpsr);
  vcpu.set32(CPU.event, event);
  vcpu.set32(CPU.guardedLevels, guardedLevels);
  vcpu.set32(CPU.exclusive, exclusive.armed);
  vcpu.set32(CPU.exclusiveSize, exclusive.size);
  vcpu.set32(CPU.exclusiveHost, exclusive.host);
  vcpu.set64(CPU.retired, retired);
  vcpu.recomputeModes();
}

function readVector(vcpu: Vcpu, n: number): bigint {
  return vcpu.get64(CPU.v + 16 * n) | (vcpu.get64(CPU.v + 16 * n + 8) << 64n);
}

function writeVector(vcpu: Vcpu, n: number, value: bigint): void {
  vcpu.set64(CPU.v + 16 * n, value);
  vcpu.set64(CPU.v + 16 * n + 8, value >> 64n);
}
