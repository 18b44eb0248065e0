/**
 * `Z` and `z`: breakpoints and watchpoints (GDB manual, "Packets"). They live outside guest memory, software and
 * hardware alike, so there is no limit to their number and no instruction to restore.
 */

import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { type Point, pointKinds } from "../target.js";
import { command, OK, type Reply, UNSUPPORTED } from "./command.js";

function parsePoint(args: Arguments): Point {
  const kind = pointKinds[args.count()];
  if (kind === undefined) throw new MalformedPacket(`point types are 0 to ${pointKinds.length - 1}`);
  args.expect(",");
  const address = args.address();
  args.expect(",");
  return { kind, address, length: args.count() };
}

/** Conditions and commands after `;` are not advertised; one that comes all the same is refused, never dropped. */
export const insertPoint = command({
  name: "Z",
  parse: parsePoint,
  handle(session, point): Reply {
    if (!session.target.pointKinds.has(point.kind)) return UNSUPPORTED;
    return session.points.insert(point) ?? OK;
  },
});

export const removePoint = command({
  name: "z",
  parse: parsePoint,
  handle(session, point): Reply {
    if (!session.target.pointKinds.has(point.kind)) return UNSUPPORTED;
    return session.points.remove(point) ?? OK;
  },
});
