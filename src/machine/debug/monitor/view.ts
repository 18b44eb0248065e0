/** `monitor view`: what the addresses of memory packets mean (DDI 0487, D8.1). */
import { VIEWS } from "../memory.js";
import { type MonitorCommand, refuse } from "./command.js";

export const view: MonitorCommand = {
  name: "view",
  usage: `[${VIEWS.join("|")}]`,
  help: "reads and writes memory as another level sees it, or by intermediate or physical address; by that, watchpoints too",
  example: "monitor view el2",
  arguments: [0, 1],
  run({ memory }, [name]) {
    const found = VIEWS.find((known) => known === name);
    if (name !== undefined && found === undefined) return refuse(`no view "${name}"; there are ${VIEWS.join(", ")}`);
    if (found !== undefined) memory.view = found;
    return [`memory view: ${memory.view}`];
  },
};
