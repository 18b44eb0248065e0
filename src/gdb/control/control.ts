/** How a client has vCPUs run and hears that they stand: all-stop, non-stop, or only looking on. */

import type { Reply } from "../commands/command.js";
import { CORE, CoreRegister } from "../description/core.js";
import type { Session } from "../session.js";
import type { Stop } from "../target.js";
import { type DebugTarget, type FileRequest, type ResumeAction, TargetError } from "../target.js";

/** Step until pc is outside [start, end). */
export interface StepRange {
  readonly start: bigint;
  readonly end: bigint;
}

/** What `vCont` asks. */
export interface Resumption {
  readonly plan: ReadonlyMap<number, ResumeAction>;
  /** vCPUs of the plan that step on while inside a range. */
  readonly ranges: ReadonlyMap<number, StepRange>;
  /** vCPUs that are to stand. In all-stop mode those that the plan does not name stand anyway. */
  readonly holds: readonly number[];
}

/** What a mode may do to the session that is in it. */
export interface ControlPort {
  readonly session: Session;
  reply(reply: Reply): void;
  /** `%Stop` and its event. */
  notify(event: string): void;
  /** Packets that have waited are served. */
  ready(): void;
}

/** `F`. */
export interface FileReply {
  readonly result: bigint;
  readonly errno: number;
  /** Ctrl-C was pressed meanwhile. */
  readonly interrupted: boolean;
}

export interface Control {
  /** Whether packets that want the machine standing are served now; else they wait. */
  readonly ready: boolean;
  /** Whether a stop reply is awaited, so that text may be shown on the client's console before it. */
  readonly awaited: boolean;
  /** `?`. */
  halted(): Reply;
  resume(resumption: Resumption): Reply;
  /** Ctrl-C. */
  interrupt(): void;
  /** A stop of the target's. */
  stopped(stop: Stop): void;
  /** Asks the client for a file; false where it cannot be asked now. Left out where it never can. */
  fileRequest?(request: FileRequest): boolean;
  /** The client's answer. */
  answerFile?(reply: FileReply): Reply;
  /** Resolves when the client has understood every event that it was told of. Left out where there are no such events. */
  allTold?(): Promise<void>;
  /** `vStopped`: the event that was last told is understood. Left out where there are no such events. */
  acknowledge?(): Reply;
}

/** Whether a stop is inside a range step, so that the vCPU is to step on. */
export function stepsOn(target: DebugTarget, range: StepRange | undefined, { vcpu, reason }: Stop): boolean {
  if (range === undefined || reason.kind !== "step") return false;
  const bytes = target.readRegister(vcpu, CORE, CoreRegister.pc);
  if (bytes instanceof TargetError) return false;
  const pc = Buffer.from(bytes).readBigUInt64LE();
  return range.start <= pc && pc < range.end;
}

/** Whether the machine has ended: nothing will run. */
export function hasEnded(target: DebugTarget): boolean {
  const kind = target.standing?.reason.kind;
  return kind === "exited" || kind === "killed";
}
