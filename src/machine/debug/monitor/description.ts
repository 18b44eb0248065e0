/**
 * `monitor description`: how many registers the next connection is told of. GDB counts every register that is neither a
 * vector nor a floating-point one as general, whatever group its description gives it, so that `info registers` lists
 * system registers too; who would rather have it short gives them up by name.
 */
import { type MonitorCommand, refuse } from "./command.js";

export const description: MonitorCommand = {
  name: "description",
  usage: "[all|core]",
  help: "the registers GDB is told of when it next connects: all, or without system registers, for a short `info registers`",
  example: "monitor description core",
  arguments: [0, 1],
  run({ registers }, [choice]) {
    if (choice !== undefined && choice !== "all" && choice !== "core") {
      return refuse(`description ${choice}: all or core`);
    }
    if (choice !== undefined) registers.describeSystem = choice === "all";
    const [now, missing] = registers.describeSystem
      ? ["all", "core and system registers"]
      : ["core", "no system registers; monitor info registers and monitor sysreg have them"];
    return [`${now}: ${missing}`, ...(choice === undefined ? [] : ["connect again: disconnect, then target remote"])];
  },
};
