/** `qRcmd`: the `monitor` command, its text and its output in hexadecimal (GDB manual, "General Query Packets"). */

import type { Session } from "../session.js";
import { TargetError } from "../target.js";
import { command, invalid, OK, type Reply } from "./command.js";

export const qRcmd = command({
  name: "qRcmd",
  observers: true,
  parse(args) {
    args.expect(",");
    return Buffer.from(args.hexBytes()).toString("utf8");
  },
  handle(session, text): Reply {
    const output = isControl(text)
      ? takeControl(session)
      : session.target.monitor(text.trim(), session.general, session.observes);
    // GDB before 16 would hide the words of an error behind "Protocol error with Rcmd".
    if (output instanceof TargetError && session.takesErrorText) return output;
    session.print(output instanceof TargetError ? `${output.text}\n` : output);
    return OK;
  },
});

/** The one monitor command that is about the client and not the machine. */
function isControl(text: string): boolean {
  return text.trim() === "control";
}

function takeControl(session: Session): string | TargetError {
  if (!session.observes) return "this client controls the machine\n";
  if (!session.takeControl()) return invalid("another client controls the machine; when it is gone, say this again");
  return "this client controls the machine now, and has stopped it: maintenance flush register-cache\n";
}
