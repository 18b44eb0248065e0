/** What the program is made of, as the build bundles it. */
import type { MachineFactory } from "./machine-api.js";

export { runCli } from "./cli.js";

/** Loaded only when there is a machine to be. */
export const loadMachine = async (): Promise<MachineFactory> => (await import("./load-machine.js")).loadMachine();
