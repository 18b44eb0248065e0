/**
 * Threads, one per vCPU: `H`, `T`, `qC`, `qfThreadInfo`, `qsThreadInfo`, `qThreadExtraInfo` (GDB manual, "Packets" and
 * "General Query Packets").
 */

import { hex } from "../packet/hex.js";
import { parseThreadId, type ThreadId } from "../packet/thread-id.js";
import type { Session } from "../session.js";
import { Errno, TargetError, type Vcpu } from "../target.js";
import { command, nothing, OK, type Reply } from "./command.js";

/** `Hg` chooses the vCPU that registers and memory are of, `Hc` the one that `c` and `s` move. */
export const selectThread = command({
  name: "H",
  observers: true,
  parse(args) {
    const operation = args.accept("g") ? "g" : "c";
    if (operation === "c") args.expect("c");
    return { operation, id: parseThreadId(args) };
  },
  handle(session, { operation, id }): Reply {
    if (id.kind === "all" && operation === "g") return noSuchThread;
    if (id.kind === "all" || id.kind === "any") {
      if (operation === "c") session.moved = undefined;
      return OK;
    }
    const vcpu = find(session, id);
    if (vcpu === undefined) return noSuchThread;
    if (operation === "g") session.general = vcpu.id;
    else session.moved = vcpu.id;
    return OK;
  },
});

export const threadAlive = command({
  name: "T",
  observers: true,
  parse: parseThreadId,
  handle: (session, id): Reply => (find(session, id) === undefined ? noSuchThread : OK),
});

export const currentThread = command({
  name: "qC",
  observers: true,
  parse: nothing,
  handle: (session) => `QC${session.threadId(session.general)}`,
});

export const firstThreads = command({
  name: "qfThreadInfo",
  observers: true,
  parse: nothing,
  handle: (session) =>
    `m${session.target
      .vcpus()
      .map(({ id }) => session.threadId(id))
      .join(",")}`,
});

/** All were in the first answer. */
export const furtherThreads = command({ name: "qsThreadInfo", observers: true, parse: nothing, handle: () => "l" });

export const threadExtraInfo = command({
  name: "qThreadExtraInfo",
  observers: true,
  parse(args) {
    args.expect(",");
    return parseThreadId(args);
  },
  handle(session, id): Reply {
    const vcpu = find(session, id);
    return vcpu === undefined ? noSuchThread : hex(Buffer.from(`${vcpu.name} ${vcpu.state}`));
  },
});

const noSuchThread = new TargetError(Errno.ESRCH, "no such thread: thread n is vCPU n - 1 of process 1");

function find(session: Session, id: ThreadId): Vcpu | undefined {
  return id.kind === "vcpu" ? session.target.vcpus()[id.vcpu] : undefined;
}
