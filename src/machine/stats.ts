/** What a machine has counted, for `--stats`: a row of a table for each counter of a vCPU block. */

import { BAIL } from "../engine/bails.js";
import type { Engine } from "../engine/engine.js";
import { CPU } from "../engine/layout.js";
import type { RegionStats } from "../engine/regions/regions.js";
import type { Core, SchedulerCounters } from "./scheduler.js";

export interface MachineStats {
  readonly instructions: number;
  readonly instructionsByEngine: Readonly<Record<string, number>>;
  /** Compiled code: how many regions of how many instructions, the bytes of their modules, and how long that took. */
  readonly regions: RegionStats;
  readonly tlbMisses: number;
  /** Why guest code was left for TypeScript, hosted levels by what they were asked. */
  readonly exits: Readonly<Record<string, number>>;
  /** What happened beside running instructions, without leaving or on the way out. */
  readonly events: Readonly<Record<string, number>>;
  /** Instructions that compiled code handed to the interpreter, by cause. */
  readonly bails: Readonly<Record<string, number>>;
  /** Seconds that `run` took, and how many of them the vCPUs were idle. */
  readonly wallSeconds: number;
  readonly idleSeconds: number;
}

/** Counters of a vCPU block that are events. */
const EVENTS = {
  exceptions: CPU.statExceptions,
  interrupts: CPU.statInterrupts,
  "system registers": CPU.statSysreg,
  "device accesses": CPU.statMmio,
  "TLB misses": CPU.statTlbMiss,
  "fetch misses": CPU.statFetchMiss,
  "jump-cache misses": CPU.statJumpMiss,
  decoded: CPU.statDecoded,
} as const;

/** Exits of the engine that `hosted` has again, by cause. */
const HOSTED_EXITS = new Set(["hosted2", "hosted3"]);

interface Counted {
  readonly engine: Engine;
  readonly cores: readonly Core[];
  readonly scheduler: { readonly counters: SchedulerCounters };
  readonly hosted: { counts(): Record<string, number> };
}

export function countedBy({
  engine,
  cores,
  scheduler,
  hosted,
}: Counted): Omit<MachineStats, "wallSeconds" | "idleSeconds"> {
  const total = (offset: number): number => cores.reduce((sum, { vcpu }) => sum + Number(vcpu.get64(offset)), 0);
  const { counters } = scheduler;
  const instructions = Number(counters.instructions);
  const compiled = total(CPU.statCompiled);
  const exits = Object.entries(counters.exits).filter(([cause]) => !HOSTED_EXITS.has(cause));
  return {
    instructions,
    instructionsByEngine: { interpreter: instructions - compiled, regions: compiled },
    regions: engine.compiled,
    tlbMisses: total(CPU.statTlbMiss),
    exits: { ...Object.fromEntries(exits), ...hosted.counts() },
    bails: Object.fromEntries(Object.entries(BAIL).map(([name, n]) => [name, total(CPU.statBails + 8 * n)])),
    events: Object.fromEntries(Object.entries(EVENTS).map(([name, offset]) => [name, total(offset)])),
  };
}
