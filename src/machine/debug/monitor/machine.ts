/** `monitor info cores`, `reset` and `stats`: the machine as a whole. */
import { NANOSECONDS_PER_INSTRUCTION } from "../../scheduler.js";
import { describeState } from "../vcpus.js";
import { hex, type MonitorCommand } from "./command.js";

export const infoCores: MonitorCommand = {
  name: "info cores",
  help: "where each vCPU stands",
  example: "monitor info cores",
  run: ({ machine, vcpu: shown }) =>
    machine.cores.map((core) => {
      const { index, vcpu } = core;
      const marker = index === shown ? "*" : " ";
      return `${marker} CPU${index}  pc ${hex(vcpu.pc, 16)}  MPIDR ${hex(machine.affinityOf(index))}  ${describeState(core)}`;
    }),
};

/** What QEMU's monitor calls it. */
export const infoCpus: MonitorCommand = {
  ...infoCores,
  name: "info cpus",
  help: "the same as info cores",
  example: "monitor info cpus",
};

export const reset: MonitorCommand = {
  name: "reset",
  help:
    "back to power-on, breakpoints kept; GDB then needs `maintenance flush register-cache`. After a detach the machine " +
    "runs on, from there",
  example: "monitor reset",
  run: (context) =>
    context.reset() ?? [
      `reset: the machine ${context.machine.isPaused ? "stands at" : "runs from"} its first instruction`,
    ],
};

/** What QEMU's monitor calls it. */
export const systemReset: MonitorCommand = {
  ...reset,
  name: "system_reset",
  help: "the same as reset",
  example: "monitor system_reset",
};

export const stats: MonitorCommand = {
  name: "stats",
  help: "what has been executed so far",
  example: "monitor stats",
  run: ({ machine }) => {
    const { instructions, tlbMisses, exits, wallSeconds, idleSeconds } = machine.stats();
    return [
      `instructions retired  ${instructions}`,
      `virtual time          ${(Number(machine.scheduler.now() * NANOSECONDS_PER_INSTRUCTION) / 1e9).toFixed(6)} s`,
      `wall time             ${wallSeconds.toFixed(2)} s, of which idle or stopped ${idleSeconds.toFixed(2)} s`,
      `TLB misses            ${tlbMisses}`,
      ...Object.entries(exits).map(([name, count]) => `exits ${name.padEnd(15)} ${count}`),
    ];
  },
};
