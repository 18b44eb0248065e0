/** The trapframe library: describe, create, run and debug an AArch64 machine. */

/** A disk of a machine: MachineConfig.drives. */
export type { BlockBackend } from "./devices/virtio/index.js";
/** Hosted EL2, to be inspected: exits as they happen, the context frame, the guest's system registers, stage 2. */
export { ContextFrame, FRAME_SIZE } from "./hosted/el2/context-frame.js";
export type { ExitObserver, VcpuExit } from "./hosted/el2/exits.js";
export { GUEST_SYSREGS, type GuestSystemRegisters, restoreGuest, saveGuest } from "./hosted/el2/guest-sysregs.js";
export { HostedHypervisor } from "./hosted/el2/hypervisor.js";
export { listMachines, loadMachineDescription, type MachineDescription } from "./machine/description.js";
export { ConfigError, type ConfigErrorCode } from "./machine/errors.js";
export { bytesOf, type Content, FileContent } from "./machine/loaders/content.js";
export { type LoadedKernel, loadKernelFile } from "./machine/loaders/kernel.js";
export { LOG_CATEGORIES } from "./machine/log.js";
export {
  type ConsoleBackend,
  Machine,
  type MachineConfig,
  type MachineExit,
} from "./machine/machine.js";
export type { MachineStats } from "./machine/stats.js";
