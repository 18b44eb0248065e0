/** `monitor catch`: stops at exceptions, register accesses and power changes; see debug/catch/. */
import { TargetError } from "../../../gdb/target.js";
import type { Catch } from "../catch/catches.js";
import { CATCH_KINDS } from "../catch/kinds.js";
import { type MonitorCommand, type MonitorContext, type Output, parseNumber, refuse } from "./command.js";

const LIMITS = "[to ELn] [from ELn] [cpu N] [once]";
const KIND_NAMES = CATCH_KINDS.map(({ name }) => name).join(", ");

/** `to el1`, `from el0`, `cpu 1`, `once`; the words that are left are the kind's. */
function parseLimits(words: readonly string[], cpus: number): { limits: Limits; rest: string[] } | TargetError {
  let limits: Limits = { once: false };
  const rest: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === "once") limits = { ...limits, once: true };
    else if (word === "to" || word === "from") {
      const el = /^(?:el)?([0-3])$/i.exec(words[++i] ?? "")?.[1];
      if (el === undefined || (word === "to" && el === "0")) {
        return refuse(`${word} ${words[i] ?? ""}: ${word} which level? ${word === "to" ? "el1" : "el0"} to el3`);
      }
      limits = { ...limits, [word]: Number(el) };
    } else if (word === "cpu") {
      const cpu = parseNumber(words[++i] ?? "");
      if (cpu instanceof TargetError) return cpu;
      if (cpu >= BigInt(cpus)) return refuse(`there is no CPU${cpu}: the machine has ${cpus}, from 0`);
      limits = { ...limits, cpu: Number(cpu) };
    } else rest.push(word);
  }
  return { limits, rest };
}

type Limits = Pick<Catch, "to" | "from" | "cpu" | "once">;

function list({ catches }: MonitorContext): Output {
  if (catches.all.length === 0) return ["nothing is caught; kinds: monitor catch kinds"];
  return catches.all.map(
    ({ number, text, hits }) => `${String(number).padEnd(3)} ${text.padEnd(40)} hit ${hits} times`,
  );
}

/** What the last hit said: in non-stop mode GDB has no place for it when it comes. */
function last({ catches }: MonitorContext): Output {
  return catches.report === "" ? ["nothing was caught so far"] : catches.report.trimEnd().split("\n");
}

function kinds(): Output {
  return CATCH_KINDS.map(({ name, usage = "", help }) => `${`${name} ${usage}`.trimEnd().padEnd(30)} ${help}`);
}

function remove({ catches }: MonitorContext, [text]: readonly string[]): Output {
  if (text === undefined) return refuse("catch delete: which? Its number (monitor catch), or all");
  if (text === "all") {
    catches.clear();
    return ["nothing is caught any more"];
  }
  const number = parseNumber(text);
  if (number instanceof TargetError) return number;
  return catches.remove(Number(number)) ? [`catch ${number} deleted`] : refuse(`there is no catch ${number}`);
}

export const catching: MonitorCommand = {
  name: "catch",
  usage: `[KIND [WHAT] ${LIMITS} | kinds | last | delete NUMBER|all]`,
  help: "stops when an exception is taken, a register accessed, a vCPU switched; without KIND lists what is caught",
  example: "monitor catch svc from el0",
  arguments: [0, 12],
  run(context, words) {
    const [name, ...others] = words;
    if (name === undefined || name === "list") return list(context);
    if (name === "kinds") return kinds();
    if (name === "last") return last(context);
    if (name === "delete") return remove(context, others);
    // The level alone: any exception to it.
    const level = /^el[123]$/i.test(name);
    const kind = CATCH_KINDS.find((row) => row.name === (level ? "exception" : name.toLowerCase()));
    if (kind === undefined)
      return refuse(`nothing called "${name}" can be caught; there are ${KIND_NAMES}, el1, el2, el3`);
    const parsed = parseLimits(level ? ["to", name, ...others] : others, context.machine.cores.length);
    if (parsed instanceof TargetError) return parsed;
    const { limits, rest } = parsed;
    if (rest.length > kind.words) {
      return refuse(
        `"${rest.slice(kind.words).join(" ")}" is too much; usage: monitor catch ${kind.name} ${kind.usage ?? ""} ${LIMITS}`,
      );
    }
    const spec = kind.parse(rest, context);
    if (spec instanceof TargetError) return spec;
    const { number } = context.catches.add({ ...spec, ...limits, text: words.join(" ") });
    return [`catch ${number}: ${words.join(" ")}`];
  },
};
