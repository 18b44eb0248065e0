/**
 * Thread ids on the wire: `TID`, or with the multiprocess extension `pPID.TID`; -1 is "all", 0 is "any" (GDB manual,
 * appendix "Remote Protocol", section "Packets", "thread-id"). The machine is process 1, thread n + 1 is vCPU n.
 */

import { type Arguments, MalformedPacket } from "./arguments.js";

/** The machine's process id. */
export const PROCESS = 1;

/** What a thread id names. */
export type ThreadId =
  | { readonly kind: "all" }
  | { readonly kind: "any" }
  /** May be a vCPU that there is not. */
  | { readonly kind: "vcpu"; readonly vcpu: number }
  /** A thread of a process that there is not. */
  | { readonly kind: "none" };

/** Takes a thread id. `p1` alone names all threads of the process. */
export function parseThreadId(args: Arguments): ThreadId {
  if (!args.accept("p")) return thread(number(args));
  const process = number(args);
  const within = args.accept(".") ? thread(number(args)) : ({ kind: "all" } as const);
  if (process > 0 && process !== PROCESS) return { kind: "none" };
  if (process === -1 && within.kind !== "all") throw new MalformedPacket("a thread of all processes was named");
  return within;
}

/** The id of a vCPU as the client writes it. */
export function formatThreadId(vcpu: number, multiprocess: boolean): string {
  const tid = (vcpu + 1).toString(16);
  return multiprocess ? `p${PROCESS}.${tid}` : tid;
}

function number(args: Arguments): number {
  return args.accept("-1") ? -1 : args.count();
}

function thread(tid: number): ThreadId {
  if (tid === -1) return { kind: "all" };
  return tid === 0 ? { kind: "any" } : { kind: "vcpu", vcpu: tid - 1 };
}
