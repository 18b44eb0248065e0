/**
 * Packets that change or probe the conversation itself: `QStartNoAckMode`, `!`, `vMustReplyEmpty`, `QNonStop` (GDB
 * manual, "Packet Acknowledgment", "Packets" and "Remote Non-Stop").
 */

import { MalformedPacket } from "../packet/arguments.js";
import { command, nothing, OK, UNSUPPORTED } from "./command.js";

export const startNoAckMode = command({
  name: "QStartNoAckMode",
  observers: true,
  always: true,
  parse: nothing,
  handle(session) {
    session.stopAcknowledging();
    return OK;
  },
});

/** Extended mode: the connection outlives a detach, a kill and the guest's switching off; `vRun` and `R` start again. */
export const extendedMode = command({
  name: "!",
  observers: true,
  always: true,
  parse: nothing,
  handle(session) {
    session.extend();
    return OK;
  },
});

/** GDB asks this behind `qSupported`, to see that unknown `v` packets get the empty reply. */
export const vMustReplyEmpty = command({
  name: "vMustReplyEmpty",
  observers: true,
  always: true,
  parse: nothing,
  handle(session) {
    session.hasProbed = true;
    return UNSUPPORTED;
  },
});

export const setNonStop = command({
  name: "QNonStop",
  observers: true,
  parse(args) {
    args.expect(":");
    const on = args.count();
    if (on > 1) throw new MalformedPacket("QNonStop takes 0 or 1");
    return on === 1;
  },
  handle(session, on) {
    session.setNonStop(on);
    return OK;
  },
});

/** The last stop that was told of is understood: the next one, or OK. */
export const vStopped = command({
  name: "vStopped",
  observers: true,
  parse: nothing,
  handle: (session) => session.acknowledge(),
});

/** What Ctrl-C is in all-stop mode. */
export const vCtrlC = command({
  name: "vCtrlC",
  always: true,
  observers: true,
  parse: nothing,
  handle(session) {
    session.interrupt();
    return OK;
  },
});
