/**
 * The system-register index that engines look encodings up in (engine/layout.ts, SYSREG_ENTRY): where the slot is, and
 * which accesses are no more than a load or store of it.
 */
import { AREA, SYSREG_ENTRY, SYSREG_FLAG } from "../../engine/layout.js";
import type { CpuModel } from "../model.js";
import { modelSysregs } from "./model-table.js";
import { ALL, NEVER, type SysregRow } from "./row.js";
import { SYSREGS, sysregOffset } from "./table.js";
import { TRAP_BIT, TRAP_CLASSES } from "./traps.js";

const ENCODINGS = 1 << 15;

/** Fills AREA.sysregIndex for a CPU model. Encodings without an entry have no plain access and go the slow path. */
export function buildSysregIndex(buffer: ArrayBufferLike, model: CpuModel): void {
  const index = new DataView(buffer, AREA.sysregIndex, ENCODINGS * SYSREG_ENTRY.size);
  for (let encoding = 0; encoding < ENCODINGS; encoding++) setEntry(index, encoding, NEVER | (NEVER << 4), 0, 0);
  for (const row of SYSREGS) {
    if (row.encoding < 0 || row.aliasOf !== undefined || !modelSysregs(model).has(row)) continue;
    setEntry(index, row.encoding, flagsOf(row, model), row.cell ?? sysregOffset(row.name), trapBits(row));
  }
}

function setEntry(index: DataView, encoding: number, flags: number, offset: number, traps: number): void {
  const at = encoding * SYSREG_ENTRY.size;
  index.setUint32(at + SYSREG_ENTRY.offset, offset, true);
  index.setUint32(at + SYSREG_ENTRY.flags, flags, true);
  index.setUint32(at + SYSREG_ENTRY.readTraps, traps, true);
  index.setUint32(at + SYSREG_ENTRY.writeTraps, traps, true);
}

function flagsOf(row: SysregRow, model: CpuModel): number {
  let flags = row.readEl | (row.writeEl << 4);
  if (isPlainRead(row)) flags |= SYSREG_FLAG.plainRead;
  if (isPlainWrite(row, model)) flags |= SYSREG_FLAG.plainWrite | (row.inlineEffect ? SYSREG_FLAG.changesContext : 0);
  if (row.fpControl && trapsAreInline(row)) flags |= SYSREG_FLAG.fpControl;
  if (row.counter === "virtual") flags |= SYSREG_FLAG.virtualCounter;
  if (row.counter === "physical") flags |= SYSREG_FLAG.physicalCounter;
  return flags;
}

/** The engine sees every trap that may apply in CPU.readTraps and CPU.writeTraps. */
function trapsAreInline(row: SysregRow): boolean {
  return !row.gic && row.state === undefined && (row.trap === undefined || TRAP_CLASSES[row.trap].inline === true);
}

function isPlainRead(row: SysregRow): boolean {
  return row.readEl !== NEVER && trapsAreInline(row) && (row.read === undefined || row.slotRead === true);
}

function isPlainWrite(row: SysregRow, model: CpuModel): boolean {
  if (row.writeEl === NEVER || !trapsAreInline(row) || row.write !== undefined) return false;
  if (row.changed !== undefined && !row.inlineEffect) return false;
  return modelSysregs(model).of(row).writable === ALL;
}

function trapBits(row: SysregRow): number {
  const bit = (name: keyof typeof TRAP_BIT | undefined): number => {
    const position = name === undefined ? undefined : TRAP_BIT[name];
    return position === undefined ? 0 : 1 << position;
  };
  return bit(row.trap) | (row.e2h === undefined ? 0 : bit("redirect"));
}
