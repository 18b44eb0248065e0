/** What GDB asks about its symbols: `qOffsets` and `qSymbol` (GDB manual, "General Query Packets"). */

import { command, nothing, OK, UNSUPPORTED } from "./command.js";

/**
 * Where the guest has put itself is between GDB's user and the guest: told of offsets, none included, GDB would undo a
 * `symbol-file -o` at each connection.
 */
export const qOffsets = command({ name: "qOffsets", observers: true, parse: nothing, handle: () => UNSUPPORTED });

/** GDB offers to look symbols up; OK says that none is wanted. */
export const qSymbol = command({ name: "qSymbol", observers: true, parse: (args) => args.rest(), handle: () => OK });
