/**
 * Short ways to reach the vCPU block from runtime functions: what `Builder` offers bodies, for functions that get the
 * block's address as a parameter.
 */
import { sysregOffset } from "../cpu/sysreg/table.js";
import type { FunctionBuilder } from "./ir/function.js";
import type { I32, I64 } from "./ir/value.js";

export class CpuView {
  constructor(
    readonly fb: FunctionBuilder,
    readonly base: I32,
  ) {}

  get64(offset: number): I64 {
    return this.fb.load("i64.load", this.base, offset) as I64;
  }
  set64(offset: number, value: I64): void {
    this.fb.store("i64.store", this.base, value, offset);
  }
  get32(offset: number): I32 {
    return this.fb.load("i32.load", this.base, offset) as I32;
  }
  set32(offset: number, value: I32 | number): void {
    this.fb.store("i32.store", this.base, typeof value === "number" ? this.fb.i32(value) : value, offset);
  }
  /** A system register's saved slot. */
  sys(name: string): I64 {
    return this.get64(sysregOffset(name));
  }
  setSys(name: string, value: I64): void {
    this.set64(sysregOffset(name), value);
  }
  /** The slot of `names[el]`; entry 0 stands for EL1. */
  sysByEl(names: readonly [string, string, string], el: I32): I64 {
    return this.get64At(this.offsetByEl(names, el));
  }
  setSysByEl(names: readonly [string, string, string], el: I32, value: I64): void {
    this.fb.store("i64.store", this.base.add(this.offsetByEl(names, el)), value);
  }
  private get64At(offset: I32): I64 {
    return this.fb.load("i64.load", this.base.add(offset)) as I64;
  }
  private offsetByEl(names: readonly [string, string, string], el: I32): I32 {
    const [one, two, three] = names.map((n) => this.fb.i32(sysregOffset(n))) as [I32, I32, I32];
    return el.eq(3).select(three, el.eq(2).select(two, one));
  }
  /** Adds one to a 64-bit counter. */
  count(offset: number): void {
    this.set64(offset, this.get64(offset).add(1));
  }
}
