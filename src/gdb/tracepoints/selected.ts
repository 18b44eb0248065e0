/** The frame of the trace buffer that a client looks at (`tfind`): its registers and memory instead of the machine's. */

import type { Session } from "../session.js";
import type { TraceFrame } from "./frames.js";
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

const NOTHING: TraceFrame = {
  tracepoint: 0,
  vcpu: 0,
  pc: 0n,
  general: undefined,
  others: new Map(),
  memory: [],
  variables: new Map(),
};
