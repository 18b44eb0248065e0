/**
 * What LLDB asks of the other end, host and process being the same here: `qHostInfo`, `qProcessInfo`,
 * `qGDBServerVersion`, `qWatchpointSupportInfo`, `qEcho` (LLDB, "GDB Remote Protocol Extensions").
 */

import { command, nothing, OK } from "../commands/command.js";
import { hex } from "../packet/hex.js";
import { PROCESS } from "../packet/thread-id.js";

const TRIPLE = hex(Buffer.from("aarch64-unknown-none"));

/** Virtual address bits: what LLDB takes a pointer authentication code off by (DDI 0487, D8.8). */
const ADDRESSING_BITS = 48;

/** As many as it likes: points have no limit here. */
const WATCHPOINTS = 64;

const common = `triple:${TRIPLE};endian:little;ptrsize:8;`;

export const qHostInfo = command({
  name: "qHostInfo",
  always: true,
  observers: true,
  parse: nothing,
  handle: () =>
    `${common}addressing_bits:${ADDRESSING_BITS};vendor:unknown;ostype:unknown;` +
    `watchpoint_exceptions_received:before;hostname:${hex(Buffer.from("trapframe"))};`,
});

export const qProcessInfo = command({
  name: "qProcessInfo",
  always: true,
  observers: true,
  parse: nothing,
  handle: () => `pid:${PROCESS};parent-pid:0;real-uid:0;real-gid:0;effective-uid:0;effective-gid:0;${common}`,
});

export const qGDBServerVersion = command({
  name: "qGDBServerVersion",
  always: true,
  observers: true,
  parse: nothing,
  handle: () => "name:trapframe;version:0.1;",
});

export const qWatchpointSupportInfo = command({
  name: "qWatchpointSupportInfo",
  observers: true,
  parse: (args) => void args.accept(":"),
  handle: () => `num:${WATCHPOINTS};`,
});

/** Given back as it came: LLDB finds its place again after a packet that took too long. */
export const qEcho = command({
  name: "qEcho",
  always: true,
  observers: true,
  parse: (args) => args.rest(),
  handle: (_session, text) => `qEcho${text}`,
});

/** Errors are followed by their words, in hexadecimal. */
export const enableErrorStrings = command({
  name: "QEnableErrorStrings",
  always: true,
  observers: true,
  parse: nothing,
  handle(session) {
    session.lldb.errorStrings = true;
    return OK;
  },
});

/** `g`, `G`, `p`, `P` name their thread: `;thread:TID;` at their end. */
export const threadSuffix = command({
  name: "QThreadSuffixSupported",
  always: true,
  observers: true,
  parse: nothing,
  handle(session) {
    session.lldb.threadSuffix = true;
    return OK;
  },
});

/** Stop replies list all threads and where they are. */
export const listThreadsInStopReply = command({
  name: "QListThreadsInStopReply",
  always: true,
  observers: true,
  parse: nothing,
  handle(session) {
    session.lldb.threadsInStops = true;
    return OK;
  },
});
