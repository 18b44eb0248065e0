/** `jThreadsInfo` and `qThreadStopInfoTID`: all threads at once, and why one stands, for LLDB. */

import { command, invalid, nothing, type Reply } from "../commands/command.js";
import { CORE, CoreRegister } from "../description/core.js";
import { hex } from "../packet/hex.js";
import { parseThreadId } from "../packet/thread-id.js";
import type { Session } from "../session.js";
import { signalOf, stopReply } from "../stop-reply.js";
import { TargetError, type Vcpu } from "../target.js";

/** Registers that unwinding begins with. */
const SENT = [CoreRegister.x29, CoreRegister.x30, CoreRegister.sp, CoreRegister.pc];

export const jThreadsInfo = command({
  name: "jThreadsInfo",
  observers: true,
  parse: nothing,
  handle: (session) => JSON.stringify(session.target.vcpus().map((vcpu) => describe(session, vcpu))),
});

function describe({ target }: Session, { id, name, state }: Vcpu): object {
  const stop = target.stopOf(id);
  const registers = SENT.flatMap((index) => {
    const value = target.readRegister(id, CORE, index);
    return value instanceof TargetError ? [] : [[String(index), hex(value)]];
  });
  return {
    tid: id + 1,
    name: `${name} ${state}`,
    ...(stop === undefined ? {} : { signal: signalOf(stop.reason), reason: reasonOf(stop.reason.kind) }),
    registers: Object.fromEntries(registers),
  };
}

/** In LLDB's words. */
function reasonOf(kind: string): string {
  if (kind === "breakpoint" || kind === "watchpoint") return kind;
  return kind === "step" ? "trace" : kind === "held" ? "none" : "signal";
}

export const qThreadStopInfo = command({
  name: "qThreadStopInfo",
  observers: true,
  parse: parseThreadId,
  handle(session, id): Reply {
    const vcpu = id.kind === "vcpu" ? session.target.vcpus()[id.vcpu] : undefined;
    if (vcpu === undefined) return invalid("no such thread");
    return stopReply(session, session.target.stopOf(vcpu.id) ?? { vcpu: vcpu.id, reason: { kind: "held" } });
  },
});
