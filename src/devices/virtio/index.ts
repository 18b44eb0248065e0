/** Virtio (OASIS Virtual I/O Device Version 1.2): devices, and the transports that bring them to a guest. */
export { Block, type BlockBackend } from "./block.js";
export { Console, type ConsolePort } from "./console.js";
export { VirtioDevice, type VirtioKind } from "./device.js";
export { Entropy } from "./entropy.js";
export { MMIO_SIZE, VIRTIO_MMIO_REGISTERS, VirtioMmio } from "./mmio.js";
export { VirtioPci } from "./pci.js";
