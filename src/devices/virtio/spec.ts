/** Virtio: numbers that all devices and transports share (OASIS Virtual I/O Device Version 1.2). */

/** Device status (section 2.1). */
export const STATUS = {
  ACKNOWLEDGE: 1,
  DRIVER: 2,
  DRIVER_OK: 4,
  FEATURES_OK: 8,
  DEVICE_NEEDS_RESET: 64,
  FAILED: 128,
} as const;

/** Reserved feature bits (section 6). */
export const FEATURE = {
  INDIRECT_DESC: 1n << 28n,
  EVENT_IDX: 1n << 29n,
  VERSION_1: 1n << 32n,
} as const;

/** Device IDs (section 5). */
export const DEVICE_ID = { block: 2, console: 3, entropy: 4 } as const;

/** Bits of an interrupt status register (sections 4.1.4.5 and 4.2.2). */
export const ISR = { queue: 1, config: 2 } as const;
