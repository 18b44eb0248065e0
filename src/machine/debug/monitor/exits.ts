/**
 * `monitor exits` and `monitor psci`: what the levels above the guest's kernel were entered for, hosted ones always and
 * the guest's own when that is switched on; and the vCPUs' power states (DEN0022).
 */
import { TargetError } from "../../../gdb/target.js";
import type { VcpuExit } from "../../../hosted/el2/exits.js";
import { PSCI_FUNCTIONS } from "../../../hosted/el3/psci-functions.js";
import { headline } from "../catch/facts.js";
import type { ExitEntry } from "../exit-log.js";
import { describeState } from "../vcpus.js";
import { hex, type MonitorCommand, type Output, parseNumber, refuse } from "./command.js";

const SHOWN = 16n;
const MOST = 256n;

/** An exit in words: its reason and its fields, numbers in hexadecimal. */
function describeExit({ reason, ...fields }: VcpuExit): string {
  const text = (value: unknown): string => {
    if (typeof value === "bigint" || typeof value === "number") return hex(value);
    return Array.isArray(value) ? `[${value.map(text).join(" ")}]` : String(value);
  };
  return [reason, ...Object.entries(fields).map(([name, value]) => `${name}=${text(value)}`)].join(" ");
}

function describeEntry({ vcpu, time, exit, exception }: ExitEntry): string {
  const what = exit === undefined ? `${headline(exception)}, at ${hex(exception.pc)}` : describeExit(exit);
  return `${(Number(time) / 1e9).toFixed(9)} s CPU${vcpu} ${what}`;
}

function levelNames(levels: number): string {
  return [1, 2, 3]
    .filter((el) => (levels >>> el) & 1)
    .map((el) => `EL${el}`)
    .join(" ");
}

export const exits: MonitorCommand = {
  name: "exits",
  usage: "[COUNT | record [EL1] [EL2] [EL3] | record off]",
  help: "exits to hosted EL2 and EL3 by reason, and the last ones decoded; `record` adds exceptions to the guest's own levels",
  example: "monitor exits 20",
  arguments: [0, 4],
  run(context, [first, ...others]): Output {
    const { machine, exits: log, catches } = context;
    if (first === "record") {
      const wanted = others[0] === "off" ? [] : others.length === 0 ? ["el1", "el2", "el3"] : others;
      const levels = wanted.map((text) => /^el([123])$/i.exec(text)?.[1]);
      if (levels.includes(undefined)) return refuse(`"${others.join(" ")}": record which levels? el1 el2 el3, or off`);
      catches.recordedLevels = levels.reduce((sum, el) => sum | (1 << Number(el)), 0);
      const names = levelNames(catches.recordedLevels);
      return [
        names === "" ? "exceptions are not recorded" : `exceptions to ${names} are recorded; the guest runs slower`,
      ];
    }
    const count = first === undefined ? SHOWN : parseNumber(first);
    if (count instanceof TargetError) return count;
    if (others.length > 0) return refuse("usage: monitor exits [COUNT]");
    const counts = Object.entries(machine.hosted.counts());
    const recorded = log.recorded.flatMap((n, el) => (n === 0 ? [] : [`${`exceptions to EL${el}`.padEnd(20)} ${n}`]));
    const hint = catches.recordedLevels === 0 ? ["the guest's own exceptions: monitor exits record"] : [];
    if (counts.length + recorded.length === 0) return ["no exits so far", ...hint];
    return [
      ...counts.map(([reason, n]) => `${reason.padEnd(20)} ${n}`),
      ...recorded,
      ...log.last(Number(count < MOST ? count : MOST)).map(describeEntry),
      ...hint,
    ];
  },
};

const POWER_EXITS: readonly string[] = ["CpuUp", "CpuDown", "CpuSuspend", "SystemDown", "SystemReset"];
const POWER_FUNCTIONS: ReadonlySet<number> = new Set(
  PSCI_FUNCTIONS.filter(({ name }) => /^(CPU_(ON|OFF|SUSPEND|DEFAULT_SUSPEND)|SYSTEM_)/.test(name)).flatMap(
    ({ number }) => [0x8400_0000 + number, 0xc400_0000 + number],
  ),
);

const changesPower = ({ exit, exception }: ExitEntry): boolean =>
  exit === undefined
    ? exception.functionId !== undefined && POWER_FUNCTIONS.has(exception.functionId)
    : POWER_EXITS.includes(exit.reason);

export const psci: MonitorCommand = {
  name: "psci",
  help: "power states of the vCPUs, and the last calls that changed them",
  example: "monitor psci",
  run: ({ machine, exits: log }) => [
    ...machine.cores.map((core) => {
      return `CPU${core.index}: affinity ${hex(machine.affinityOf(core.index))}, ${describeState(core)}`;
    }),
    ...log.last(Number(MOST)).filter(changesPower).map(describeEntry),
  ],
};
