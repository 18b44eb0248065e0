/**
 * What GDB asks about its symbols (GDB manual, "General Query Packets"). `qOffsets` has no row: where the guest has
 * put itself is between GDB's user and the guest, and told of offsets, none included, GDB would undo a `symbol-file
 * -o` at each connection.
 */

import { command, OK } from "./command.js";

/** GDB offers to look symbols up; OK says that none is wanted. */
export const qSymbol = command({ name: "qSymbol", observers: true, parse: (args) => args.rest(), handle: () => OK });
