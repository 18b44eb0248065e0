/** What `monitor catch` can be told to stop at: a row per kind, from its words to a test of the facts. */
import { TargetError } from "../../../gdb/target.js";
import { EC } from "../../../hosted/el2/syndrome.js";
import { isPsci, PSCI, psciRow } from "../../../hosted/el3/psci-functions.js";
import type { Machine } from "../../machine.js";
import { parseNumber, refuse } from "../monitor/command.js";
import type { SystemRegisters } from "../system-registers.js";
import type { ExceptionFacts } from "./facts.js";
import { CLASSES } from "./syndrome.js";

/** vCPUs switched on and off, and the machine's reset. */
export type PowerChange = "on" | "off" | "reset";

/** What a catch stops at. */
export interface CatchSpec {
  /** Exceptions: none without it. */
  readonly exception?: (facts: ExceptionFacts) => boolean;
  /**
   * Not at a hosted level, unless that is asked for: there every physical interrupt comes by before it is the guest's,
   * and every access to a device; and its vector has no code.
   */
  readonly guestOnly?: true;
  /** A register's accesses, before they happen: 15-bit encoding. */
  readonly sysreg?: { readonly encoding: number; readonly direction: "read" | "write" | "any" };
  readonly power?: readonly PowerChange[];
}

export interface CatchContext {
  readonly machine: Machine;
  readonly system: SystemRegisters;
}

export interface CatchKind {
  readonly name: string;
  readonly usage?: string;
  readonly help: string;
  /** At most so many words of its own. */
  readonly words: number;
  parse(words: readonly string[], context: CatchContext): CatchSpec | TargetError;
}

const inClass =
  (ec: readonly number[]) =>
  (facts: ExceptionFacts): boolean =>
    facts.ec !== undefined && ec.includes(facts.ec);

/** What a number may be, in words and as a test. */
interface NumberRange {
  readonly text: string;
  has(value: bigint): boolean;
}

const upTo = (last: bigint, name: string): NumberRange => ({
  text: `${name} are 0 to 0x${last.toString(16)}`,
  has: (value) => value <= last,
});

const IMMEDIATES = upTo(0xffffn, "immediates");
const FUNCTIONS = upTo(0xffff_ffffn, "functions");
const EXCEPTION_CLASSES = upTo(0x3fn, "exception classes");

/**
 * SGIs, PPIs, SPIs, and LPIs, which are as many as ICC_CTLR_EL1.IDbits says; between them are no interrupts (IHI 0069,
 * 2.2).
 */
const INTIDS: NumberRange = {
  text: "INTIDs are 0 to 1019 and, of LPIs, from 8192 on",
  has: (value) => value < 1020n || (value >= 8192n && value >> 24n === 0n),
};

/** DDI 0487, D1.3.1.4: four kinds from each of four places, 0x80 bytes each. */
const VECTOR_OFFSETS: NumberRange = {
  text: "vectors are at multiples of 0x80 below 0x800",
  has: (value) => value < 0x800n && value % 0x80n === 0n,
};

/** Runs `use` on a number that can be; else it is refused: what never comes is a slip of the pen. */
function withNumber(text: string, range: NumberRange, use: (value: number) => CatchSpec): CatchSpec | TargetError {
  const value = parseNumber(text);
  if (value instanceof TargetError) return value;
  return range.has(value) ? use(Number(value)) : refuse(`${text}: ${range.text}`);
}

/** Exceptions of a class, or more exactly, with that immediate in their syndrome. */
const immediateOf =
  (test: (facts: ExceptionFacts) => boolean) =>
  (value: number): CatchSpec => ({ exception: (f) => test(f) && ((f.iss ?? 0) & 0xffff) === value });

/** A PSCI function's name as a person writes it: "cpu_on", "PSCI_CPU_ON"; undefined for anything else. */
function psciName(text: string): string | undefined {
  const name = text.toUpperCase().replace(/^PSCI_/, "");
  return name in PSCI ? name : undefined;
}

const isFunction = ({ functionId = 0 }: ExceptionFacts, name: string): boolean =>
  psciRow(functionId)?.row.name === name;

/** SVC, HVC, BRK…: with a number that is the immediate. */
const immediateKind = (name: string, ec: readonly number[], title: string): CatchKind => ({
  name,
  usage: "[IMMEDIATE]",
  help: title,
  words: 1,
  parse([text]) {
    const test = inClass(ec);
    if (text === undefined) return { exception: test };
    const hasImmediate = immediateOf(test);
    return withNumber(text, IMMEDIATES, hasImmediate);
  },
});

/** HVC and SMC: with a number that is W0, or with #IMMEDIATE. */
const callKind = (name: string, ec: number, title: string): CatchKind => ({
  name,
  usage: "[FUNCTION|#IMMEDIATE]",
  help: `${title}; FUNCTION is W0 (SMCCC), or the name of one of PSCI`,
  words: 1,
  parse([text]) {
    const test = inClass([ec]);
    if (text === undefined) return { exception: test };
    const hasImmediate = immediateOf(test);
    if (text.startsWith("#")) {
      return withNumber(text.slice(1), IMMEDIATES, hasImmediate);
    }
    const name = psciName(text);
    if (name !== undefined) return { exception: (f) => test(f) && isFunction(f, name) };
    return withNumber(text, FUNCTIONS, (value) => ({ exception: (f) => test(f) && f.functionId === value }));
  },
});

const WITH_IMMEDIATE = ["svc", "brk"];
const CALLS = ["hvc", "smc"];
/** At hosted EL2 these are accesses to devices, and what comes of others is taken by the guest again. */
const ABORTS = ["dabort", "iabort"];
const ABORT_CLASSES = CLASSES.flatMap(({ name, ec }) => (ABORTS.includes(name) ? ec : []));
const OWN_KINDS = [...CALLS, ...WITH_IMMEDIATE, "sysreg", "serror"];

const classKinds: readonly CatchKind[] = CLASSES.flatMap(({ name, ec, title }): CatchKind[] => {
  if (WITH_IMMEDIATE.includes(name)) return [immediateKind(name, ec, title)];
  if (CALLS.includes(name)) return [callKind(name, ec[0] as number, title)];
  if (OWN_KINDS.includes(name)) return [];
  const exception = inClass(ec);
  if (ABORTS.includes(name)) {
    const help = `${title}; of stage 2 at a hosted EL2 only with "to el2"`;
    return [{ name, help, words: 0, parse: () => ({ exception, guestOnly: true }) }];
  }
  return [{ name, help: title, words: 0, parse: () => ({ exception }) }];
});

const interruptKind = (name: string, help: string, kinds: readonly string[]): CatchKind => ({
  name,
  usage: "[INTID]",
  help,
  words: 1,
  parse([text]) {
    const test = (f: ExceptionFacts): boolean => kinds.includes(f.kind);
    if (text === undefined) return { exception: test, guestOnly: true };
    return withNumber(text, INTIDS, (intid) => ({ exception: (f) => test(f) && f.intid === intid, guestOnly: true }));
  },
});

const VECTORS = ["sync", "irq", "fiq", "serror"];

export const CATCH_KINDS: readonly CatchKind[] = [
  {
    name: "exception",
    usage: "[EC]",
    help: 'any exception, or those of a class by its number in ESR_ELx.EC; at a hosted level all, and aborts, with "to el2"',
    words: 1,
    parse([text]) {
      if (text === undefined) return { exception: () => true, guestOnly: true };
      return withNumber(text, EXCEPTION_CLASSES, (ec) => {
        const exception = inClass([ec]);
        return ABORT_CLASSES.includes(ec) ? { exception, guestOnly: true } : { exception };
      });
    },
  },
  ...classKinds,
  interruptKind("irq", "an IRQ that is taken; INTID is what the vCPU would acknowledge", ["irq"]),
  interruptKind("fiq", "an FIQ that is taken", ["fiq"]),
  interruptKind("intid", "an IRQ or FIQ", ["irq", "fiq"]),
  {
    name: "serror",
    help: 'an SError; at a hosted level with "to el2"',
    words: 0,
    parse: () => ({ exception: (f) => f.kind === "serror", guestOnly: true }),
  },
  {
    name: "vector",
    usage: `OFFSET|${VECTORS.join("|")}`,
    help: 'an entry through a vector, by its offset from VBAR_ELx or its kind; at a hosted level with "to el2"',
    words: 1,
    parse([text]) {
      if (text === undefined) return refuse(`catch vector: which? An offset (0x280) or ${VECTORS.join(", ")}`);
      const kind = VECTORS.indexOf(text);
      if (kind >= 0) return { exception: (f) => ((f.vector >> 7) & 3) === kind, guestOnly: true };
      return withNumber(text, VECTOR_OFFSETS, (offset) => ({ exception: (f) => f.vector === offset, guestOnly: true }));
    },
  },
  {
    name: "psci",
    usage: "[FUNCTION]",
    help: "an HVC or SMC that calls PSCI, by name (CPU_ON) or number",
    words: 1,
    parse([text]) {
      const any = (f: ExceptionFacts): boolean => f.functionId !== undefined && isPsci(f.functionId);
      if (text === undefined) return { exception: any };
      const name = psciName(text);
      if (name !== undefined) return { exception: (f) => any(f) && isFunction(f, name) };
      if (!/^\d/.test(text)) return refuse(`no PSCI function "${text}"; there are ${Object.keys(PSCI).join(", ")}`);
      return withNumber(text, FUNCTIONS, (id) => ({ exception: (f) => any(f) && f.functionId === id }));
    },
  },
  {
    name: "sysreg",
    usage: "[NAME [read|write]]",
    help: "MRS or MSR of a register, before it happens, trapped or not; without NAME any that is trapped",
    words: 2,
    parse([name, direction], { system }) {
      if (name === undefined) return { exception: inClass([EC.SysReg]) };
      const row = system.find(name);
      if (row instanceof TargetError) return row;
      if (direction !== undefined && direction !== "read" && direction !== "write") {
        return refuse(`catch sysreg ${name} ${direction}: read or write`);
      }
      return { sysreg: { encoding: row.encoding, direction: direction ?? "any" } };
    },
  },
  {
    name: "stage2",
    usage: "[IPA[-IPA]]",
    help: "a stage 2 fault, at those intermediate addresses; without them, where hosted EL2 has no device",
    words: 1,
    parse([text], { machine }) {
      if (text === undefined) {
        const { bus } = machine.platform;
        return { exception: (f) => f.ipa !== undefined && !(f.hosted && bus.find(Number(f.ipa)) !== undefined) };
      }
      const [first = "", last = first, more] = text.split("-");
      const start = parseNumber(first);
      const end = parseNumber(last);
      if (start instanceof TargetError) return start;
      if (end instanceof TargetError) return end;
      if (more !== undefined || end < start) return refuse(`"${text}" is no range of addresses: 0x9000000-0x9000fff`);
      return { exception: (f) => f.ipa !== undefined && f.ipa >= start && f.ipa <= end };
    },
  },
  {
    name: "power",
    usage: "[on|off]",
    help: "a vCPU that is switched on or off by PSCI",
    words: 1,
    parse([text]) {
      if (text === undefined) return { power: ["on", "off"] };
      return text === "on" || text === "off" ? { power: [text] } : refuse(`catch power ${text}: on or off`);
    },
  },
  {
    name: "reset",
    help: "the machine at its first instruction after the guest's reset",
    words: 0,
    parse: () => ({ power: ["reset"] }),
  },
];
