/**
 * Trace state variables: 64-bit values that agent expressions get and set (GDB manual, "Trace State Variables"). They
 * live in cells of the engine's memory, where compiled conditions find them. Some the machine has by itself.
 */
import type { Engine } from "../../../engine/engine.js";
import { POINT_CELLS } from "../../../engine/layout.js";
import type { BuiltinVariable } from "../../../gdb/agent/index.js";
import { cellAddress } from "./compile.js";

/** A variable that is read and never set, as gdbserver's. */
interface Builtin extends BuiltinVariable {
  read(vcpu: number): bigint;
}

export class StateVariables {
  private readonly cells = new Map<number, number>();

  constructor(
    private readonly engine: Engine,
    readonly builtin: readonly Builtin[],
  ) {}

  /** The cell of a variable, taken for it if need be; undefined for a builtin one. */
  cell(number: number): number | undefined {
    if (this.builtin.some((variable) => variable.number === number)) return undefined;
    const known = this.cells.get(number);
    if (known !== undefined) return known;
    // More variables than cells share the last one: a client that defines 8,192 of them has other troubles.
    const cell = Math.min(this.cells.size, POINT_CELLS - 1);
    this.cells.set(number, cell);
    return cell;
  }

  get(number: number, vcpu: number): bigint {
    const builtin = this.builtin.find((variable) => variable.number === number);
    if (builtin !== undefined) return BigInt.asUintN(64, builtin.read(vcpu));
    const cell = this.cells.get(number);
    return cell === undefined ? 0n : this.engine.view.getBigUint64(cellAddress(cell), true);
  }

  set(number: number, value: bigint): void {
    const cell = this.cell(number);
    if (cell !== undefined) this.engine.view.setBigUint64(cellAddress(cell), value, true);
  }

  /** All are 0 again. Cells stay with their variables: compiled conditions know them. */
  clear(): void {
    for (const cell of this.cells.values()) this.engine.view.setBigUint64(cellAddress(cell), 0n, true);
  }
}
