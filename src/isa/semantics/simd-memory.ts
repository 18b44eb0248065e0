/**
 * Loads and stores of SIMD&FP registers (DDI 0487, C4.1 "Loads and Stores"): single registers, pairs, and structures
 * (LD1–LD4 and their kin). Elements are little-endian, so a structure is moved in the largest pieces and rearranged.
 */
import type { AccessOptions, AccessSize, Builder } from "../../engine/builder.js";
import type { I64, V128 } from "../../engine/ir/value.js";
import type { Operand } from "../pattern.js";
import { Lanes } from "./simd-lanes.js";
import { readElement, withElementAt } from "./simd-permute.js";
import { fromLow } from "./simd-registers.js";

const widthOf = (size: 4 | 8): 32 | 64 => (size === 4 ? 32 : 64);

/** Moves a register of `1 << scale` bytes (B, H, S, D, Q). */
export function loadRegister(b: Builder, scale: number, Rt: Operand, address: I64): void {
  const size = 1 << scale;
  if (size === 16) b.setV(Rt, b.loadMem128(address));
  else if (size === 4 || size === 8) b.setScalarVector(Rt, b.loadScalarVector(size, address), widthOf(size));
  else b.setD(Rt, b.loadMem(size as AccessSize, address));
}

export function storeRegister(b: Builder, scale: number, Rt: Operand, address: I64): void {
  if (scale === 4) b.storeMem128(address, b.V(Rt));
  else b.storeMem((1 << scale) as AccessSize, address, b.D(Rt));
}

/** opc<1>:size, the log2 of the bytes. */
export const scaleOf = (f: { readonly size: number; readonly q: number }): number => (f.q << 2) | f.size;

interface Single {
  readonly size: number;
  readonly q: number;
  readonly L: number;
  readonly Rn: Operand;
  readonly Rt: Operand;
}

function moveSingle(b: Builder, f: Single, address: I64): void {
  if (f.L === 1) loadRegister(b, scaleOf(f), f.Rt, address);
  else storeRegister(b, scaleOf(f), f.Rt, address);
}

export const unsignedOffset = (b: Builder, f: Single & { readonly imm12: Operand }): void =>
  moveSingle(b, f, b.base(f.Rn).add(b.operand(f.imm12).shl(scaleOf(f)).toI64U()));

export const unscaledOffset = (b: Builder, f: Single & { readonly imm9: Operand }): void =>
  moveSingle(b, f, b.base(f.Rn).add(b.signed(f.imm9)));

export function preIndex(b: Builder, f: Single & { readonly imm9: Operand }): void {
  const address = b.base(f.Rn).add(b.signed(f.imm9));
  moveSingle(b, f, address);
  b.setXSP(f.Rn, address);
}

export function postIndex(b: Builder, f: Single & { readonly imm9: Operand }): void {
  const address = b.base(f.Rn);
  moveSingle(b, f, address);
  b.setXSP(f.Rn, address.add(b.signed(f.imm9)));
}

interface RegisterOffset extends Single {
  readonly option: number;
  readonly S: number;
  readonly Rm: Operand;
}

/** UXTW, LSL, SXTW or SXTX of Rm, shifted by the size if S. */
export function registerOffset(b: Builder, f: RegisterOffset): void {
  const whole = (f.option & 1) === 1;
  const signed = (f.option & 4) !== 0;
  const offset = whole ? b.X(f.Rm) : signed ? b.W(f.Rm).toI64S() : b.W(f.Rm).toI64U();
  moveSingle(b, f, b.base(f.Rn).add(f.S === 1 ? offset.shl(scaleOf(f)) : offset));
}

/** S, D or Q at PC + imm19 × 4. */
export const literal = (b: Builder, f: { opc: number; imm19: Operand; Rt: Operand }): void =>
  loadRegister(b, 2 + f.opc, f.Rt, b.pc().add(b.signed(f.imm19).shl(2)));

// --- pairs ----------------------------------------------------------------------------------------------------------

interface Pair {
  readonly opc: number;
  readonly L: number;
  readonly imm7: Operand;
  readonly Rt2: Operand;
  readonly Rn: Operand;
  readonly Rt: Operand;
}

function movePair(b: Builder, f: Pair, address: I64): void {
  const scale = 2 + f.opc;
  const second = address.add(1 << scale);
  if (scale !== 4) {
    const size = (1 << scale) as 4 | 8;
    if (f.L === 0) {
      b.storePair(size, address, b.D(f.Rt), b.D(f.Rt2));
      return;
    }
    const [low, high] = b.loadScalarVectors(size, address);
    b.setScalarVector(f.Rt, low, widthOf(size));
    b.setScalarVector(f.Rt2, high, widthOf(size));
  } else if (f.L === 0) {
    storeRegister(b, scale, f.Rt, address);
    storeRegister(b, scale, f.Rt2, second);
  } else {
    const low = b.loadMem128(address);
    const high = b.loadMem128(second);
    b.setV(f.Rt, low);
    b.setV(f.Rt2, high);
  }
}

const pairOffset = (b: Builder, f: Pair): I64 => b.signed(f.imm7).shl(2 + f.opc);

export const pairSignedOffset = (b: Builder, f: Pair): void => movePair(b, f, b.base(f.Rn).add(pairOffset(b, f)));

export function pairPreIndex(b: Builder, f: Pair): void {
  const address = b.base(f.Rn).add(pairOffset(b, f));
  movePair(b, f, address);
  b.setXSP(f.Rn, address);
}

export function pairPostIndex(b: Builder, f: Pair): void {
  const address = b.base(f.Rn);
  movePair(b, f, address);
  b.setXSP(f.Rn, address.add(pairOffset(b, f)));
}

// --- structures -----------------------------------------------------------------------------------------------------

/** Where structures lie and whether the base moves on: by Rm, or by the bytes transferred for Rm = 31. */
interface Structure {
  readonly L: number;
  readonly Rn: Operand;
  readonly Rt: Operand;
  readonly Rm?: Operand;
}

function moveOn(b: Builder, f: Structure, address: I64, bytes: number): void {
  if (f.Rm === undefined) return;
  b.setXSP(f.Rn, address.add(b.operand(f.Rm).eq(31).select(b.i64(bytes), b.X(f.Rm))));
}

/** Byte `i` of the result is byte `from(i)` of the parts laid end to end. */
function gather(parts: readonly V128[], from: (i: number) => number): V128 {
  const [first, ...others] = parts as [V128, ...V128[]];
  const wanted = Array.from({ length: 16 }, (_, i) => from(i));
  if (others.length === 0)
    return first.shuffle(
      first,
      wanted.map((w) => w & 15),
    );
  let result = first;
  others.forEach((part, k) => {
    const start = 16 * (k + 1);
    // Bytes of this part come now; others are in place already, or, at the first step, in the first part.
    const lanes = wanted.map((w, i) => (w >> 4 === k + 1 ? 16 + w - start : k === 0 && w < 16 ? w : i));
    result = result.shuffle(part, lanes);
  });
  return result;
}

/** Consecutive memory in vectors of 16 bytes; the last may hold 8. */
function loadParts(b: Builder, address: I64, bytes: number, options: AccessOptions): V128[] {
  const parts: V128[] = [];
  for (let at = 0; at < bytes; at += 16) {
    const from = address.add(at);
    parts.push(bytes - at >= 16 ? b.loadMem128(from, options) : fromLow(b, b.loadMem(8, from, options)));
  }
  return parts;
}

function storeParts(b: Builder, address: I64, bytes: number, part: (n: number) => V128, options: AccessOptions): void {
  for (let at = 0; at < bytes; at += 16) {
    const value = part(at >> 4);
    if (bytes - at >= 16) b.storeMem128(address.add(at), value, options);
    else b.storeMem(8, address.add(at), value.i64(0), options);
  }
}

/** LD1/ST1 of 1 to 4 registers, one after another. */
export const consecutive =
  (registers: number) =>
  (b: Builder, f: Structure & { readonly Q: number; readonly size: Operand }): void => {
    const bytes = 8 << f.Q;
    const options = { element: b.operand(f.size) };
    const base = b.base(f.Rn);
    const address = (n: number): I64 => base.add(n * bytes);
    if (f.L === 1) {
      const loaded = Array.from({ length: registers }, (_, n) =>
        f.Q === 1 ? b.loadMem128(address(n), options) : fromLow(b, b.loadMem(8, address(n), options)),
      );
      loaded.forEach((v, n) => {
        b.setV(f.Rt, v, n);
      });
    } else {
      for (let n = 0; n < registers; n++) {
        if (f.Q === 1) b.storeMem128(address(n), b.V(f.Rt, n), options);
        else b.storeMem(8, address(n), b.D(f.Rt, n), options);
      }
    }
    moveOn(b, f, base, registers * bytes);
  };

interface Interleaved extends Structure {
  readonly Q: number;
  readonly size: number;
}

/** LD2–LD4/ST2–ST4: element e of register r is element (e × registers + r) in memory. */
export const interleaved =
  (registers: number) =>
  (b: Builder, f: Interleaved): void => {
    const perRegister = 8 << f.Q;
    const bytes = registers * perRegister;
    const width = 1 << f.size;
    const base = b.base(f.Rn);
    if (f.L === 1) {
      const parts = loadParts(b, base, bytes, { element: b.i32(f.size) });
      const values = Array.from({ length: registers }, (_, r) =>
        gather(parts, (i) => (((i % perRegister) >> f.size) * registers + r) * width + (i % width)),
      );
      values.forEach((v, r) => {
        if (f.Q === 1) b.setV(f.Rt, v, r);
        else b.setD(f.Rt, v.i64(0), r);
      });
    } else {
      const sources = Array.from({ length: registers }, (_, r) => b.V(f.Rt, r));
      const part = (n: number): V128 =>
        gather(sources, (i) => {
          const number = ((16 * n + i) % bytes) >> f.size;
          return (number % registers) * 16 + Math.floor(number / registers) * width + (i % width);
        });
      storeParts(b, base, bytes, part, { element: b.i32(f.size) });
    }
    moveOn(b, f, base, bytes);
  };

interface SingleStructure extends Structure {
  readonly Q: Operand;
  readonly S?: Operand;
  readonly low?: Operand;
}

/** LD1–LD4/ST1–ST4 of one element; its number is Q, then S, then what of the size field the size does not need. */
export const singleElement =
  (registers: number, size: number) =>
  (b: Builder, f: SingleStructure): void => {
    let index = b.operand(f.Q);
    if (f.S) index = index.shl(1).or(b.operand(f.S));
    if (f.low) index = index.shl(f.low.width).or(b.operand(f.low));
    const width = (1 << size) as AccessSize;
    const base = b.base(f.Rn);
    const numbers = Array.from({ length: registers }, (_, r) => r);
    if (f.L === 1) {
      const loaded = numbers.map((r) => b.loadMem(width, base.add(r * width)));
      loaded.forEach((value, r) => {
        b.setV(f.Rt, withElementAt(b, size, b.V(f.Rt, r), index, new Lanes(b, size).splat(value)), r);
      });
    } else {
      for (const r of numbers) b.storeMem(width, base.add(r * width), readElement(b, size, b.V(f.Rt, r), index));
    }
    moveOn(b, f, base, registers * width);
  };

/** LD1R–LD4R: one element to all. */
export const replicated =
  (registers: number) =>
  (b: Builder, f: Interleaved): void => {
    const width = (1 << f.size) as AccessSize;
    const lanes = new Lanes(b, f.size);
    const base = b.base(f.Rn);
    const loaded = Array.from({ length: registers }, (_, r) => b.loadMem(width, base.add(r * width)));
    loaded.forEach((value, r) => {
      const v = lanes.splat(value);
      if (f.Q === 1) b.setV(f.Rt, v, r);
      else b.setD(f.Rt, v.i64(0), r);
    });
    moveOn(b, f, base, registers * width);
  };
