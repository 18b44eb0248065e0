/** `QCatchSyscalls`: stop when a program calls its kernel and when the call returns (GDB manual, "General Query Packets"). */

import type { Arguments } from "../packet/arguments.js";
import { MalformedPacket } from "../packet/arguments.js";
import type { SystemCallSet } from "../target.js";
import { command, OK, UNSUPPORTED } from "./command.js";

/** `:0`; `:1` for all of them; `:1;NUMBER;…`. */
function parseSet(args: Arguments): SystemCallSet | undefined {
  args.expect(":");
  const on = args.count();
  if (on > 1) throw new MalformedPacket("QCatchSyscalls takes 0 or 1");
  if (on === 0) return undefined;
  const numbers = new Set<number>();
  while (args.accept(";")) numbers.add(args.count());
  return numbers.size === 0 ? "all" : numbers;
}

export const catchSyscalls = command({
  name: "QCatchSyscalls",
  parse: parseSet,
  handle({ target }, set) {
    if (target.catchSystemCalls === undefined) return UNSUPPORTED;
    target.catchSystemCalls(set);
    return OK;
  },
});
