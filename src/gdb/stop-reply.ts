/** Stop replies (GDB manual, appendix "Remote Protocol", section "Stop Reply Packets"). */

import { CORE, CoreRegister } from "./description/core.js";
import { hex, hexByte } from "./packet/hex.js";
import { PROCESS } from "./packet/thread-id.js";
import type { Session } from "./session.js";
import { type Stop, type StopReason, TargetError, type WatchKind } from "./target.js";

const NO_SIGNAL = 0;
export const SIGINT = 2;
export const SIGTRAP = 5;
const SIGKILL = 9;

/**
 * Registers GDB looks at after every stop, sent along to save it the round trip. In `coreFeature` GDB's numbers are our
 * indices. Not before GDB has read all with `g`: from that reply it learns which registers `g` carries, and so how long
 * the blocks of registers in a trace file are (remote.c, `trace_regblock_size`).
 */
const expedited = [CoreRegister.x29, CoreRegister.sp, CoreRegister.pc];

const watchWords: Readonly<Record<WatchKind, string>> = { write: "watch", read: "rwatch", access: "awatch" };

/** All threads, and where they are. */
function threads({ target }: Session): string[] {
  const ids = target.vcpus().map(({ id }) => id);
  const places = ids.map((id) => {
    const pc = target.readRegister(id, CORE, CoreRegister.pc);
    return pc instanceof TargetError ? "0" : hex(pc.slice().reverse());
  });
  return [`threads:${ids.map((id) => (id + 1).toString(16)).join(",")}`, `thread-pcs:${places.join(",")}`];
}

/** The stop reply for `stop`, in the client's notation; without a `signal` that of its reason. */
export function stopReply(session: Session, stop: Stop, signal = signalOf(stop.reason)): string {
  const { reason } = stop;
  if (reason.kind === "exited") return ending(session, "W", reason.code);
  if (reason.kind === "killed") return ending(session, "X", SIGKILL);
  const pairs = [`thread:${session.threadId(stop.vcpu)}`, `core:${stop.vcpu.toString(16)}`];
  for (const index of session.isGdb && !session.hasReadAll ? [] : expedited) {
    const value = session.target.readRegister(stop.vcpu, CORE, index);
    if (!(value instanceof TargetError)) pairs.push(`${hexByte(index)}:${hex(value)}`);
  }
  pairs.push(...cause(session, reason));
  if (session.lldb.threadsInStops) pairs.push(...threads(session));
  return `T${hexByte(signal)}${pairs.map((pair) => `${pair};`).join("")}`;
}

export function signalOf({ kind }: StopReason): number {
  if (kind === "held") return NO_SIGNAL;
  return kind === "interrupt" ? SIGINT : SIGTRAP;
}

function cause(session: Session, reason: StopReason): string[] {
  if (reason.kind === "watchpoint") return [`${watchWords[reason.via]}:${reason.address.toString(16)}`];
  if (reason.kind === "syscall") return [`syscall_${reason.phase}:${reason.number.toString(16)}`];
  if (reason.kind !== "breakpoint") return [];
  const word = reason.via === "software" ? "swbreak" : "hwbreak";
  return session.clientFeatures.has(`${word}+`) ? [`${word}:`] : [];
}

function ending(session: Session, letter: "W" | "X", code: number): string {
  const process = session.multiprocess ? `;process:${PROCESS.toString(16)}` : "";
  return `${letter}${hexByte(code & 0xff)}${process}`;
}
