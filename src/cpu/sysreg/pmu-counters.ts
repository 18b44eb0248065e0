/**
 * What the PMU counts (DDI 0487, D13.1 to D13.6). Virtual time has one cycle per instruction, so CPU_CYCLES and
 * INST_RETIRED are the same count; the exception-level filters of PMEVTYPER and PMCCFILTR are stored and not applied.
 * Counters live in their slots and are brought up to date before each access to the PMU.
 */
import type { Vcpu } from "../vcpu.js";
import type { SysregHost } from "./host.js";

export const PMCR = { E: 1n, P: 2n, C: 4n, LC: 1n << 6n, N: 11n } as const;
/** Position of the cycle counter in PMCNTEN, PMINTEN, PMOVS and PMSELR. */
export const CYCLE_COUNTER = 31;

export const EVENT = { SW_INCR: 0x00, INST_RETIRED: 0x08, CPU_CYCLES: 0x11 } as const;

const EVENT_NUMBER = 0xffffn;
const HPMN = 0x1fn;
const HPME = 1n << 7n;
const COUNTER_END = 1n << 32n;
const CYCLES_END = 1n << 64n;

const isSet = (bits: bigint, position: number): boolean => ((bits >> BigInt(position)) & 1n) !== 0n;

const eventOf = (vcpu: Vcpu, n: number): number => Number(vcpu.sysreg(`PMEVTYPER${n}_EL0`) & EVENT_NUMBER);

function countsInstructions(vcpu: Vcpu, n: number): boolean {
  const event = eventOf(vcpu, n);
  return event === EVENT.INST_RETIRED || event === EVENT.CPU_CYCLES;
}

/** Event counters that software at `el` can see: MDCR_EL2.HPMN keeps the rest for EL2. */
export function visibleCounters(vcpu: Vcpu, host: SysregHost, el: number): number {
  const all = host.model.pmuCounters;
  return el < 2 && vcpu.controls.el2 ? Math.min(Number(vcpu.sysreg("MDCR_EL2") & HPMN), all) : all;
}

/** Bits that software at `el` may see and change in PMCNTEN, PMINTEN, PMOVS and PMSWINC. */
export function visibleMask(vcpu: Vcpu, host: SysregHost, el: number): bigint {
  return ((1n << BigInt(visibleCounters(vcpu, host, el))) - 1n) | (1n << BigInt(CYCLE_COUNTER));
}

/**
 * Instructions of this vCPU after which a counter overflows and its interrupt is wanted; undefined when none will.
 * Call `syncPmu` once they have been retired.
 */
export function pmuOverflowIn(vcpu: Vcpu, host: SysregHost): bigint | undefined {
  const watched = runningCounters(vcpu) & vcpu.sysreg("PMINTENSET_EL1");
  if (watched === 0n) return undefined;
  const uncounted = host.retired(vcpu) - vcpu.sysreg("PMU_COUNTED");
  const distances: bigint[] = [];
  if (isSet(watched, CYCLE_COUNTER)) distances.push(CYCLES_END - vcpu.sysreg("PMCCNTR_EL0"));
  for (let n = 0; n < host.model.pmuCounters; n++) {
    if (isSet(watched, n) && countsInstructions(vcpu, n)) distances.push(COUNTER_END - vcpu.sysreg(`PMEVCNTR${n}_EL0`));
  }
  const nearest = distances.reduce<bigint | undefined>((a, b) => (a === undefined || b < a ? b : a), undefined);
  return nearest === undefined ? undefined : nearest - uncounted;
}

/** Counts what has been retired since the last call, and drives the overflow interrupt. */
export function syncPmu(vcpu: Vcpu, host: SysregHost): void {
  const retired = host.retired(vcpu);
  const passed = retired - vcpu.sysreg("PMU_COUNTED");
  vcpu.setSysreg("PMU_COUNTED", retired);
  const running = runningCounters(vcpu);
  if (passed > 0n && running !== 0n) {
    if (((running >> BigInt(CYCLE_COUNTER)) & 1n) !== 0n)
      advance(vcpu, "PMCCNTR_EL0", CYCLE_COUNTER, passed, CYCLES_END);
    for (let n = 0; n < host.model.pmuCounters; n++) {
      if (isSet(running, n) && countsInstructions(vcpu, n)) countEvent(vcpu, n, passed);
    }
  }
  driveInterrupt(vcpu, host);
}

/** PMSWINC_EL0: one more SW_INCR event on the counters named by `mask` that count it. */
export function softwareIncrement(vcpu: Vcpu, host: SysregHost, mask: bigint): void {
  const running = runningCounters(vcpu) & mask;
  for (let n = 0; n < host.model.pmuCounters; n++) {
    if (isSet(running, n) && eventOf(vcpu, n) === EVENT.SW_INCR) countEvent(vcpu, n, 1n);
  }
}

/** Level of the overflow interrupt; `syncPmu` does this too. */
export function driveInterrupt(vcpu: Vcpu, host: SysregHost): void {
  const overflown = vcpu.sysreg("PMOVSSET_EL0") & vcpu.sysreg("PMINTENSET_EL1") & enabledByControl(vcpu);
  host.pmuInterrupt(vcpu, overflown !== 0n);
}

/** Counters that PMCR_EL0.E, or MDCR_EL2.HPME for those of EL2, lets run. */
function enabledByControl(vcpu: Vcpu): bigint {
  const control = vcpu.sysreg("MDCR_EL2");
  const lower = ((1n << (control & HPMN)) - 1n) | (1n << BigInt(CYCLE_COUNTER));
  const upper = 0xffff_ffffn & ~lower;
  return ((vcpu.sysreg("PMCR_EL0") & PMCR.E) !== 0n ? lower : 0n) | ((control & HPME) !== 0n ? upper : 0n);
}

function runningCounters(vcpu: Vcpu): bigint {
  return vcpu.sysreg("PMCNTENSET_EL0") & enabledByControl(vcpu);
}

function countEvent(vcpu: Vcpu, n: number, events: bigint): void {
  advance(vcpu, `PMEVCNTR${n}_EL0`, n, events, COUNTER_END);
}

function advance(vcpu: Vcpu, counter: string, position: number, events: bigint, end: bigint): void {
  const value = vcpu.sysreg(counter) + events;
  vcpu.setSysreg(counter, value % end);
  if (value >= end) vcpu.setSysreg("PMOVSSET_EL0", vcpu.sysreg("PMOVSSET_EL0") | (1n << BigInt(position)));
}
