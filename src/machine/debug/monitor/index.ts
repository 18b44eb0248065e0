/**
 * `monitor` commands: the table, and how a line finds its row. A name may be cut short as far as it stays the only one.
 */
import { observerRefusal, TargetError } from "../../../gdb/target.js";
import { catching } from "./catch.js";
import { control, points } from "./clients.js";
import { hex, type MonitorCommand, type MonitorContext, type Output, refuse } from "./command.js";
import { condition } from "./condition.js";
import { description } from "./description.js";
import { devices, mmioRead, mmioWrite } from "./devices.js";
import { exits, psci } from "./exits.js";
import { gic } from "./gic.js";
import { log } from "./log.js";
import { infoCores, infoCpus, reset, stats, systemReset } from "./machine.js";
import { mayObserve } from "./observers.js";
import { injectIrq, injectSerror, powerKey, powerOff, powerOn, systemPowerdown } from "./power.js";
import { infoRegisters, sysreg } from "./registers.js";
import { saveImage } from "./save-image.js";
import { semihosting } from "./semihosting.js";
import { step } from "./step.js";
import { timer } from "./timer.js";
import { tlb } from "./tlb.js";
import { view } from "./view.js";
import { maps, walk } from "./walk.js";

const help: MonitorCommand = {
  name: "help",
  usage: "[NAME]",
  help: "lists the commands, or explains one",
  example: "monitor help",
  arguments: [0, 2],
  run(_context, words) {
    if (words.length === 0) {
      return [
        ...COMMANDS.map(({ name, help: text, example }) => `${name.padEnd(16)} ${text}; ${example}`),
        "a command may be cut short: monitor inf r; what has a $ in it is an expression, without spaces: monitor walk $sp+16",
      ];
    }
    const found = find(words);
    if (found instanceof TargetError) return found;
    const { name, usage = "", help: text, example } = found.command;
    return [`monitor ${name} ${usage}`.trimEnd(), `  ${text}`, `  example: ${example}`];
  },
};

export const COMMANDS: readonly MonitorCommand[] = [
  help,
  infoCores,
  infoCpus,
  infoRegisters,
  description,
  sysreg,
  catching,
  condition,
  points,
  control,
  step,
  view,
  walk,
  maps,
  tlb,
  gic,
  timer,
  exits,
  psci,
  devices,
  mmioRead,
  mmioWrite,
  powerOn,
  powerOff,
  powerKey,
  systemPowerdown,
  injectIrq,
  injectSerror,
  reset,
  systemReset,
  saveImage,
  semihosting,
  log,
  stats,
];

/** The row that the first words name, and the words after it. */
function find(words: readonly string[]): { command: MonitorCommand; args: readonly string[] } | TargetError {
  const fitting = COMMANDS.filter(({ name }) => abbreviates(words, name));
  const exact = fitting.filter(({ name }) => name === words.slice(0, name.split(" ").length).join(" "));
  const [command, another] = exact.length > 0 ? exact : fitting;
  if (command === undefined) return refuse(`no monitor command "${words.join(" ")}"; ${suggestion(words)}`);
  if (another !== undefined) {
    const names = fitting.map(({ name }) => name).join(", ");
    return refuse(`"${words.join(" ")}" may be ${names}; say more of it`);
  }
  return { command, args: words.slice(command.name.split(" ").length) };
}

/** What may have been meant: the commands of two words that begin with this one. */
function suggestion([first = ""]: readonly string[]): string {
  const names = COMMANDS.filter(({ name }) => name.includes(" ") && name.split(" ")[0] === first);
  return names.length === 0 ? "see: monitor help" : `there are ${names.map(({ name }) => name).join(", ")}`;
}

/** Whether each word of the name begins with the word given at its place. */
function abbreviates(words: readonly string[], name: string): boolean {
  return name.split(" ").every((part, i) => {
    const word = words[i];
    return word !== undefined && part.startsWith(word);
  });
}

/**
 * Arguments with their expressions, which are those with a register, worked out: GDB hands a line on as it is typed.
 */
function evaluated(
  words: readonly string[],
  { text }: MonitorCommand,
  context: MonitorContext,
): string[] | TargetError {
  const args: string[] = [];
  for (const [i, word] of words.entries()) {
    const isText = text === (i === 0 ? "first" : "others");
    const value = word.includes("$") && !isText ? context.evaluate(word) : word;
    if (value instanceof TargetError) return value;
    args.push(typeof value === "bigint" ? hex(value) : value);
  }
  return args;
}

/** Carries out a command line; what is to be printed. */
export function runMonitor(line: string, context: MonitorContext): string | TargetError {
  const words = line.trim().split(/\s+/).filter(Boolean);
  const found = words.length === 0 ? { command: help, args: [] } : find(words);
  if (found instanceof TargetError) return found;
  const { command } = found;
  const [least, most] = command.arguments ?? [0, 0];
  if (found.args.length < least || found.args.length > most) {
    return refuse(`usage: monitor ${command.name} ${command.usage ?? ""}`.trimEnd());
  }
  if (context.client?.observes && !mayObserve(command.name, found.args)) return observerRefusal(command.name);
  const args = evaluated(found.args, command, context);
  if (args instanceof TargetError) return args;
  const lines: Output = command.run(context, args);
  return lines instanceof TargetError ? lines : lines.map((text) => `${text}\n`).join("");
}
