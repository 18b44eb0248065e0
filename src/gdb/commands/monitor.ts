/** `qRcmd`: the `monitor` command, its text and its output in hexadecimal (GDB manual, "General Query Packets"). */

import { TargetError } from "../target.js";
import { command, OK, type Reply } from "./command.js";

export const qRcmd = command({
  name: "qRcmd",
  unattached: true,
  observers: true,
  parse(args) {
    args.expect(",");
    return Buffer.from(args.hexBytes()).toString("utf8");
  },
  handle(session, text): Reply {
    const output = session.target.monitor(text.trim(), session.general, session);
    // GDB before 16 would hide the words of an error behind "Protocol error with Rcmd".
    if (output instanceof TargetError && session.takesErrorText) return output;
    session.print(output instanceof TargetError ? `${output.text}\n` : output);
    return OK;
  },
});
