/** `monitor log`: what the machine logs, where `--log` and `--log-file` say. */
import { LOG, LOG_CATEGORIES } from "../../log.js";
import { type MonitorCommand, refuse } from "./command.js";

export const log: MonitorCommand = {
  name: "log",
  usage: `[${LOG_CATEGORIES.join("|")}|all on|off]`,
  help: "what is logged, to --log-file or standard error of trapframe; a category is switched on or off",
  example: "monitor log psci on",
  arguments: [0, 2],
  run({ machine }, [name, state]) {
    if (name !== undefined) {
      const chosen = LOG_CATEGORIES.filter((category) => name === "all" || name === category);
      if (chosen.length === 0)
        return refuse(`nothing is logged as "${name}"; there are ${LOG_CATEGORIES.join(", ")}, all`);
      if (state !== "on" && state !== "off")
        return refuse(`${["log", name, state].filter(Boolean).join(" ")}: on or off`);
      for (const category of chosen) machine.switchLog(category, state === "on");
    }
    return LOG_CATEGORIES.map(
      (category) => `${category.padEnd(12)} ${machine.logging.has(category) ? "on " : "off"} ${LOG[category]}`,
    );
  },
};
