/** `?`: why the machine stands (GDB manual, "Packets"). */

import { command, nothing } from "./command.js";

export const haltReason = command({
  name: "?",
  observers: true,
  parse: nothing,
  handle: (session) => session.halted(),
});
