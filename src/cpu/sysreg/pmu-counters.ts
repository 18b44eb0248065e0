/**
 * What the PMU counts (DDI 0487, D13.1 to D13.6). Virtual time has one cycle per instruction, so CPU_CYCLES and
 * INST_RETIRED are the same count; it is kept by exception level, for the filters of PMEVTYPER and PMCCFILTR. Counters
 * live in their slots and are brought up to date before each access to the PMU.
 */
import type { Vcpu } from "../vcpu.js";
import { SCR } from "./bits.js";
import type { SysregHost } from "./host.js";

export const PMCR = { E: 1n, P: 2n, C: 4n, DP: 1n << 5n, LC: 1n << 6n, LP: 1n << 7n, N: 11n } as const;
/** Position of the cycle counter in PMCNTEN, PMINTEN, PMOVS and PMSELR. */
export const CYCLE_COUNTER = 31;

/** CHAIN: an odd counter counts the overflows of the even one below it. */
export const EVENT = { SW_INCR: 0x00, INST_RETIRED: 0x08, CPU_CYCLES: 0x11, CHAIN: 0x1e } as const;

const EVENT_NUMBER = 0xffffn;
const HPMN = 0x1fn;
const HPME = 1n << 7n;
/** MDCR_EL2 of FEAT_PMUv3p5: HPMD and HCCD stop counters at EL2, HLP is PMCR_EL0.LP of EL2's counters. */
const MDCR_EL2 = { HPMD: 17, HCCD: 23, HLP: 26 } as const;
const WORD_END = 1n << 32n;
const LONG_END = 1n << 64n;

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

/** Filter bits of PMEVTYPER<n>_EL0 and PMCCFILTR_EL0. */
const FILTER = { P: 31, U: 30, NSK: 29, NSU: 28, NSH: 27, M: 26 } as const;
const MDCR_EL3 = { SPME: 17, SCCD: 23 } as const;
/** Levels as `SysregHost.retired` numbers them. */
const LEVELS = 8;

/** Whether a counter with the filter counts at a level (PMEVTYPER<n>_EL0). EL3 is there. */
function countsAt(filter: number, level: number): boolean {
  const bit = (position: number): number => (filter >>> position) & 1;
  switch (level) {
    case 0:
      return bit(FILTER.NSU) === bit(FILTER.U);
    case 1:
      return bit(FILTER.NSK) === bit(FILTER.P);
    case 2:
      return bit(FILTER.NSH) === 1;
    case 3:
      return bit(FILTER.M) === bit(FILTER.P);
    case 4:
      return bit(FILTER.U) === 0;
    default:
      return bit(FILTER.P) === 0;
  }
}

/**
 * Secure levels are counted with MDCR_EL3.SPME alone, and EL2 without MDCR_EL2.HPMD; cycles always, unless PMCR_EL0.DP
 * is set. What is for the cycle counter alone stops it in any case.
 */
function isProhibited(vcpu: Vcpu, position: number, level: number): boolean {
  if (level < 2) return false;
  const control = vcpu.sysregLow(level === 2 ? "MDCR_EL2" : "MDCR_EL3");
  const set = (bit: number): boolean => ((control >>> bit) & 1) !== 0;
  const prohibited = level === 2 ? set(MDCR_EL2.HPMD) : !set(MDCR_EL3.SPME);
  if (position === CYCLE_COUNTER) {
    const stopped = set(level === 2 ? MDCR_EL2.HCCD : MDCR_EL3.SCCD);
    return stopped || (prohibited && (vcpu.sysreg("PMCR_EL0") & PMCR.DP) !== 0n);
  }
  return prohibited && (level !== 2 || !isReserved(vcpu, position));
}

/** Whether MDCR_EL2.HPMN keeps the event counter for EL2. */
const isReserved = (vcpu: Vcpu, n: number): boolean => BigInt(n) >= (vcpu.sysreg("MDCR_EL2") & HPMN);

/** Where a counter overflows: event counters at 32 bits, unless FEAT_PMUv3p5's LP or HLP says otherwise. */
function overflowOf(vcpu: Vcpu, position: number): bigint {
  if (position === CYCLE_COUNTER) return LONG_END;
  const long = isReserved(vcpu, position)
    ? isSet(vcpu.sysreg("MDCR_EL2"), MDCR_EL2.HLP)
    : (vcpu.sysreg("PMCR_EL0") & PMCR.LP) !== 0n;
  return long ? LONG_END : WORD_END;
}

/** What the counter at `position` counts to before it overflows next. */
function leftOf(vcpu: Vcpu, position: number): bigint {
  const end = overflowOf(vcpu, position);
  return end - (vcpu.sysreg(counterOf(position)) % end);
}

/** The register with the filter of the counter at `position`. */
const filterOf = (position: number): string =>
  position === CYCLE_COUNTER ? "PMCCFILTR_EL0" : `PMEVTYPER${position}_EL0`;
const counterOf = (position: number): string =>
  position === CYCLE_COUNTER ? "PMCCNTR_EL0" : `PMEVCNTR${position}_EL0`;

/** Where the vCPU is, as `SysregHost.retired` numbers it. */
function levelOf(vcpu: Vcpu): number {
  const secure = vcpu.el <= 1 && (vcpu.sysregLow("SCR_EL3") & SCR.NS) === 0;
  return vcpu.el + (secure ? 4 : 0);
}

/** How many of the instructions at each level the counter at `position` counts. */
function counted(vcpu: Vcpu, position: number, passed: readonly bigint[]): bigint {
  const filter = vcpu.sysregLow(filterOf(position));
  return passed.reduce(
    (sum, count, level) => (countsAt(filter, level) && !isProhibited(vcpu, position, level) ? sum + count : sum),
    0n,
  );
}

/** While the vCPU is where a counter does not count, its overflow is looked for this often, in instructions. */
const LOOK_AGAIN = 4096n;

/**
 * Instructions of this vCPU after which a counter may overflow and its interrupt be wanted; undefined when none will.
 * Call `syncPmu` once they have been retired, and ask again: some of them may not have been counted.
 */
export function pmuOverflowIn(vcpu: Vcpu, host: SysregHost): bigint | undefined {
  if (vcpu.sysregLow("PMINTENSET_EL1") === 0) return undefined;
  const watched = runningCounters(vcpu) & vcpu.sysreg("PMINTENSET_EL1");
  if (watched === 0n) return undefined;
  const passed = passedSince(vcpu, host);
  const here = levelOf(vcpu);
  let nearest: bigint | undefined;
  const consider = (position: number, left: bigint): void => {
    const counts = countsAt(vcpu.sysregLow(filterOf(position)), here) && !isProhibited(vcpu, position, here);
    const rest = left - counted(vcpu, position, passed);
    const distance = counts || rest > LOOK_AGAIN ? rest : LOOK_AGAIN;
    if (nearest === undefined || distance < nearest) nearest = distance;
  };
  if (isSet(watched, CYCLE_COUNTER)) consider(CYCLE_COUNTER, leftOf(vcpu, CYCLE_COUNTER));
  for (let n = 0; n < host.model.pmuCounters; n++) {
    if (isSet(watched, n) && countsInstructions(vcpu, n)) consider(n, leftOf(vcpu, n));
    // A chained pair overflows at the earliest when its lower half does.
    if (isSet(watched, n) && isChained(vcpu, n)) consider(n - 1, leftOf(vcpu, n - 1));
  }
  return nearest;
}

/** Instructions by level that the counters have not counted yet. */
function passedSince(vcpu: Vcpu, host: SysregHost): bigint[] {
  return host.retired(vcpu).map((count, level) => count - vcpu.sysreg(`PMU_COUNTED${level}`));
}

/** Counts what has been retired since the last call, and drives the overflow interrupt. */
export function syncPmu(vcpu: Vcpu, host: SysregHost): void {
  const retired = host.retired(vcpu);
  const passed = retired.map((count, level) => count - vcpu.sysreg(`PMU_COUNTED${level}`));
  for (let level = 0; level < LEVELS; level++) vcpu.setSysreg(`PMU_COUNTED${level}`, retired[level] ?? 0n);
  const running = runningCounters(vcpu);
  if (running !== 0n) {
    if (isSet(running, CYCLE_COUNTER)) {
      advance(vcpu, host, CYCLE_COUNTER, counted(vcpu, CYCLE_COUNTER, passed));
    }
    for (let n = 0; n < host.model.pmuCounters; n++) {
      if (isSet(running, n) && countsInstructions(vcpu, n)) countEvent(vcpu, host, n, counted(vcpu, n, passed));
    }
  }
  driveInterrupt(vcpu, host);
}

const isChained = (vcpu: Vcpu, n: number): boolean => (n & 1) === 1 && eventOf(vcpu, n) === EVENT.CHAIN;

/** PMSWINC_EL0: one more SW_INCR event on the counters named by `mask` that count it. */
export function softwareIncrement(vcpu: Vcpu, host: SysregHost, mask: bigint): void {
  const running = runningCounters(vcpu) & mask;
  for (let n = 0; n < host.model.pmuCounters; n++) {
    const prohibited = isProhibited(vcpu, n, levelOf(vcpu)) || !countsAt(vcpu.sysregLow(filterOf(n)), levelOf(vcpu));
    if (isSet(running, n) && eventOf(vcpu, n) === EVENT.SW_INCR && !prohibited) countEvent(vcpu, host, n, 1n);
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

function countEvent(vcpu: Vcpu, host: SysregHost, n: number, events: bigint): void {
  const overflows = advance(vcpu, host, n, events);
  const above = n + 1;
  if (overflows === 0n || (n & 1) === 1 || !isSet(runningCounters(vcpu), above)) return;
  if (isChained(vcpu, above)) countEvent(vcpu, host, above, overflows);
}

/** Adds events to a counter; how often it overflowed. */
function advance(vcpu: Vcpu, host: SysregHost, position: number, events: bigint): bigint {
  if (events === 0n) return 0n;
  const before = vcpu.sysreg(counterOf(position));
  const after = before + events;
  const end = overflowOf(vcpu, position);
  // Where it overflows at 32 bits, a counter of 64 bits counts on.
  const isLong = position === CYCLE_COUNTER || host.model.features.has("PMUv3p5");
  vcpu.setSysreg(counterOf(position), after % (isLong ? LONG_END : WORD_END));
  const overflows = after / end - before / end;
  if (overflows > 0n) vcpu.setSysreg("PMOVSSET_EL0", vcpu.sysreg("PMOVSSET_EL0") | (1n << BigInt(position)));
  return overflows;
}
