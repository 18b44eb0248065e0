/** PSCI 1.1 (Arm DEN0022, section 5): one row per function that is implemented, by what it does. */
import { GONE, type Outcome, RESUME } from "../ports.js";
import { type AffinityState, cpuByAffinity, type PowerController, type PowerUp } from "./power.js";
import { type PSCI, PsciError, psciRow } from "./psci-functions.js";
import { SMCCC } from "./smccc.js";

/** What a call answers: the value for X0 (kept away from a vCPU that is gone), and what becomes of the caller. */
export interface PsciResult {
  readonly value: number;
  readonly outcome: Outcome;
}

interface Call {
  /** The calling vCPU. */
  readonly cpu: number;
  readonly power: PowerController;
  /** X1–X3, cut to the width of the convention. */
  readonly args: readonly [bigint, bigint, bigint];
}

type Handler = (call: Call) => PsciResult;

/** Major version in bits 31:16. */
const PSCI_VERSION_1_1 = 0x0001_0001;
/** MIGRATE_INFO_TYPE: no Trusted OS that would have to move. */
const MIGRATION_NOT_REQUIRED = 2;
/** Bits of an MPIDR affinity; the others of a target_cpu must be zero. */
const AFFINITY_BITS = 0xff_00ff_ffffn;
/** Affinity levels a request may name: core, cluster, system. */
const HIGHEST_POWER_LEVEL = 2n;
/** SYSTEM_RESET2: the only architectural reset type. */
const SYSTEM_WARM_RESET = 0n;

const answer = (value: number): PsciResult => ({ value, outcome: RESUME });
const gone: PsciResult = { value: PsciError.SUCCESS, outcome: GONE };

/** Parameters that are 32 bits wide in either convention. */
const word = (value: bigint): bigint => value & 0xffff_ffffn;

const AFFINITY_VALUES: Record<AffinityState, number> = { on: 0, off: 1, "on-pending": 2 };

const HANDLERS: Partial<Record<keyof typeof PSCI, Handler>> = {
  VERSION: () => answer(PSCI_VERSION_1_1),
  CPU_SUSPEND: cpuSuspend,
  CPU_OFF: ({ cpu, power }) => {
    power.cpuOff(cpu);
    return gone;
  },
  CPU_ON: cpuOn,
  AFFINITY_INFO: affinityInfo,
  MIGRATE_INFO_TYPE: () => answer(MIGRATION_NOT_REQUIRED),
  SYSTEM_OFF: ({ power }) => {
    power.systemOff();
    return gone;
  },
  SYSTEM_RESET: ({ power }) => {
    power.systemReset("cold");
    return gone;
  },
  SYSTEM_RESET2: ({ power, args: [type] }) => {
    if (word(type) !== SYSTEM_WARM_RESET) return answer(PsciError.INVALID_PARAMETERS);
    power.systemReset("warm");
    return gone;
  },
  FEATURES: ({ args: [id] }) => answer(features(Number(word(id)))),
  SYSTEM_SUSPEND: systemSuspend,
};

/**
 * Carries out a PSCI call of vCPU `cpu`. `id` is W0, `args` X1–X3 as they stand. What the identifiers' ranges hold
 * besides the implemented functions is NOT_SUPPORTED.
 */
export function callPsci(
  power: PowerController,
  cpu: number,
  id: number,
  args: readonly [bigint, bigint, bigint],
): PsciResult {
  const found = psciRow(id);
  const handler = found && HANDLERS[found.row.name];
  if (found === undefined || handler === undefined) return answer(PsciError.NOT_SUPPORTED);
  const cut = (value: bigint): bigint => BigInt.asUintN(found.bits, value);
  return handler({ cpu, power, args: [cut(args[0]), cut(args[1]), cut(args[2])] });
}

/** PSCI_FEATURES: for CPU_SUSPEND zero means the original power_state format and no OS-initiated mode. */
function features(id: number): number {
  if (id === SMCCC.VERSION) return PsciError.SUCCESS;
  const found = psciRow(id);
  return found && HANDLERS[found.row.name] ? PsciError.SUCCESS : PsciError.NOT_SUPPORTED;
}

/** power_state, original format: PowerLevel 25:24, StateType 16, StateID 15:0, the rest zero (5.4.2.1). */
function cpuSuspend({ cpu, power, args: [powerState, entry, context] }: Call): PsciResult {
  const state = word(powerState);
  const level = (state >> 24n) & 3n;
  const reserved = state & ~0x0301_ffffn;
  if (reserved !== 0n || level > HIGHEST_POWER_LEVEL) return answer(PsciError.INVALID_PARAMETERS);
  const isPowerDown = (state & 0x1_0000n) !== 0n;
  if (!isPowerDown) return { value: PsciError.SUCCESS, outcome: { kind: "wait", for: "interrupt" } };
  if (!mayBegin(power, entry)) return answer(PsciError.INVALID_ADDRESS);
  power.powerDown(cpu, { entry, context }, false);
  return gone;
}

function cpuOn({ power, args: [affinity, entry, context] }: Call): PsciResult {
  if ((affinity & ~AFFINITY_BITS) !== 0n) return answer(PsciError.INVALID_PARAMETERS);
  const target = cpuByAffinity(power, affinity);
  if (target === undefined) return answer(PsciError.INVALID_PARAMETERS);
  const state = power.stateOf(target);
  if (state === "on") return answer(PsciError.ALREADY_ON);
  if (state === "on-pending") return answer(PsciError.ON_PENDING);
  if (!mayBegin(power, entry)) return answer(PsciError.INVALID_ADDRESS);
  const at: PowerUp = { entry, context };
  power.cpuOn(target, at);
  return answer(PsciError.SUCCESS);
}

/** Levels above 0 ask for a whole cluster: ON when one of its vCPUs is, else ON_PENDING when one is coming. */
function affinityInfo({ power, args: [affinity, lowestLevel] }: Call): PsciResult {
  const level = word(lowestLevel);
  if ((affinity & ~AFFINITY_BITS) !== 0n || level > 3n) return answer(PsciError.INVALID_PARAMETERS);
  const ignored = level === 3n ? 0xff_ffffn : (1n << (8n * level)) - 1n;
  const states: AffinityState[] = [];
  for (let cpu = 0; cpu < power.cpuCount; cpu++) {
    if ((power.affinityOf(cpu) | ignored) === (affinity | ignored)) states.push(power.stateOf(cpu));
  }
  if (states.length === 0) return answer(PsciError.INVALID_PARAMETERS);
  const state = (["on", "on-pending"] as const).find((s) => states.includes(s)) ?? "off";
  return answer(AFFINITY_VALUES[state]);
}

/** DENIED unless the caller is the last one on (5.1.14). */
function systemSuspend({ cpu, power, args: [entry, context] }: Call): PsciResult {
  for (let other = 0; other < power.cpuCount; other++) {
    if (other !== cpu && power.stateOf(other) !== "off") return answer(PsciError.DENIED);
  }
  if (!mayBegin(power, entry)) return answer(PsciError.INVALID_ADDRESS);
  power.powerDown(cpu, { entry, context }, true);
  return gone;
}

function mayBegin(power: PowerController, entry: bigint): boolean {
  return (entry & 3n) === 0n && power.isExecutable(entry);
}
