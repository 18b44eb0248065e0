/** SMC Calling Convention 1.2: identifiers and argument widths (Arm DEN0028, sections 2 and 7). */

/** Arm Architecture Service functions, and where the standard services begin. */
export const SMCCC = {
  VERSION: 0x8000_0000,
  ARCH_FEATURES: 0x8000_0001,
  ARCH_SOC_ID: 0x8000_0002,
  ARCH_WORKAROUND_1: 0x8000_8000,
  ARCH_WORKAROUND_2: 0x8000_7fff,
  ARCH_WORKAROUND_3: 0x8000_3fff,
} as const;

export const SMCCC_VERSION_1_2 = 0x0001_0002n;

export const SmcccError = { SUCCESS: 0n, NOT_SUPPORTED: -1n, NOT_REQUIRED: -2n, INVALID_PARAMETER: -3n } as const;

/** The identifier of a call: W0, whatever X0's upper half holds. */
export const functionId = (x0: bigint): number => Number(x0 & 0xffff_ffffn);

/** SMC64 and HVC64: arguments are 64 bits wide. */
export const is64Bit = (id: number): boolean => (id & 0x4000_0000) !== 0;

/** What a register holds for a result: a negative one is an all-ones error to callers of either width. */
export const asRegister = (value: bigint): bigint => BigInt.asUintN(64, value);
