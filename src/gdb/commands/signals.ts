/**
 * `QPassSignals`, `QThreadEvents`: lists that GDB keeps of a process (GDB manual, "General Query
 * Packets"). A machine gets no signals, and its vCPUs neither come nor go, so that any list is kept to.
 */

import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { command, OK } from "./command.js";

/** Signal numbers in hexadecimal, `;` between them. */
function parseSignals(args: Arguments): void {
  args.expect(":");
  while (!args.atEnd) {
    if (args.count() > 0xff) throw new MalformedPacket("a signal is a byte");
    if (!args.atEnd) args.expect(";");
  }
}

export const passSignals = command({
  name: "QPassSignals",
  always: true,
  observers: true,
  parse: parseSignals,
  handle: () => OK,
});

export const threadEvents = command({
  name: "QThreadEvents",
  always: true,
  observers: true,
  parse(args) {
    args.expect(":");
    if (args.count() > 1) throw new MalformedPacket("QThreadEvents takes 0 or 1");
  },
  handle: () => OK,
});
