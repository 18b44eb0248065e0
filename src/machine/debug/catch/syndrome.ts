/**
 * ESR_ELx in words (DDI 0487, D24.2 "ESR_EL1" and its ISS encodings): a row per exception class with the names a person
 * may use for it, and what its ISS says.
 */
import { sysregIss } from "../../../cpu/sysreg/access.js";
import { SYSREGS } from "../../../cpu/sysreg/table.js";
import { Abort, EC, SysReg } from "../../../hosted/el2/syndrome.js";

export interface ExceptionClass {
  /** ESR_ELx.EC: two where an exception from the same level has a number of its own. */
  readonly ec: readonly number[];
  /** What it is called in commands, in lower case. */
  readonly name: string;
  readonly title: string;
  /** ISS in words; "" when it says nothing. */
  describe?(iss: number): string;
}

const hex = (value: number): string => `0x${value.toString(16)}`;
const bit = (value: number, n: number): boolean => ((value >>> n) & 1) !== 0;

const immediate = (iss: number): string => `immediate ${hex(iss & 0xffff)}`;

/** WFx: TI. */
const WAITS = ["WFI", "WFE", "WFIT", "WFET"];

const STATUS: readonly (readonly [number, string])[] = [
  [0x10, "synchronous External abort"],
  [0x11, "synchronous Tag Check fault"],
  [0x18, "synchronous parity or ECC error"],
  [0x21, "Alignment fault"],
  [0x22, "Debug exception"],
  [0x30, "TLB conflict abort"],
  [0x31, "unsupported atomic hardware update"],
  [0x34, "IMPLEMENTATION DEFINED (Lockdown)"],
  [0x35, "unsupported Exclusive or Atomic access"],
];
const LEVELLED = ["Address size fault", "Translation fault", "Access flag fault", "Permission fault"];

/** DFSC or IFSC in words. */
export function faultStatus(code: number): string {
  if (code < 0x10) return `${LEVELLED[code >> 2]}, level ${code & 3}`;
  if (code >= 0x14 && code <= 0x17) return `External abort on the table walk, level ${code & 3}`;
  return STATUS.find(([value]) => value === code)?.[1] ?? `fault status ${hex(code)}`;
}

function abort(iss: number): string {
  const parts = [faultStatus(Abort.fsc(iss))];
  if (Abort.s1ptw(iss)) parts.push("stage 2, on the walk for a stage 1 table");
  if (bit(iss, 9)) parts.push("EA 1");
  if (Abort.fnv(iss)) parts.push("FAR not valid");
  return parts.join(", ");
}

function dataAbort(iss: number): string {
  const access = Abort.cm(iss) ? "cache maintenance or AT" : Abort.wnr(iss) ? "write" : "read";
  if (!Abort.isv(iss)) return `${abort(iss)}, ${access}`;
  const size = 1 << Abort.sas(iss);
  const register = `${Abort.sf(iss) ? "X" : "W"}${Abort.srt(iss) === 31 ? "ZR" : Abort.srt(iss)}`;
  return `${abort(iss)}, ${access} of ${size} byte${size === 1 ? "" : "s"} ${Abort.wnr(iss) ? "from" : "to"} ${register}`;
}

/** Names of registers by ISS without Rt and direction. */
let names: ReadonlyMap<number, string> | undefined;

/** The register of an ISS of class 0x18, by its architectural name, or as S<op0>_<op1>_C<n>_C<m>_<op2>. */
export function trappedRegister(iss: number): string {
  names ??= new Map(
    SYSREGS.filter(({ encoding }) => encoding >= 0).map((row) => [
      SysReg.address(sysregIss(row.encoding, false, 0)),
      row.name,
    ]),
  );
  const field = (low: number, width: number): number => (iss >>> low) & ((1 << width) - 1);
  return (
    names.get(SysReg.address(iss)) ??
    `S${field(20, 2)}_${field(14, 3)}_C${field(10, 4)}_C${field(1, 4)}_${field(17, 3)}`
  );
}

function trapped(iss: number): string {
  const rt = SysReg.rt(iss);
  const x = rt === 31 ? "XZR" : `X${rt}`;
  const name = trappedRegister(iss);
  return SysReg.isRead(iss) ? `MRS ${x}, ${name}` : `MSR ${name}, ${x}`;
}

function step(iss: number): string {
  if (!bit(iss, 24)) return "no instruction stepped";
  return `an instruction was stepped${bit(iss, 6) ? ", a Load-Exclusive" : ""}`;
}

const watch = (iss: number): string => `${bit(iss, 8) ? "cache maintenance" : bit(iss, 6) ? "write" : "read"}`;

/** In order of EC. AArch32's own classes are not here: this CPU has no AArch32. */
export const CLASSES: readonly ExceptionClass[] = [
  { ec: [EC.Unknown], name: "undefined", title: "Unknown reason (UNDEFINED instruction)" },
  { ec: [EC.WFx], name: "wfx", title: "trapped WFI or WFE", describe: (iss) => WAITS[iss & 3] as string },
  { ec: [EC.FpAccess], name: "fp", title: "trapped SIMD or FP access" },
  { ec: [EC.PAuth], name: "pauth", title: "trapped pointer authentication" },
  { ec: [EC.BranchTarget], name: "bti", title: "Branch Target exception" },
  { ec: [EC.IllegalState], name: "illegal", title: "Illegal Execution state" },
  { ec: [EC.SVC64], name: "svc", title: "SVC", describe: immediate },
  { ec: [EC.HVC64], name: "hvc", title: "HVC", describe: immediate },
  { ec: [EC.SMC64], name: "smc", title: "SMC", describe: immediate },
  { ec: [EC.SysReg], name: "sysreg", title: "trapped MSR, MRS or System instruction", describe: trapped },
  { ec: [EC.SVE], name: "sve", title: "trapped SVE access" },
  { ec: [EC.ERET], name: "eret", title: "trapped ERET" },
  { ec: [EC.FPAC], name: "fpac", title: "pointer authentication failure" },
  {
    ec: [EC.InstructionAbortLower, EC.InstructionAbortSame],
    name: "iabort",
    title: "Instruction Abort",
    describe: abort,
  },
  { ec: [EC.PCAlignment], name: "pcalign", title: "PC alignment fault" },
  { ec: [EC.DataAbortLower, EC.DataAbortSame], name: "dabort", title: "Data Abort", describe: dataAbort },
  { ec: [EC.SPAlignment], name: "spalign", title: "SP alignment fault" },
  { ec: [EC.FP64], name: "fptrap", title: "trapped floating-point exception" },
  { ec: [EC.SError], name: "serror", title: "SError" },
  { ec: [EC.BreakpointLower, EC.BreakpointSame], name: "breakpoint", title: "Breakpoint exception" },
  { ec: [EC.SoftwareStepLower, EC.SoftwareStepSame], name: "step", title: "Software Step exception", describe: step },
  { ec: [EC.WatchpointLower, EC.WatchpointSame], name: "watchpoint", title: "Watchpoint exception", describe: watch },
  { ec: [EC.BRK64], name: "brk", title: "BRK", describe: immediate },
];

export const classOf = (ec: number): ExceptionClass | undefined => CLASSES.find((row) => row.ec.includes(ec));

/** Classes whose exception writes FAR_ELx. */
const FAR_CLASSES: ReadonlySet<string> = new Set(["iabort", "dabort", "pcalign", "watchpoint"]);

/** Whether FAR_ELx is of this exception. */
export function hasFar(esr: bigint): boolean {
  const row = classOf(Number((esr >> 26n) & 0x3fn));
  if (row === undefined || !FAR_CLASSES.has(row.name)) return false;
  const abortRow = row.name === "iabort" || row.name === "dabort";
  return !(abortRow && Abort.fnv(Number(esr & 0x1ff_ffffn)));
}

/** ESR_ELx in words: "Data Abort from a lower level: Translation fault, level 2, write of 4 bytes from W8". */
export function describeSyndrome(esr: bigint): string {
  const ec = Number((esr >> 26n) & 0x3fn);
  const iss = Number(esr & 0x1ff_ffffn);
  const row = classOf(ec);
  if (row === undefined) return `exception class ${hex(ec)}, ISS ${hex(iss)}`;
  const from = row.ec.length === 2 ? (row.ec[0] === ec ? " from a lower level" : " from the same level") : "";
  const words = row.describe?.(iss) ?? "";
  return `${row.title}${from}${words === "" ? "" : `: ${words}`}`;
}
