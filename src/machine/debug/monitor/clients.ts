/** `monitor points` and `monitor control`: what debuggers have to do with each other (docs/gdb-stub.md). */
import { type Point, TargetError } from "../../../gdb/target.js";
import { hex, type MonitorCommand, parseNumber, refuse } from "./command.js";

function describe({ kind, address, length, program }: Point): string {
  const isBreakpoint = kind === "software" || kind === "hardware";
  const what = isBreakpoint ? "breakpoint" : `${kind} watchpoint of ${length} bytes`;
  const conditional = program !== undefined && program.conditions.length > 0 ? ", conditional" : "";
  const commands = program !== undefined && program.commands.length > 0 ? ", with commands" : "";
  return `${hex(address, 16)} ${what}${conditional}${commands}`;
}

export const points: MonitorCommand = {
  name: "points",
  usage: "[delete all|ADDRESS]",
  help:
    "breakpoints, watchpoints and a trace run's tracepoints that are in the machine, those that a debugger which is gone " +
    "has left included: a dprintf whose commands go on, until deleted here. GDB takes its own out whenever the machine stops",
  example: "monitor points delete all",
  arguments: [0, 2],
  run({ client }, [verb, which]) {
    if (client === undefined) return refuse("points belong to clients");
    const { set, left, traced } = client.points;
    if (verb === undefined) {
      const lines = [
        ...set.map(describe),
        ...left.map((point) => `${describe(point)}, left by a client that is gone`),
        ...traced.map(
          ({ number, address, hits }) =>
            `${hex(address, 16)} tracepoint ${number}, hit ${hits} times; tstop ends the run`,
        ),
      ];
      return lines.length > 0 ? lines : ["no points"];
    }
    if (verb !== "delete" || which === undefined) return refuse("usage: monitor points [delete all|ADDRESS]");
    const address = which === "all" ? undefined : parseNumber(which);
    if (address instanceof TargetError) return address;
    const count = client.points.removeLeft(address);
    if (count > 0) return [`deleted: ${count}`];
    return refuse(`a client that is gone has left no point${address === undefined ? "" : ` at ${hex(address)}`}`);
  },
};

export const control: MonitorCommand = {
  name: "control",
  help: "makes an observer the client that controls the machine, once the one that did is gone",
  example: "monitor control",
  run({ client }) {
    if (client?.observes !== true) return ["this client controls the machine"];
    if (client.takeControl()) {
      return ["this client controls the machine now, and has stopped it: maintenance flush register-cache"];
    }
    return refuse("another client controls the machine; when it is gone, say this again");
  },
};
