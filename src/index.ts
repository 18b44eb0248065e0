/** The trapframe library: describe, create, run and debug an AArch64 machine. */
export { listMachines, loadMachineDescription, type MachineDescription } from "./machine/description.js";
export { ConfigError, type ConfigErrorCode } from "./machine/errors.js";
export { type LoadedKernel, loadKernelFile } from "./machine/loaders/kernel.js";
export {
  type ConsoleBackend,
  LOG_CATEGORIES,
  Machine,
  type MachineConfig,
  type MachineExit,
  type MachineStats,
} from "./machine/machine.js";
