/** `?`: why the machine stands (GDB manual, "Packets"). */

import { stopReply } from "../stop-reply.js";
import { command, nothing } from "./command.js";

export const haltReason = command({
  name: "?",
  parse: nothing,
  handle: (session) => stopReply(session, session.stop),
});
