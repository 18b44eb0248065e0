/** `monitor semihosting`: whose files and streams a guest's semihosting calls have. */
import { type MonitorCommand, refuse } from "./command.js";

export const semihosting: MonitorCommand = {
  name: "semihosting",
  usage: "[auto|native]",
  help: "whose files and console the guest's calls have: GDB's while one is attached (auto), or always trapframe's own",
  example: "monitor semihosting native",
  arguments: [0, 1],
  run({ machine: { semihosting: calls, config } }, [choice]) {
    if (calls === undefined || config.semihosting === undefined) {
      return refuse("semihosting is off: start trapframe with --semihosting");
    }
    if (choice !== undefined) {
      if (choice !== "auto" && choice !== "native") return refuse(`semihosting ${choice}: auto or native`);
      calls.debuggersFiles = choice === "auto";
    }
    const { directory } = config.semihosting;
    return [
      calls.debuggersFiles
        ? "auto: files and streams are GDB's while it is attached"
        : "native: files are trapframe's own",
      directory === undefined ? "own files: none (--semihosting-dir)" : `own files: below ${directory}`,
    ];
  },
};
