/**
 * The fields of ESR_ELx, FAR_EL2 and HPFAR_EL2 (DDI 0487, D24.2 "ESR_EL2, Exception Syndrome Register"). Extractors
 * take ISS as a number: its 25 bits fit.
 */

/** ESR_ELx.EC. */
export const EC = {
  Unknown: 0x00,
  WFx: 0x01,
  CP15_MCR: 0x03,
  CP15_MCRR: 0x04,
  CP14_MCR: 0x05,
  CP14_LDC: 0x06,
  FpAccess: 0x07,
  CP10_ID: 0x08,
  PAuth: 0x09,
  LS64: 0x0a,
  CP14_MRRC: 0x0c,
  BranchTarget: 0x0d,
  IllegalState: 0x0e,
  SVC32: 0x11,
  HVC32: 0x12,
  SMC32: 0x13,
  SysReg128: 0x14,
  SVC64: 0x15,
  HVC64: 0x16,
  SMC64: 0x17,
  SysReg: 0x18,
  SVE: 0x19,
  ERET: 0x1a,
  FPAC: 0x1c,
  SME: 0x1d,
  InstructionAbortLower: 0x20,
  InstructionAbortSame: 0x21,
  PCAlignment: 0x22,
  DataAbortLower: 0x24,
  DataAbortSame: 0x25,
  SPAlignment: 0x26,
  MOPS: 0x27,
  FP32: 0x28,
  FP64: 0x2c,
  GCS: 0x2d,
  SError: 0x2f,
  BreakpointLower: 0x30,
  BreakpointSame: 0x31,
  SoftwareStepLower: 0x32,
  SoftwareStepSame: 0x33,
  WatchpointLower: 0x34,
  WatchpointSame: 0x35,
  BKPT32: 0x38,
  VectorCatch32: 0x3a,
  BRK64: 0x3c,
} as const;

const field = (value: number, high: number, low: number): number => (value >>> low) & (2 ** (high - low + 1) - 1);
const bit = (value: number, n: number): boolean => ((value >>> n) & 1) !== 0;

export const exceptionClass = (esr: bigint): number => Number((esr >> 26n) & 0x3fn);
/** IL: a 32-bit instruction. */
export const instructionLength = (esr: bigint): boolean => ((esr >> 25n) & 1n) !== 0n;
export const iss = (esr: bigint): number => Number(esr & 0x1ff_ffffn);

/** ESR_ELx from its parts; IL set, as for every A64 instruction. */
export const makeEsr = (ec: number, syndrome: number): bigint => (BigInt(ec) << 26n) | (1n << 25n) | BigInt(syndrome);

/** ISS of a Data Abort; DFSC, FnV, EA and S1PTW are where an Instruction Abort has them too. */
export const Abort = {
  fsc: (s: number) => field(s, 5, 0),
  wnr: (s: number) => bit(s, 6),
  s1ptw: (s: number) => bit(s, 7),
  /** Cache maintenance (but DC ZVA) or an AT instruction. */
  cm: (s: number) => bit(s, 8),
  fnv: (s: number) => bit(s, 10),
  /** 64-bit register. */
  sf: (s: number) => bit(s, 15),
  srt: (s: number) => field(s, 20, 16),
  sse: (s: number) => bit(s, 21),
  /** Access size as log2 of bytes. */
  sas: (s: number) => field(s, 23, 22),
  isv: (s: number) => bit(s, 24),
  /** ISV and what depends on it, and S1PTW: zero in a syndrome for a level that has no stage 2 below it. */
  onlyForStage2: 0x1ff_c080,
} as const;

export type FaultKind = "address size" | "translation" | "access flag" | "permission" | "external" | "other";

/** The kind a fault status code (DFSC, IFSC, PAR_EL1.FST) belongs to, whatever its level. */
export function faultKind(fsc: number): FaultKind {
  if (fsc >= 0x10 && fsc <= 0x1f) return "external";
  switch (fsc >> 2) {
    case 0:
      return "address size";
    case 1:
      return "translation";
    case 2:
      return "access flag";
    case 3:
      return "permission";
    default:
      return "other";
  }
}

/** DFSC and IFSC: synchronous External abort, not on a table walk. */
export const FSC_EXTERNAL = 0x10;

/** ISS of a trapped MSR, MRS or System instruction. */
export const SysReg = {
  isRead: (s: number) => bit(s, 0),
  rt: (s: number) => field(s, 9, 5),
  /** Op0, Op2, Op1, CRn and CRm in place: the ISS with Rt and direction masked out. */
  address: (s: number) => s & ~(0x1f << 5) & ~1,
} as const;

/** The address of a System register in `SysReg.address` form. */
export function sysregAddress(op0: number, op1: number, crn: number, crm: number, op2: number): number {
  return (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (crm << 1);
}

/** ISS of a trapped WFx: TI is 0 for WFI, 1 WFE, 2 WFIT, 3 WFET. */
export const wfxInstruction = (s: number): number => field(s, 1, 0);

/** The IPA of a stage 2 fault: FIPA of HPFAR_EL2 is its bits 47:12, FAR_EL2 has the offset in the page. */
export function faultIpa(far: bigint, hpfar: bigint): number {
  return faultIpaOf(Number(far & 0xfffn), Number(hpfar & 0xffff_ffffn), Number(hpfar >> 32n));
}

/** The same of the lower words of FAR_EL2 and HPFAR_EL2 and the upper one of the latter, as unsigned numbers. */
export function faultIpaOf(far: number, hpfarLow: number, hpfarHigh: number): number {
  return ((hpfarHigh & 0xff) * 2 ** 28 + (hpfarLow >>> 4)) * 4096 + (far & 0xfff);
}

/** PAR_EL1 after an address translation instruction (DDI 0487, D24.2 "PAR_EL1"). */
export const Par = {
  failed: (par: bigint) => (par & 1n) !== 0n,
  /** The fault status code, when it failed. */
  fst: (par: bigint) => Number((par >> 1n) & 0x3fn),
  /** The output address of `va`. */
  address: (par: bigint, va: bigint) => Number((par & 0xffff_ffff_f000n) | (va & 0xfffn)),
} as const;

/** The level a SPSR_ELx returns to, and its use of SP_ELx; an AArch32 state has `aarch32`. */
export const Spsr = {
  el: (spsr: bigint) => Number((spsr >> 2n) & 3n),
  spx: (spsr: bigint) => (spsr & 1n) !== 0n,
  aarch32: (spsr: bigint) => (spsr & 0x10n) !== 0n,
  EL1h: 0x5n,
  EL2h: 0x9n,
  DAIF: 0x3c0n,
  A: 1n << 8n,
  SSBS: 1n << 12n,
  IL: 1n << 20n,
  SS: 1n << 21n,
  PAN: 1n << 22n,
  UAO: 1n << 23n,
} as const;
