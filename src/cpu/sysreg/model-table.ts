/**
 * The table as one CPU model has it: which rows exist, and which bits of them can be written.
 */
import type { Feature } from "../../isa/features.js";
import type { CpuModel } from "../model.js";
import { ALL, type SysregRow } from "./row.js";
import { SYSREGS } from "./table.js";

interface ModelRow {
  readonly writable: bigint;
}

export class ModelSysregs {
  private readonly rows = new Map<SysregRow, ModelRow>();

  constructor(model: CpuModel) {
    const has = (feature: Feature): boolean => model.features.has(feature);
    for (const row of SYSREGS) {
      if (!(row.features ?? []).every(has) || row.exists?.(model) === false) continue;
      const { writable = ALL } = row;
      this.rows.set(row, { writable: typeof writable === "function" ? writable(has) : writable });
    }
  }

  has(row: SysregRow): boolean {
    return this.rows.has(row);
  }

  /** What the model says of a row it has. */
  of(row: SysregRow): ModelRow {
    const found = this.rows.get(row);
    if (found === undefined) throw new Error(`this CPU model has no ${row.name}`);
    return found;
  }
}

const KNOWN = new WeakMap<CpuModel, ModelSysregs>();

export function modelSysregs(model: CpuModel): ModelSysregs {
  let known = KNOWN.get(model);
  if (known === undefined) {
    known = new ModelSysregs(model);
    KNOWN.set(model, known);
  }
  return known;
}
