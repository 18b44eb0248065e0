/** Addresses of loads and stores (DDI 0487, C1.3.3 "Load/Store addressing modes"). */
import type { AccessSize, Builder } from "../../engine/builder.js";
import type { I64 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { extended } from "./arithmetic.js";

/** Bytes of an access whose encoding has log2 of it. */
export function bytes(log2: number): AccessSize {
  return (1 << log2) as AccessSize;
}

/** Base plus an unsigned immediate counted in units of 1 << `log2` bytes. */
export function scaledOffset(b: Builder, f: { Rn: Operand; imm12: Operand }, log2: number): I64 {
  return b.base(f.Rn).add(b.operand(f.imm12).shl(log2).toI64U());
}

/** Base plus a register, extended as `option` says (UXTW, LSL, SXTW, SXTX) and shifted. */
export function registerOffset(b: Builder, f: { Rn: Operand; Rm: Operand; option: number }, shift: number): I64 {
  return b.base(f.Rn).add(extended(b.X(f.Rm), f.option).shl(shift));
}

/** Register offsets are words or doublewords; the other options are unallocated. */
export const offsetOption = (v: { option: number }): boolean => (v.option & 2) !== 0;

/** Sign- or zero-extends what a load of 1 << `log2` bytes gave to 32 or 64 bits, zero above. */
export function loadedSigned(value: I64, log2: number, to32: boolean): I64 {
  const wide = log2 === 0 ? value.extend8S() : log2 === 1 ? value.extend16S() : value.extend32S();
  return to32 ? wide.wrap().toI64U() : wide;
}
