/** PSCI 1.1: function identifiers and error codes (Arm DEN0022, sections 5.1 and 5.2). */

/** Function numbers: bits 4–0 of the identifier; a function exists by the 32-bit or by both conventions. */
export const PSCI = {
  VERSION: 0x00,
  CPU_SUSPEND: 0x01,
  CPU_OFF: 0x02,
  CPU_ON: 0x03,
  AFFINITY_INFO: 0x04,
  MIGRATE: 0x05,
  MIGRATE_INFO_TYPE: 0x06,
  MIGRATE_INFO_UP_CPU: 0x07,
  SYSTEM_OFF: 0x08,
  SYSTEM_RESET: 0x09,
  FEATURES: 0x0a,
  CPU_FREEZE: 0x0b,
  CPU_DEFAULT_SUSPEND: 0x0c,
  NODE_HW_STATE: 0x0d,
  SYSTEM_SUSPEND: 0x0e,
  SET_SUSPEND_MODE: 0x0f,
  STAT_RESIDENCY: 0x10,
  STAT_COUNT: 0x11,
  SYSTEM_RESET2: 0x12,
  MEM_PROTECT: 0x13,
  MEM_PROTECT_CHECK_RANGE: 0x14,
} as const;

export const PsciError = {
  SUCCESS: 0,
  NOT_SUPPORTED: -1,
  INVALID_PARAMETERS: -2,
  DENIED: -3,
  ALREADY_ON: -4,
  ON_PENDING: -5,
  INTERNAL_FAILURE: -6,
  NOT_PRESENT: -7,
  DISABLED: -8,
  INVALID_ADDRESS: -9,
} as const;

export interface PsciFunction {
  readonly number: number;
  readonly name: keyof typeof PSCI;
  /** Whether the SMC64 identifier (0xC400_00xx) exists too. */
  readonly smc64: boolean;
}

const SMC64: readonly (keyof typeof PSCI)[] = [
  "CPU_SUSPEND",
  "CPU_ON",
  "AFFINITY_INFO",
  "MIGRATE",
  "MIGRATE_INFO_UP_CPU",
  "CPU_DEFAULT_SUSPEND",
  "NODE_HW_STATE",
  "SYSTEM_SUSPEND",
  "STAT_RESIDENCY",
  "STAT_COUNT",
  "SYSTEM_RESET2",
  "MEM_PROTECT_CHECK_RANGE",
];

export const PSCI_FUNCTIONS: readonly PsciFunction[] = (Object.keys(PSCI) as (keyof typeof PSCI)[]).map((name) => ({
  number: PSCI[name],
  name,
  smc64: SMC64.includes(name),
}));

const BY_NUMBER = new Map(PSCI_FUNCTIONS.map((row) => [row.number, row]));

/** Whether an identifier is in PSCI's ranges, 0x8400_0000–1F and 0xC400_0000–1F. */
export function isPsci(id: number): boolean {
  return (id & 0xbfff_ffe0) >>> 0 === 0x8400_0000;
}

/** The function of an identifier and the width of its arguments, if there is such a function. */
export function psciRow(id: number): { readonly row: PsciFunction; readonly bits: 32 | 64 } | undefined {
  if (!isPsci(id)) return undefined;
  const row = BY_NUMBER.get(id & 0x1f);
  const wide = (id & 0x4000_0000) !== 0;
  return row === undefined || (wide && !row.smc64) ? undefined : { row, bits: wide ? 64 : 32 };
}
