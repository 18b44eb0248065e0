/** `monitor` commands (GDB's `qRcmd`): a row each. A name may be cut short as far as it stays the only one. */
import { Errno, TargetError } from "../../gdb/target.js";
import type { Machine } from "../machine.js";
import { NANOSECONDS_PER_INSTRUCTION } from "../scheduler.js";
import { describeState } from "./vcpus.js";

/** What commands work on. */
export interface MonitorContext {
  readonly machine: Machine;
  /** The vCPU that is selected in the debugger. */
  readonly vcpu: number;
  /** Back to power-on; an error when the machine has ended. */
  reset(): TargetError | undefined;
}

interface MonitorCommand {
  readonly name: string;
  readonly help: string;
  readonly example: string;
  /** Lines without their ends. */
  run(context: MonitorContext): readonly string[] | TargetError;
}

const COMMANDS: readonly MonitorCommand[] = [
  {
    name: "help",
    help: "lists the commands",
    example: "monitor help",
    run: () => [
      ...COMMANDS.map(({ name, help, example }) => `${name.padEnd(12)}${help}; ${example}`),
      "a command may be cut short: monitor inf c",
    ],
  },
  {
    name: "info cores",
    help: "where each vCPU stands",
    example: "monitor info cores",
    run: ({ machine, vcpu: selected }) =>
      machine.cores.map((core) => {
        const { index, vcpu } = core;
        const state = describeState(core);
        const marker = index === selected ? "*" : " ";
        return `${marker} CPU${index}  pc 0x${vcpu.pc.toString(16).padStart(16, "0")}  MPIDR 0x${machine.affinityOf(index).toString(16)}  ${state}`;
      }),
  },
  {
    name: "reset",
    help: "back to power-on, breakpoints kept; GDB then needs `maintenance flush register-cache`",
    example: "monitor reset",
    run: (context) => context.reset() ?? ["reset: the machine stands at its first instruction"],
  },
  {
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
  },
];

/** Carries out a command line; what is to be printed. */
export function runMonitor(line: string, context: MonitorContext): string | TargetError {
  const words = line.trim().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? COMMANDS.slice(0, 1) : COMMANDS.filter(({ name }) => abbreviates(words, name));
  const [command, another] = found;
  if (command === undefined) {
    return new TargetError(Errno.EINVAL, `no monitor command "${words.join(" ")}"; see: monitor help`);
  }
  if (another !== undefined) {
    const names = found.map(({ name }) => name).join(", ");
    return new TargetError(Errno.EINVAL, `"${words.join(" ")}" may be ${names}; say more of it`);
  }
  const lines = command.run(context);
  return lines instanceof TargetError ? lines : lines.map((text) => `${text}\n`).join("");
}

/** Whether each word given is the beginning of the name's word at its place. */
function abbreviates(words: readonly string[], name: string): boolean {
  const parts = name.split(" ");
  return words.length === parts.length && parts.every((part, i) => part.startsWith(words[i] as string));
}
