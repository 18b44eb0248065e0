/**
 * `qOffsets` and `qSymbol`: the guest is where its link addresses are, and we need no symbols (GDB manual, "General
 * Query Packets").
 */

import { command, nothing, OK } from "./command.js";

export const qOffsets = command({
  name: "qOffsets",
  observers: true,
  parse: nothing,
  handle: () => "Text=0;Data=0;Bss=0",
});

/** GDB offers to look symbols up; OK says that none is wanted. */
export const qSymbol = command({ name: "qSymbol", observers: true, parse: (args) => args.rest(), handle: () => OK });
