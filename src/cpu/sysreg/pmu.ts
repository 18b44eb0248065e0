/**
 * The registers of the Performance Monitors Extension, PMUv3 (DDI 0487, D13 and D17.5).
 */
import type { Feature } from "../../isa/features.js";
import type { CpuModel } from "../model.js";
import { trapsChanged } from "./effects.js";
import {
  CYCLE_COUNTER,
  driveInterrupt,
  EVENT,
  PMCR,
  softwareIncrement,
  syncPmu,
  visibleCounters,
  visibleMask,
} from "./pmu-counters.js";
import { type Access, bits, hiddenSlot, mask, type RowOptions, register, type SysregRow } from "./row.js";
import type { TrapClass } from "./traps.js";

type At = Parameters<typeof register>[1];

/** DDI 0487 has at most 31; each model says how many it has. */
const MAX_COUNTERS = 6;

const hasPmu = (model: CpuModel): boolean => model.pmuCounters > 0;

/** IMP and IDCODE of PMCR_EL0, as the Cortex-A72 has them. */
const PMCR_IDENTITY = (0x41n << 24n) | (2n << 16n);

function readControl({ vcpu, host, el }: Access): bigint {
  const counters = BigInt(visibleCounters(vcpu, host, el));
  return PMCR_IDENTITY | (counters << PMCR.N) | vcpu.sysreg("PMCR_EL0");
}

function writeControl({ vcpu, host, el }: Access, value: bigint): void {
  syncPmu(vcpu, host);
  if ((value & PMCR.C) !== 0n) vcpu.setSysreg("PMCCNTR_EL0", 0n);
  if ((value & PMCR.P) !== 0n) {
    for (let n = 0; n < visibleCounters(vcpu, host, el); n++) vcpu.setSysreg(`PMEVCNTR${n}_EL0`, 0n);
  }
  vcpu.setSysreg("PMCR_EL0", (value & ~(PMCR.P | PMCR.C)) | PMCR.LC);
  driveInterrupt(vcpu, host);
}

/** A set or clear register over the slot of the set register `store`. */
function bitmap(name: string, at: At, store: string, kind: "set" | "clear", trap: TrapClass): SysregRow {
  return register(name, at, {
    exists: hasPmu,
    trap,
    writable: bits(31, 0),
    read: ({ vcpu, host, el }) => {
      syncPmu(vcpu, host);
      return vcpu.sysreg(store) & visibleMask(vcpu, host, el);
    },
    write: ({ vcpu, host, el }, value) => {
      syncPmu(vcpu, host);
      const change = value & visibleMask(vcpu, host, el);
      const before = vcpu.sysreg(store);
      vcpu.setSysreg(store, kind === "set" ? before | change : before & ~change);
      driveInterrupt(vcpu, host);
    },
  });
}

/** A slot that follows the count: reads and writes happen up to date. */
const counter: Pick<RowOptions, "read" | "write"> = {
  read: ({ vcpu, host, row }) => {
    syncPmu(vcpu, host);
    return vcpu.sysreg(row.name);
  },
  write: ({ vcpu, host, row }, value) => {
    syncPmu(vcpu, host);
    vcpu.setSysreg(row.name, value);
  },
};

/** Event counters have 64 bits with FEAT_PMUv3p5. */
const eventCounterBits = (has: (feature: Feature) => boolean): bigint => bits(has("PMUv3p5") ? 63 : 31, 0);

const EVENT_TYPE_BITS = bits(31, 26) | bits(15, 0);
const CYCLE_FILTER_BITS = bits(31, 26);

/** PMXEVTYPER_EL0 and PMXEVCNTR_EL0: the register of the counter that PMSELR_EL0 selects; RAZ/WI where none is. */
function selected(registerOf: (n: number) => string, ofCycles: string | undefined): Pick<RowOptions, "read" | "write"> {
  const target = ({ vcpu, host, el }: Access): string | undefined => {
    const n = Number(vcpu.sysreg("PMSELR_EL0") & 31n);
    if (n === CYCLE_COUNTER) return ofCycles;
    return n < visibleCounters(vcpu, host, el) ? registerOf(n) : undefined;
  };
  return {
    read: (access) => {
      syncPmu(access.vcpu, access.host);
      const name = target(access);
      return name === undefined ? 0n : access.vcpu.sysreg(name);
    },
    write: (access, value) => {
      syncPmu(access.vcpu, access.host);
      const name = target(access);
      const allowed = name === ofCycles ? CYCLE_FILTER_BITS : ~0n;
      if (name !== undefined) access.vcpu.setSysreg(name, value & allowed);
    },
  };
}

function eventCounter(n: number): SysregRow[] {
  const exists = (model: CpuModel): boolean => n < model.pmuCounters;
  return [
    register(`PMEVCNTR${n}_EL0`, [3, 3, 14, 8 + (n >> 3), n & 7], {
      ...counter,
      exists,
      trap: "pmuEvents",
      writable: eventCounterBits,
    }),
    register(`PMEVTYPER${n}_EL0`, [3, 3, 14, 12 + (n >> 3), n & 7], {
      ...counter,
      exists,
      trap: "pmu",
      writable: EVENT_TYPE_BITS,
    }),
  ];
}

export const PMU = [
  register("PMCR_EL0", [3, 3, 9, 12, 0], {
    exists: hasPmu,
    trap: "pmuControl",
    reset: PMCR.LC,
    // LC is RES1 and D is RES0 without AArch32.
    writable: (has) => mask(0, 1, 2, 4, 5) | (has("PMUv3p5") ? PMCR.LP : 0n),
    read: readControl,
    write: writeControl,
  }),
  bitmap("PMCNTENSET_EL0", [3, 3, 9, 12, 1], "PMCNTENSET_EL0", "set", "pmu"),
  bitmap("PMCNTENCLR_EL0", [3, 3, 9, 12, 2], "PMCNTENSET_EL0", "clear", "pmu"),
  bitmap("PMOVSCLR_EL0", [3, 3, 9, 12, 3], "PMOVSSET_EL0", "clear", "pmu"),
  register("PMSWINC_EL0", [3, 3, 9, 12, 4], {
    exists: hasPmu,
    access: "WO",
    trap: "pmuIncrement",
    writable: bits(30, 0),
    write: ({ vcpu, host, el }, value) => {
      softwareIncrement(vcpu, host, value & visibleMask(vcpu, host, el));
      syncPmu(vcpu, host);
    },
  }),
  register("PMSELR_EL0", [3, 3, 9, 12, 5], { exists: hasPmu, trap: "pmuSelect", writable: bits(4, 0) }),
  register("PMCEID0_EL0", [3, 3, 9, 12, 6], {
    exists: hasPmu,
    access: "RO",
    trap: "pmu",
    reset: mask(...Object.values(EVENT)),
  }),
  register("PMCEID1_EL0", [3, 3, 9, 12, 7], {
    exists: hasPmu,
    access: "RO",
    trap: "pmu",
    // STALL_FRONTEND, STALL_BACKEND and STALL, which FEAT_PMUv3p1 and p4 ask for: nothing ever stalls.
    reset: ({ model }) => (model.features.has("PMUv3p5") ? mask(3, 4, 28) : 0n),
  }),
  register("PMCCNTR_EL0", [3, 3, 9, 13, 0], { ...counter, exists: hasPmu, trap: "pmuCycles" }),
  register("PMXEVTYPER_EL0", [3, 3, 9, 13, 1], {
    ...selected((n) => `PMEVTYPER${n}_EL0`, "PMCCFILTR_EL0"),
    exists: hasPmu,
    trap: "pmu",
    writable: EVENT_TYPE_BITS,
  }),
  register("PMXEVCNTR_EL0", [3, 3, 9, 13, 2], {
    ...selected((n) => `PMEVCNTR${n}_EL0`, undefined),
    exists: hasPmu,
    trap: "pmuEvents",
    writable: eventCounterBits,
  }),
  register("PMUSERENR_EL0", [3, 3, 9, 14, 0], {
    exists: hasPmu,
    writeEl: 1,
    trap: "pmuPrivileged",
    writable: bits(3, 0),
    changed: trapsChanged,
  }),
  bitmap("PMINTENSET_EL1", [3, 0, 9, 14, 1], "PMINTENSET_EL1", "set", "pmuPrivileged"),
  bitmap("PMINTENCLR_EL1", [3, 0, 9, 14, 2], "PMINTENSET_EL1", "clear", "pmuPrivileged"),
  // No slots, which STALL_SLOT would count.
  register("PMMIR_EL1", [3, 0, 9, 14, 6], {
    exists: hasPmu,
    features: ["PMUv3p5"],
    access: "RO",
    trap: "pmuPrivileged",
  }),
  bitmap("PMOVSSET_EL0", [3, 3, 9, 14, 3], "PMOVSSET_EL0", "set", "pmu"),
  ...Array.from({ length: MAX_COUNTERS }, (_, n) => eventCounter(n)).flat(),
  register("PMCCFILTR_EL0", [3, 3, 14, 15, 7], {
    ...counter,
    exists: hasPmu,
    trap: "pmu",
    writable: CYCLE_FILTER_BITS,
  }),
  // Instructions retired at each level up to which the counters have counted.
  ...Array.from({ length: 8 }, (_, level) => hiddenSlot(`PMU_COUNTED${level}`)),
];
