/**
 * Coming and going: `qAttached`, `vAttach`, `D`, `k`, `vKill`, `vRun`, `R` (GDB manual, "Packets" and "General Query
 * Packets").
 */

import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { PROCESS } from "../packet/thread-id.js";
import { Errno, TargetError } from "../target.js";
import { command, invalid, nothing, OK, type Reply } from "./command.js";

const noSuchProcess = new TargetError(Errno.ESRCH, "no such process: the machine is process 1");

function parseProcess(args: Arguments, separator: string): number {
  args.expect(separator);
  return args.count();
}

/** The machine was there before the client: GDB detaches from it, rather than kill it, when it quits. */
export const qAttached = command({
  name: "qAttached",
  observers: true,
  always: true,
  parse: (args) => (args.atEnd ? PROCESS : parseProcess(args, ":")),
  handle: (_session, process): Reply => (process === PROCESS ? "1" : noSuchProcess),
});

export const vAttach = command({
  name: "vAttach",
  observers: true,
  always: true,
  parse: (args) => parseProcess(args, ";"),
  handle: (session, process): Reply => (process === PROCESS ? session.attach() : noSuchProcess),
});

/** The guest runs on without this client's breakpoints. */
export const detach = command({
  name: "D",
  observers: true,
  parse: (args) => (args.atEnd ? PROCESS : parseProcess(args, ";")),
  handle(session, process): Reply {
    if (process !== PROCESS) return noSuchProcess;
    session.detach();
    return OK;
  },
});

export const kill = command({
  name: "k",
  always: true,
  parse: nothing,
  handle(session): Reply {
    session.kill();
    return undefined;
  },
});

export const vKill = command({
  name: "vKill",
  always: true,
  parse: (args) => parseProcess(args, ";"),
  handle(session, process): Reply {
    if (process !== PROCESS) return noSuchProcess;
    return session.kill() ?? OK;
  },
});

const extendedOnly = invalid("to start the machine again needs extended mode: target extended-remote");

/**
 * `vRun;FILE;ARGUMENT…`: from power-on again, breakpoints kept. What runs is what the machine was started with, whatever
 * file GDB names.
 */
export const vRun = command({
  name: "vRun",
  always: true,
  words: true,
  parse(args) {
    args.expect(";");
    const [, ...rest] = args.rest().split(";");
    return rest.some((argument) => argument !== "");
  },
  handle(session, hasArguments): Reply {
    if (!session.extended) return extendedOnly;
    if (hasArguments) return invalid("a machine takes no arguments: a kernel's command line is --append");
    return session.run();
  },
});

/** `R XX`: from power-on again, breakpoints kept. It has no reply; GDB asks for the state itself. */
export const restart = command({
  name: "R",
  parse(args) {
    if (args.count() > 0xff) throw new MalformedPacket("R carries a byte");
  },
  handle(session): Reply {
    if (!session.extended) return extendedOnly;
    const refusal = session.target.resetRefusal();
    if (refusal === undefined) session.target.reset();
    // GDB does not wait for an answer to this: it would take one for the next packet's.
    else session.warn(`a debugger's restart was refused: ${refusal.text}`);
    return undefined;
  },
});
