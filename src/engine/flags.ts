/**
 * NZCV by what they come of. Compiled regions note only that, because flags are set often and wanted rarely; the vCPU
 * block has cells for it (CPU.flagSource, flagX, flagY), which mean something while compiled code runs and hands over
 * to more of it. Whoever else wants flags has them settled first.
 */
import { CpuView } from "./cpu-view.js";
import type { FunctionBuilder } from "./ir/function.js";
import { defineFunction } from "./ir/module.js";
import { type F32, F64, type I32, I64 } from "./ir/value.js";
import { CPU } from "./layout.js";

/** Flags as kept: N = sign of n, Z = (z is 0), C = c (0 or 1), V = sign of v. */
export interface Flags {
  readonly n: I64;
  readonly z: I64;
  readonly c: I32;
  readonly v: I64;
}

/** The flags of x − y, of x + y, of x as the result of a logical operation, of FCMP x, y (DDI 0487, FPCompare). */
export type FlagSource =
  | { readonly op: "difference" | "sum"; readonly x: I64; readonly y: I64 }
  | { readonly op: "difference" | "sum"; readonly x: I32; readonly y: I32 }
  | { readonly op: "sign"; readonly x: I64; readonly y?: undefined }
  | { readonly op: "floats"; readonly x: F64; readonly y: F64 }
  | { readonly op: "floats"; readonly x: F32; readonly y: F32 };

/** CPU.flagSource: 0 when the flags are in their own cells; `word`: NZCV are bits 31–28 of flagX. */
export const FLAG_SOURCE = {
  stored: 0,
  word: 1,
  difference: { l: 2, i: 3 },
  sum: { l: 4, i: 5 },
  sign: { l: 6 },
  floats: { d: 7, f: 8 },
} as const;

export function flagsOf(fb: FunctionBuilder, { op, x, y }: FlagSource): Flags {
  if (op === "sign") return { n: x, z: x, c: fb.i32(0), v: fb.i64(0) };
  if (op === "floats") return y instanceof F64 ? floatFlags(x as F64, y) : floatFlags(x as F32, y as F32);
  if (x instanceof I64) {
    const [r, c, v] = integerFlags(op, x, y as I64);
    return { n: r, z: r, c, v };
  }
  const [r, c, v] = integerFlags(op, x as I32, y as I32);
  const wide = r.toI64S();
  return { n: wide, z: wide, c, v: v.toI64S() };
}

/** Result, carry, and overflow in the sign bit. */
function integerFlags<T extends I32 | I64>(op: "difference" | "sum", x: T, y: T): [T, I32, T];
function integerFlags(op: "difference" | "sum", x: I64, y: I64): [I64, I32, I64] {
  if (op === "difference") {
    const r = x.sub(y);
    return [r, x.geU(y), x.xor(y).and(x.xor(r))];
  }
  const r = x.add(y);
  return [r, r.ltU(x), x.xor(r).and(y.xor(r))];
}

/** Unordered is neither equal nor less, and sets C and V. */
function floatFlags<T extends F32 | F64>(x: T, y: T): Flags;
function floatFlags(x: F64, y: F64): Flags {
  const less = x.lt(y);
  const unordered = x.ne(x).or(y.ne(y));
  return {
    n: less.toI64U().shl(63),
    z: x.eq(y).eqz().toI64U(),
    c: less.eqz(),
    v: unordered.toI64U().shl(63),
  };
}

/** NZCV from bits 31–28. */
export function flagsOfWord(word: I32): Flags {
  const wide = word.toI64U();
  return { n: wide.shl(32), z: wide.shrU(30).and(1).xor(1), c: word.shrU(29).and(1), v: wide.shl(35) };
}

const settleFlags = defineFunction("settleFlags", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const source = c.get32(CPU.flagSource);
  c.set32(CPU.flagSource, FLAG_SOURCE.stored);
  const when = (number: number, flags: () => Flags): void =>
    fb.if(source.eq(number), () => {
      const { n, z, c: carry, v } = flags();
      c.set64(CPU.flagN, n);
      c.set64(CPU.flagZ, z);
      c.set32(CPU.flagC, carry);
      c.set64(CPU.flagV, v);
      fb.return();
    });
  const [wideX, wideY] = [c.get64(CPU.flagX), c.get64(CPU.flagY)];
  const [x, y] = [wideX.wrap(), wideY.wrap()];
  for (const op of ["difference", "sum"] as const) {
    when(FLAG_SOURCE[op].l, () => flagsOf(fb, { op, x: wideX, y: wideY }));
    when(FLAG_SOURCE[op].i, () => flagsOf(fb, { op, x, y }));
  }
  when(FLAG_SOURCE.sign.l, () => flagsOf(fb, { op: "sign", x: wideX }));
  when(FLAG_SOURCE.floats.d, () => flagsOf(fb, { op: "floats", x: wideX.asF64(), y: wideY.asF64() }));
  when(FLAG_SOURCE.floats.f, () => flagsOf(fb, { op: "floats", x: x.asF32(), y: y.asF32() }));
  when(FLAG_SOURCE.word, () => flagsOfWord(x));
  fb.return();
});

/** Has the flags in their own cells. */
export function settle({ fb, base }: CpuView): void {
  const source = fb.load("i32.load", base, CPU.flagSource) as I32;
  fb.if(source, () => fb.call(settleFlags, base));
}
