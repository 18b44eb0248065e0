/** GICv3 as plain data for debuggers and logs: interrupts that are not at rest, priorities, list registers. */
import type { DmaMemory } from "../../bus/dma.js";
import type { InterruptBank } from "./bank.js";
import type { CpuInterface } from "./cpu-interface.js";
import { ANY_CPU, type Distributor } from "./distributor.js";
import type { ItsDescription } from "./its-describe.js";
import type { LpiDescription } from "./lpi.js";
import { FIRST_SPI, G0, G1S, type Group, LR_HIGH, LR_PRIORITY_SHIFT } from "./spec.js";

export interface InterruptDescription {
  readonly intid: number;
  readonly enabled: boolean;
  readonly pending: boolean;
  readonly active: boolean;
  /** The input wire. */
  readonly level: boolean;
  readonly trigger: "edge" | "level";
  readonly group: "0" | "1S" | "1NS";
  /** In the Secure view. */
  readonly priority: number;
  /** SPIs only: a vCPU, "any", or "none" (routed to an affinity that no vCPU has). */
  readonly target?: number | "any" | "none";
}

export interface ListRegisterDescription {
  readonly index: number;
  readonly state: "invalid" | "pending" | "active" | "pending and active";
  readonly vintid: number;
  readonly group: 0 | 1;
  readonly priority: number;
  /** With HW = 1. */
  readonly pintid?: number;
  /** With HW = 0: asks for a maintenance interrupt at end of interrupt. */
  readonly maintenance?: boolean;
}

export interface CpuDescription {
  readonly cpu: number;
  readonly affinity: number;
  readonly priorityMask: number;
  readonly runningPriority: number;
  /** What the physical interface signals. */
  readonly signalled?: "0" | "1S" | "1NS";
  /** SGIs and PPIs that are enabled, pending or active. */
  readonly interrupts: readonly InterruptDescription[];
  /** LPIs that are pending, and those that are enabled of what the ITS maps to this CPU. */
  readonly lpis: readonly LpiDescription[];
  readonly virtual: {
    readonly enabled: boolean;
    readonly priorityMask: number;
    readonly runningPriority: number;
    readonly listRegisters: readonly ListRegisterDescription[];
  };
}

export interface GicDescription {
  readonly securityStates: 1 | 2;
  readonly groupsEnabled: readonly ("0" | "1S" | "1NS")[];
  /** SPIs that are enabled, pending or active. */
  readonly interrupts: readonly InterruptDescription[];
  readonly cpus: readonly CpuDescription[];
}

const GROUP_NAMES = ["0", "1S", "1NS"] as const;
const LR_STATES = ["invalid", "pending", "active", "pending and active"] as const;

/** What an ITS maps, and memory as it is read for a debugger. */
export interface Mapped {
  readonly its: ItsDescription;
  readonly memory: DmaMemory;
}

export function describeGic(
  distributor: Distributor,
  cpus: readonly CpuInterface[],
  mapped: Mapped | undefined,
): GicDescription {
  const groups: readonly Group[] = [G0, G1S, 2];
  return {
    securityStates: distributor.oneSecurityState ? 1 : 2,
    groupsEnabled: groups.filter((group) => distributor.enables(group)).map((group) => GROUP_NAMES[group]),
    interrupts: interruptsOf(distributor.bank, FIRST_SPI, distributor.oneSecurityState).map((interrupt) => ({
      ...interrupt,
      target: targetName(distributor.targets[interrupt.intid] as number),
    })),
    cpus: cpus.map((cpu) => describeCpu(cpu, distributor.oneSecurityState, mapped)),
  };
}

function describeCpu(cpu: CpuInterface, oneSecurityState: boolean, mapped: Mapped | undefined): CpuDescription {
  const { physical, virtual, redistributor } = cpu;
  const signalled = physical.signalled();
  return {
    cpu: cpu.config.cpu,
    affinity: redistributor.config.affinity,
    priorityMask: physical.pmr,
    runningPriority: physical.runningPriority(),
    ...(signalled === undefined ? {} : { signalled: GROUP_NAMES[signalled] }),
    interrupts: interruptsOf(redistributor.bank, 0, oneSecurityState),
    lpis: redistributor.lpis?.describe(oneSecurityState, lpisOf(cpu.config.cpu, mapped?.its), mapped?.memory) ?? [],
    virtual: {
      enabled: (virtual.hcr & 1) !== 0,
      priorityMask: virtual.pmr,
      runningPriority: virtual.runningPriority(),
      listRegisters: Array.from({ length: virtual.listRegisters }, (_, index) =>
        describeListRegister(index, virtual.readListRegister(index)),
      ),
    },
  };
}

/** LPIs that the ITS maps to a CPU. */
function lpisOf(cpu: number, its: ItsDescription | undefined): number[] {
  const events = its?.devices.flatMap((device) => device.events) ?? [];
  return events.filter((event) => event.cpu === cpu).map(({ intid }) => intid);
}

/** What a CPU has of its own: SGIs, PPIs, and LPIs, which are edges of Non-secure Group 1 (IHI 0069, 5.1). */
export function ownInterrupts({ interrupts, lpis }: CpuDescription): InterruptDescription[] {
  const lpi = { active: false, level: false, trigger: "edge", group: "1NS" } as const;
  return [...interrupts, ...lpis.map((each) => ({ ...each, ...lpi }))];
}

function interruptsOf(bank: InterruptBank, first: number, oneSecurityState: boolean): InterruptDescription[] {
  const found: InterruptDescription[] = [];
  for (let intid = first; intid < bank.words * 32; intid++) {
    const word = intid >> 5;
    const bit = 1 << (intid & 31);
    const isSet = (bitmap: Int32Array): boolean => ((bitmap[word] as number) & bit) !== 0;
    const pending = (bank.pending(word) & bit) !== 0;
    if (!isSet(bank.enabled) && !isSet(bank.active) && !pending) continue;
    found.push({
      intid,
      enabled: isSet(bank.enabled),
      pending,
      active: isSet(bank.active),
      level: isSet(bank.level),
      trigger: isSet(bank.edge) ? "edge" : "level",
      group: GROUP_NAMES[bank.groupOf(intid, oneSecurityState)],
      priority: bank.priority[intid] as number,
    });
  }
  return found;
}

function describeListRegister(index: number, value: bigint): ListRegisterDescription {
  const high = Number(value >> 32n);
  const hardware = (high & LR_HIGH.HW) !== 0;
  return {
    index,
    state: LR_STATES[high >>> 30] ?? "invalid",
    vintid: Number(value & 0xffff_ffffn),
    group: high & LR_HIGH.Group1 ? 1 : 0,
    priority: (high >> LR_PRIORITY_SHIFT) & 0xff,
    ...(hardware ? { pintid: high & LR_HIGH.pINTID } : { maintenance: (high & LR_HIGH.EOI) !== 0 }),
  };
}

function targetName(target: number): number | "any" | "none" {
  if (target >= 0) return target;
  return target === ANY_CPU ? "any" : "none";
}
