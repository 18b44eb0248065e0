/** `F`: the client's answer to a File-I/O request (GDB manual, "The F Reply Packet"). */
import type { Arguments } from "../packet/arguments.js";
import { command, type Reply } from "./command.js";

/** A number in hexadecimal that may be negative. */
function signed(args: Arguments): bigint {
  const negative = args.accept("-");
  const value = args.address();
  return negative ? -value : BigInt.asIntN(64, value);
}

export const fileReply = command({
  name: "F",
  parse(args) {
    const result = signed(args);
    const errno = args.accept(",") ? Number(signed(args)) : 0;
    // "C": Ctrl-C was pressed meanwhile. What may come behind a semicolon is of the call.
    const interrupted = args.accept(",") && args.accept("C");
    args.rest();
    return { result, errno, interrupted };
  },
  handle: (session, reply): Reply => session.answerFile(reply),
});
