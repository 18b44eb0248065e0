/** `monitor step`: what a step does besides its instruction (machine/step.ts). */
import { DEFAULT_STEP_MODE, type StepMode } from "../../step.js";
import { type MonitorCommand, refuse } from "./command.js";

/** A setting by its two words. */
const SETTINGS: Readonly<Record<string, { readonly mode: Partial<StepMode>; readonly help: string }>> = {
  "interrupts complete": { mode: { interrupts: "complete" }, help: "a handler runs to its return, then the step ends" },
  "interrupts mask": { mode: { interrupts: "mask" }, help: "interrupts wait until the vCPU continues" },
  "interrupts land": { mode: { interrupts: "land" }, help: "the step ends at the handler's first instruction" },
  "exceptions land": { mode: { exceptions: "land" }, help: "SVC, an abort and the like end the step at the vector" },
  "exceptions complete": { mode: { exceptions: "complete" }, help: "the handler runs; SVC is one step" },
  "timers run": { mode: { timers: true }, help: "virtual time counts the stepped instruction" },
  "timers stop": { mode: { timers: false }, help: "virtual time stands still, so no timer expires by stepping" },
};

export const step: MonitorCommand = {
  name: "step",
  usage: "[interrupts complete|mask|land] [exceptions land|complete] [timers run|stop] [default]",
  help: "what stepi does about interrupts, exceptions of the instruction, and timers; without arguments shows it",
  example: "monitor step interrupts mask",
  arguments: [0, 6],
  run({ machine: { scheduler } }, words) {
    let mode = scheduler.stepMode;
    for (let i = 0; i < words.length; i++) {
      if (words[i] === "default") {
        mode = DEFAULT_STEP_MODE;
        continue;
      }
      const name = `${words[i]} ${words[++i] ?? ""}`.trim();
      const setting = SETTINGS[name];
      if (setting === undefined)
        return refuse(`no step setting "${name}"; there are ${Object.keys(SETTINGS).join(", ")}`);
      mode = { ...mode, ...setting.mode };
    }
    scheduler.stepMode = mode;
    const chosen = [
      `interrupts ${mode.interrupts}`,
      `exceptions ${mode.exceptions}`,
      `timers ${mode.timers ? "run" : "stop"}`,
    ];
    return chosen.map((name) => `${name.padEnd(20)} ${SETTINGS[name]?.help}`);
  },
};
