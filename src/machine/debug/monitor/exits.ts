/** `monitor exits` and `monitor psci`: what hosted EL2 was entered for, and the vCPUs' power states (DEN0022). */
import { TargetError } from "../../../gdb/target.js";
import type { VcpuExit } from "../../../hosted/el2/exits.js";
import { describeState } from "../vcpus.js";
import { hex, type MonitorCommand, parseNumber } from "./command.js";

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

export const exits: MonitorCommand = {
  name: "exits",
  usage: "[COUNT]",
  help: "exits to hosted EL2 and EL3 by reason, and the last of them decoded",
  example: "monitor exits 20",
  arguments: [0, 1],
  run({ machine, exits: log }, [text]) {
    const count = text === undefined ? SHOWN : parseNumber(text);
    if (count instanceof TargetError) return count;
    const counts = Object.entries(machine.hosted.counts());
    if (counts.length === 0) return ["no exits so far"];
    return [
      ...counts.map(([reason, n]) => `${reason.padEnd(20)} ${n}`),
      ...log
        .last(Number(count < MOST ? count : MOST))
        .map(({ vcpu, exit, time }) => `${(Number(time) / 1e9).toFixed(9)} s CPU${vcpu} ${describeExit(exit)}`),
    ];
  },
};

const POWER_EXITS: readonly string[] = ["CpuUp", "CpuDown", "CpuSuspend", "SystemDown", "SystemReset"];

export const psci: MonitorCommand = {
  name: "psci",
  help: "power states of the vCPUs, and the last calls that changed them",
  example: "monitor psci",
  run: ({ machine, exits: log }) => [
    ...machine.cores.map((core) => {
      return `CPU${core.index}: affinity ${hex(machine.affinityOf(core.index))}, ${describeState(core)}`;
    }),
    ...log
      .last(Number(MOST))
      .filter(({ exit }) => POWER_EXITS.includes(exit.reason))
      .map(({ vcpu, exit, time }) => `${(Number(time) / 1e9).toFixed(9)} s CPU${vcpu} ${describeExit(exit)}`),
  ],
};
