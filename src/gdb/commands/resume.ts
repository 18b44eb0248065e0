/**
 * Resumption: `vCont` and the older `c`, `C`, `s`, `S` (GDB manual, "Packets"). In all-stop mode a vCPU that no action
 * names is held: that is how GDB locks the scheduler, and steps one thread over a breakpoint. In non-stop mode it goes on
 * as it is.
 */

import type { StepRange } from "../control/control.js";
import { CORE, CoreRegister } from "../description/core.js";
import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { parseThreadId, type ThreadId } from "../packet/thread-id.js";
import type { Session } from "../session.js";
import { observerRefusal, type ResumeAction } from "../target.js";
import { command, type Reply } from "./command.js";

/** What one action of `vCont` asks; `stop` is for non-stop mode and leaves a vCPU standing in all-stop mode. */
type Action = ResumeAction | { readonly kind: "range"; readonly range: StepRange } | { readonly kind: "stop" };

/** The actions of `vCont`, by letter. */
const actions: Readonly<Record<string, (args: Arguments) => Action>> = {
  c: () => ({ kind: "continue" }),
  C: (args) => ({ kind: "continue", signal: parseSignal(args) }),
  s: () => ({ kind: "step" }),
  S: (args) => ({ kind: "step", signal: parseSignal(args) }),
  r: (args) => ({ kind: "range", range: parseStepRange(args) }),
  t: () => ({ kind: "stop" }),
};

function parseSignal(args: Arguments): number {
  const signal = args.count();
  if (signal > 0xff) throw new MalformedPacket("a signal is a byte");
  return signal;
}

function parseStepRange(args: Arguments): StepRange {
  const start = args.address();
  args.expect(",");
  return { start, end: args.address() };
}

interface Assignment {
  readonly action: Action;
  readonly threads: ThreadId;
}

function parseAssignment(args: Arguments): Assignment {
  const letter = Object.keys(actions).find((candidate) => args.accept(candidate));
  const parse = letter === undefined ? undefined : actions[letter];
  if (parse === undefined) throw new MalformedPacket("vCont knows the actions c, C, s, S, r and t");
  const action = parse(args);
  return { action, threads: args.accept(":") ? parseThreadId(args) : { kind: "all" } };
}

export const vCont = command({
  name: "vCont",
  observers: true,
  words: true,
  parse(args) {
    if (args.accept("?")) return "query" as const;
    const assignments: Assignment[] = [];
    while (args.accept(";")) assignments.push(parseAssignment(args));
    return assignments;
  },
  handle(session, value): Reply {
    if (value === "query") return `vCont;${Object.keys(actions).join(";")}`;
    return resume(session, value);
  },
});

/** The leftmost action that names a vCPU is the vCPU's. */
function resume(session: Session, assignments: readonly Assignment[]): Reply {
  const plan = new Map<number, ResumeAction>();
  const ranges = new Map<number, StepRange>();
  const holds: number[] = [];
  for (const { id } of session.target.vcpus()) {
    const action = assignments.find(({ threads }) => names(session, threads, id))?.action;
    if (action?.kind === "stop") holds.push(id);
    if (action === undefined || action.kind === "stop") continue;
    if (action.kind === "range") ranges.set(id, action.range);
    plan.set(id, action.kind === "range" ? { kind: "step", range: action.range } : action);
  }
  return session.resume({ plan, ranges, holds });
}

function names(session: Session, threads: ThreadId, vcpu: number): boolean {
  if (threads.kind === "vcpu") return threads.vcpu === vcpu;
  return threads.kind === "all" || (threads.kind === "any" && vcpu === session.general);
}

/** The letters from before `vCont`. An address moves pc first. */
interface Move {
  readonly action: ResumeAction;
  readonly address: bigint | undefined;
}

function parseMove(kind: ResumeAction["kind"]): (args: Arguments) => Move {
  return (args) => ({ action: { kind }, address: args.atEnd ? undefined : args.address() });
}

function parseSignalledMove(kind: ResumeAction["kind"]): (args: Arguments) => Move {
  return (args) => {
    const signal = parseSignal(args);
    return { action: { kind, signal }, address: args.accept(";") ? args.address() : undefined };
  };
}

/** The vCPU of `Hc` moves alone; without one, the selected vCPU does as told and the others continue. */
function move(session: Session, { action, address }: Move): Reply {
  const vcpu = session.moved ?? session.general;
  if (address !== undefined) {
    if (session.observes) return observerRefusal("pc is not moved");
    const pc = new Uint8Array(8);
    new DataView(pc.buffer).setBigUint64(0, address, true);
    const refusal = session.target.writeRegister(vcpu, CORE, CoreRegister.pc, pc);
    if (refusal !== undefined) return refusal;
  }
  const assignments: Assignment[] = [{ action, threads: { kind: "vcpu", vcpu } }];
  if (session.moved === undefined) assignments.push({ action: { kind: "continue" }, threads: { kind: "all" } });
  return resume(session, assignments);
}

/** All of these show an error's words. What an observer gets for them is control/observation.ts's to say. */
export const moves = [
  command({ name: "c", observers: true, words: true, parse: parseMove("continue"), handle: move }),
  command({ name: "C", observers: true, words: true, parse: parseSignalledMove("continue"), handle: move }),
  command({ name: "s", observers: true, words: true, parse: parseMove("step"), handle: move }),
  command({ name: "S", observers: true, words: true, parse: parseSignalledMove("step"), handle: move }),
];
