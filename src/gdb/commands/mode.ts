/**
 * Packets that change or probe the conversation itself: `QStartNoAckMode`, `!`, `vMustReplyEmpty` (GDB manual, "Packet
 * Acknowledgment" and "Packets").
 */

import { command, nothing, OK, UNSUPPORTED } from "./command.js";

export const startNoAckMode = command({
  name: "QStartNoAckMode",
  always: true,
  parse: nothing,
  handle(session) {
    session.stopAcknowledging();
    return OK;
  },
});

/** Extended mode: the connection outlives a detach, and `R` is allowed. */
export const extendedMode = command({
  name: "!",
  always: true,
  parse: nothing,
  handle(session) {
    session.extended = true;
    return OK;
  },
});

/** GDB asks this to see that unknown `v` packets get the empty reply. */
export const vMustReplyEmpty = command({
  name: "vMustReplyEmpty",
  always: true,
  parse: nothing,
  handle: () => UNSUPPORTED,
});
