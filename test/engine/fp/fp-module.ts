// A module of nothing but the functions under test, with one vCPU block at address 0.

import { bindFpExact, fpExactImport } from "../../../src/engine/fp/imports.js";
import { fpFastOf } from "../../../src/engine/fp/mode.js";
import type { Callable } from "../../../src/engine/ir/function.js";
import { ModuleBuilder } from "../../../src/engine/ir/module.js";
import { CPU } from "../../../src/engine/layout.js";

type Exported = (cpu: number, ...operands: bigint[]) => bigint;

export class FpModule {
  readonly view: DataView;
  private readonly functions: readonly Exported[];
  private exactCalls = 0;

  /** Not `portable`: as compiled regions are, with what only this host has. */
  constructor(callees: readonly Callable[], portable = true) {
    const builder = new ModuleBuilder([fpExactImport], portable);
    callees.forEach((callee, i) => {
      builder.export(callee, `f${i}`);
    });
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const bytes = builder.finish([], { initial: 1, maximum: 1 });
    const exact = bindFpExact(memory.buffer);
    const host = {
      fpExact: (...args: Parameters<typeof exact>) => {
        this.exactCalls++;
        return exact(...args);
      },
    };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { host, env: { memory } });
    this.view = new DataView(memory.buffer);
    this.functions = callees.map((_, i) => instance.exports[`f${i}`] as Exported);
  }

  /** Sets FPCR and FPSR and calls a function; `exact`: it asked the exact path. */
  run(index: number, fpcr: number, fpsr: number, operands: readonly bigint[]): { bits: bigint; exact: boolean } {
    this.view.setUint32(CPU.fpcr, fpcr, true);
    this.view.setUint32(CPU.fpsr, fpsr, true);
    this.view.setUint32(CPU.fpFast, fpFastOf(fpcr, fpsr), true);
    const before = this.exactCalls;
    const bits = (this.functions[index] as Exported)(0, ...operands);
    return { bits: BigInt.asUintN(64, bits), exact: this.exactCalls !== before };
  }
}
