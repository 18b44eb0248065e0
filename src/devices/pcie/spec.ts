/** PCI Express: numbers of configuration space (PCI Local Bus 3.0, chapter 6; PCI Express Base, section 7.5). */

export const CONFIG_SIZE = 256;
/** Bytes of configuration space that ECAM has for each function. */
export const ECAM_FUNCTION_SIZE = 0x1000;
export const DEVICES_PER_BUS = 32;
export const FUNCTIONS_PER_DEVICE = 8;

export const REG = {
  vendor: 0x00,
  device: 0x02,
  command: 0x04,
  status: 0x06,
  revision: 0x08,
  classCode: 0x09,
  cacheLineSize: 0x0c,
  headerType: 0x0e,
  bar0: 0x10,
  subsystemVendor: 0x2c,
  subsystem: 0x2e,
  capabilities: 0x34,
  interruptLine: 0x3c,
  interruptPin: 0x3d,
} as const;

export const COMMAND = {
  io: 1 << 0,
  memory: 1 << 1,
  busMaster: 1 << 2,
  parity: 1 << 6,
  serr: 1 << 8,
  interruptDisable: 1 << 10,
} as const;
export const COMMAND_WRITABLE =
  COMMAND.io | COMMAND.memory | COMMAND.busMaster | COMMAND.parity | COMMAND.serr | COMMAND.interruptDisable;

export const STATUS = { interrupt: 1 << 3, capabilities: 1 << 4 } as const;

/** Capability IDs. */
export const CAPABILITY = { msi: 0x05, vendor: 0x09, msix: 0x11 } as const;

/** Low bits of a BAR. */
export const BAR = { io: 1, memory64: 1 << 2, prefetchable: 1 << 3 } as const;
export const FIRST_CAPABILITY = 0x40;
