/**
 * `monitor condition`: when the points at an address stop, evaluated in the machine. For watchpoints, which GDB has
 * none for.
 */

import { TargetError } from "../../../gdb/target.js";
import { hex, type MonitorCommand, parseNumber, refuse } from "./command.js";

export const condition: MonitorCommand = {
  name: "condition",
  usage: "[ADDRESS [EXPRESSION]]",
  help:
    "points that cover ADDRESS stop only if EXPRESSION is true: C operators, $registers, *(u32) ADDRESS, $new " +
    "(what is being stored), $trace_vcpu; without EXPRESSION always again; without ADDRESS lists",
  example: "monitor condition 0x40080020 $new > 100 && $x0 != 0",
  arguments: [0, Number.POSITIVE_INFINITY],
  text: "others",
  run({ conditions }, [first, ...words]) {
    if (first === undefined) {
      const lines = [...conditions.all].map(([address, { text }]) => `${hex(address)}: ${text}`);
      return lines.length > 0 ? lines : ["no conditions"];
    }
    const address = parseNumber(first);
    if (address instanceof TargetError) return address;
    if (words.length === 0) {
      return conditions.remove(address) ? [`${hex(address)}: stops always`] : refuse(`no condition at ${hex(address)}`);
    }
    const text = words[0] === "if" ? words.slice(1).join(" ") : words.join(" ");
    return conditions.set(address, text) ?? [`${hex(address)}: ${text}`];
  },
};
