/**
 * `Z` and `z`: breakpoints and watchpoints (GDB manual, "Packets"). They live outside guest memory, software and
 * hardware alike, so there is no limit to their number and no instruction to restore.
 */

import { type AgentExpression, type PointProgram, type Purpose, verify } from "../agent/index.js";
import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import type { Insertion } from "../points.js";
import { Errno, type Point, pointKinds, TargetError } from "../target.js";
import { command, OK, type Reply, UNSUPPORTED } from "./command.js";

function parsePoint(args: Arguments): Point {
  const kind = pointKinds[args.count()];
  if (kind === undefined) throw new MalformedPacket(`point types are 0 to ${pointKinds.length - 1}`);
  args.expect(",");
  const address = args.address();
  args.expect(",");
  return { kind, address, length: args.count() };
}

/** What follows `X`: a length and that many bytes in hexadecimal. */
export function parseExpression(args: Arguments): Uint8Array {
  args.expect("X");
  const length = args.count();
  args.expect(",");
  return args.hexBytes(length);
}

interface Request {
  readonly point: Point;
  readonly conditions: readonly Uint8Array[];
  readonly commands: readonly Uint8Array[];
  readonly persists: boolean;
}

/** `;X…X…;cmds:PERSIST,X…X…`, both parts optional. */
function parseRequest(args: Arguments): Request {
  const point = parsePoint(args);
  const conditions: Uint8Array[] = [];
  const commands: Uint8Array[] = [];
  let persists = false;
  while (args.accept(";")) {
    if (args.accept("cmds:")) {
      persists = args.count() !== 0;
      args.expect(",");
      while (args.next === "X") commands.push(parseExpression(args));
    } else {
      do conditions.push(parseExpression(args));
      while (args.next === "X");
    }
  }
  return { point, conditions, commands, persists };
}

/** An expression that cannot be carried out is refused: a condition is never dropped. */
function verifyAll(all: readonly Uint8Array[], purpose: Purpose): readonly AgentExpression[] | TargetError {
  const verified: AgentExpression[] = [];
  for (const bytes of all) {
    const expression = verify(bytes, purpose);
    if (expression instanceof TargetError) return expression;
    verified.push(expression);
  }
  return verified;
}

function programOf(request: Request): PointProgram | TargetError | undefined {
  if (request.conditions.length === 0 && request.commands.length === 0) return undefined;
  const conditions = verifyAll(request.conditions, "condition");
  if (conditions instanceof TargetError) return conditions;
  const commands = verifyAll(request.commands, "command");
  return commands instanceof TargetError ? commands : { conditions, commands };
}

export const insertPoint = command({
  name: "Z",
  words: true,
  parse: parseRequest,
  handle(session, request): Reply {
    const { target } = session;
    if (!target.pointKinds.has(request.point.kind)) return UNSUPPORTED;
    const program = programOf(request);
    if (program instanceof TargetError) return program;
    if (program !== undefined && target.agent === undefined) {
      return new TargetError(Errno.ENOTSUP, "conditions and commands are not evaluated by this target");
    }
    const point: Point = program === undefined ? request.point : { ...request.point, program };
    const insertion: Insertion = { point, persists: request.persists };
    return session.points.insert(insertion) ?? OK;
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
