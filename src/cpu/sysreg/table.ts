/**
 * The table of system registers, and where each has its slot in the vCPU block.
 */
import { CPU, CPU_SYSREG_SLOTS } from "../../engine/layout.js";
import { CONTROL } from "./control.js";
import { DEBUG } from "./debug.js";
import { AARCH32, ERRORS, EXCEPTION, THREAD } from "./exception.js";
import { GIC } from "./gic.js";
import { IDENTIFICATION } from "./identification.js";
import { IMPLEMENTATION } from "./implementation.js";
import { POINTER_AUTHENTICATION } from "./pauth.js";
import { PMU } from "./pmu.js";
import { PSTATE } from "./pstate.js";
import { RANDOM } from "./random.js";
import { decode, encodingName, register, type SysregRow } from "./row.js";
import { TIMER } from "./timer.js";
import { TRANSLATION } from "./translation.js";

const ARCHITECTED: readonly SysregRow[] = [
  ...IDENTIFICATION,
  ...CONTROL,
  ...TRANSLATION,
  ...EXCEPTION,
  ...ERRORS,
  ...THREAD,
  ...PSTATE,
  ...TIMER,
  ...GIC,
  ...DEBUG,
  ...PMU,
  ...RANDOM,
  ...POINTER_AUTHENTICATION,
  ...AARCH32,
  ...IMPLEMENTATION,
];

/** The op1 = 5 encoding by which a VHE host reaches the EL1 (EL0, for timers) register that its own name redirects. */
function vheAlias(row: SysregRow): SysregRow {
  const { op0, crn, crm, op2 } = decode(row.encoding);
  const { e2h: _e2h, inlineEffect: _inline, counter: _counter, ...rest } = row;
  return {
    ...rest,
    ...register(row.name.replace(/EL([01])$/, "EL$12"), [op0, 5, crn, crm, op2]),
    features: [...(row.features ?? []), "VHE"],
    aliasOf: row.name,
  };
}

/** Every row, architected ones first: their order is the order of slots. */
export const SYSREGS: readonly SysregRow[] = [
  ...ARCHITECTED,
  ...ARCHITECTED.filter((row) => row.e2h !== undefined).map(vheAlias),
];

const BY_NAME = new Map(SYSREGS.map((row) => [row.name, row]));
const BY_ENCODING: (SysregRow | undefined)[] = new Array(1 << 15).fill(undefined);
for (const row of SYSREGS) if (row.encoding >= 0) BY_ENCODING[row.encoding] = row;
const OFFSETS = new Map(ARCHITECTED.map((row, index) => [row.name, CPU.sysregs + 8 * index]));
for (const { name, aliasOf } of SYSREGS) if (aliasOf !== undefined) OFFSETS.set(name, OFFSETS.get(aliasOf) ?? -1);

/** What is wrong with a table; empty when nothing is. Run once when the module is loaded, on the real one. */
export function tableDefects(rows: readonly SysregRow[]): string[] {
  const defects: string[] = [];
  const names = new Set<string>();
  const encodings = new Map<number, string>();
  const known = new Set(rows.map((row) => row.name));
  for (const row of rows) {
    if (names.has(row.name)) defects.push(`${row.name} has two rows`);
    names.add(row.name);
    for (const target of [row.e2h, row.aliasOf]) {
      if (target !== undefined && !known.has(target)) defects.push(`${row.name} leads to ${target}, which has no row`);
    }
    if (row.encoding < 0) continue;
    const other = encodings.get(row.encoding);
    if (other !== undefined) defects.push(`${row.name} and ${other} are both ${encodingName(row.encoding)}`);
    encodings.set(row.encoding, row.name);
    if (row.readEl > 3 && row.writeEl > 3) defects.push(`${row.name} can be neither read nor written`);
  }
  if (rows.length > CPU_SYSREG_SLOTS) defects.push(`${rows.length} rows, but ${CPU_SYSREG_SLOTS} slots`);
  return defects;
}

const defects = tableDefects(SYSREGS);
if (defects.length > 0) throw new Error(`system-register table: ${defects.join("; ")}`);

/** The row of a 15-bit encoding (see `encode`). */
export function sysregByEncoding(encoding: number): SysregRow | undefined {
  return BY_ENCODING[encoding & 0x7fff];
}

/** The row of that name, in the architecture's spelling; `_EL12` and `_EL02` names included. */
export function sysregByName(name: string): SysregRow | undefined {
  return BY_NAME.get(name);
}

/** Offset in the vCPU block of a register's slot. Throws an Error when there is no such register: a bug of ours. */
export function sysregOffset(name: string): number {
  const offset = OFFSETS.get(name);
  if (offset === undefined) throw new Error(`no system register ${name}`);
  return offset;
}
