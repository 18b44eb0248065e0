/** The frame of the trace buffer that a client looks at (`tfind`): its registers and memory instead of the machine's. */

import type { Session } from "../session.js";
import { Errno, TargetError } from "../target.js";
import { readCollected, type TraceFrame } from "./frames.js";
import { tracingOf } from "./tracing.js";

/** By session: index of the selected frame. */
const selected = new WeakMap<Session, number>();

export function selectFrame(session: Session, index: number | undefined): void {
  if (index === undefined) selected.delete(session);
  else selected.set(session, index);
}

/** −1 for none. */
export function selectedIndex(session: Session): number {
  return selected.get(session) ?? -1;
}

/** Undefined while the client looks at the machine. A frame that is gone since is as if nothing was collected. */
export function selectedFrame(session: Session): TraceFrame | undefined {
  const index = selected.get(session);
  return index === undefined ? undefined : (tracingOf(session.target)?.buffer.frames[index] ?? NOTHING);
}

/** Memory in the selected frame: as it was collected or, where it does not change, as it is. */
export function readInFrame(
  session: Session,
  frame: TraceFrame,
  address: bigint,
  length: number,
): Uint8Array | TargetError {
  const collected = readCollected(frame, address, length);
  if (collected !== undefined) return collected;
  const { target, general } = session;
  const region = tracingOf(target)?.readOnly.find(({ start, end }) => start <= address && address < end);
  if (region === undefined) {
    return new TargetError(Errno.EFAULT, `0x${address.toString(16)} was not collected in this trace frame`);
  }
  const left = region.end - address;
  return target.readMemory(general, address, left < length ? Number(left) : length);
}

const NOTHING: TraceFrame = {
  tracepoint: 0,
  vcpu: 0,
  pc: 0n,
  general: undefined,
  others: new Map(),
  memory: [],
  variables: new Map(),
};
