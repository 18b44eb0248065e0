/** Registers of the selected trace frame, as `g` and `p` give them: "xx" for bytes that were not collected. */

import { CoreRegister } from "../description/core.js";
import { hex } from "../packet/hex.js";
import type { Session } from "../session.js";
import type { TraceFrame } from "./frames.js";

export { selectedFrame } from "./selected.js";

/** Undefined where it was not collected. The PC is known anyway. */
export function collectedRegister(session: Session, frame: TraceFrame, number: number): string | undefined {
  const { general } = session.registers;
  if (number >= general.length) {
    const value = frame.others.get(number);
    return value && hex(value);
  }
  if (frame.general !== undefined) {
    let at = 0;
    for (const { size } of general.slice(0, number)) at += size;
    return hex(frame.general.subarray(at, at + (general[number]?.size ?? 0)));
  }
  if (number !== CoreRegister.pc) return undefined;
  const pc = Buffer.alloc(8);
  pc.writeBigUInt64LE(frame.pc);
  return hex(pc);
}

/** All of `g`. */
export function generalOf(session: Session, frame: TraceFrame): string {
  if (frame.general !== undefined) return hex(frame.general);
  return session.registers.general
    .map(({ size }, number) => collectedRegister(session, frame, number) ?? "xx".repeat(size))
    .join("");
}
