/** `qRcmd`: the `monitor` command, its text and its output in hexadecimal (GDB manual, "General Query Packets"). */

import { TargetError } from "../target.js";
import { command, OK, type Reply } from "./command.js";

export const qRcmd = command({
  name: "qRcmd",
  parse(args) {
    args.expect(",");
    return Buffer.from(args.hexBytes()).toString("utf8");
  },
  handle(session, text): Reply {
    const output = session.target.monitor(text.trim(), session.general);
    if (output instanceof TargetError) {
      // GDB before 16 shows only a number for an error: the words go to its console.
      if (!session.takesErrorText) session.print(`${output.text}\n`);
      return output;
    }
    session.print(output);
    return OK;
  },
});
