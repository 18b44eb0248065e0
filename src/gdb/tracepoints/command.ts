/** A row of the packet table for a packet about tracing: unknown where the target cannot trace. */

import { type Command, command, type Reply, UNSUPPORTED } from "../commands/command.js";
import type { Arguments } from "../packet/arguments.js";
import type { Session } from "../session.js";
import { type Tracing, tracingOf } from "./tracing.js";

/** A packet that changes what is traced. */
export function traceCommand<Value>(
  name: string,
  parse: (args: Arguments) => Value,
  handle: (tracing: Tracing, value: Value, session: Session) => Reply,
  more: { always?: boolean; observers?: boolean } = {},
): Command {
  return command({
    name,
    ...more,
    parse,
    handle(session, value): Reply {
      const tracing = tracingOf(session.target);
      return tracing === undefined ? UNSUPPORTED : handle(tracing, value, session);
    },
  });
}

/** A packet that only asks: served while the machine runs, and to observers. */
export function traceQuery<Value>(
  name: string,
  parse: (args: Arguments) => Value,
  handle: (tracing: Tracing, value: Value, session: Session) => Reply,
): Command {
  return traceCommand(name, parse, handle, { always: true, observers: true });
}
