/**
 * The way out of generated code to the exact path (cpu/fp/exact.ts): what the host's own float instructions cannot
 * decide, and what is made of that in WebAssembly (rare.ts, modal.ts) does not reach, is decided there.
 */
import { fpExact } from "../../cpu/fp/exact.js";
import type { Format } from "../../cpu/fp/format.js";
import { importFunction } from "../ir/module.js";
import { CPU } from "../layout.js";
import { fpFastOf } from "./mode.js";

/** (cpu, FpOp, width, a, b, c) → result bits, zero-extended; the flags raised are in FPSR. */
export const fpExactImport = importFunction("fpExact", "iiilll", "l");

export type FpExactHost = (cpu: number, op: number, width: number, a: bigint, b: bigint, c: bigint) => bigint;

/** The host's side of `fpExactImport`, over the memory in which the vCPU blocks are. */
export function bindFpExact(memory: ArrayBuffer | SharedArrayBuffer): FpExactHost {
  const view = new DataView(memory);
  return (cpu, op, width, a, b, c) => {
    const fpcr = view.getUint32(cpu + CPU.fpcr, true);
    const { bits, flags } = fpExact(op, width as Format["N"], a, b, c, fpcr);
    if (flags !== 0) {
      const fpsr = view.getUint32(cpu + CPU.fpsr, true) | flags;
      view.setUint32(cpu + CPU.fpsr, fpsr, true);
      view.setUint32(cpu + CPU.fpFast, fpFastOf(fpcr, fpsr), true);
    }
    return bits;
  };
}
