/**
 * Where a region has the flags, and conditions by what they come of: a comparison of two values where that does instead
 * of N, Z, C and V.
 */
import type { FlagSource } from "../flags.js";
import type { F64, I32, I64, Value } from "../ir/value.js";

/** Types of what flags come of. */
export type SourceLetter = "l" | "i" | "d" | "f";
type FlagOp = FlagSource["op"];

/**
 * Where the flags are: in the vCPU block; in locals of their own; or there is in locals what they come of, under a
 * condition that is in a local too or else NZCV are a constant.
 */
export type FlagState =
  | { readonly kind: "stored" }
  | { readonly kind: "flags" }
  | {
      readonly kind: "source";
      readonly op: FlagOp;
      readonly letter: SourceLetter;
      /** NZCV in bits 31–28 where the condition does not hold. */
      readonly otherwise: number | undefined;
    };
export const STORED: FlagState = { kind: "stored" };
export const FLAGS: FlagState = { kind: "flags" };

export const sameFlags = (a: FlagState, b: FlagState): boolean =>
  a.kind === "source" && b.kind === "source"
    ? a.op === b.op && a.letter === b.letter && a.otherwise === b.otherwise
    : a.kind === b.kind;

/** A condition after the subtraction a − b. */
function integerCondition(code: number, a: I64, b: I64): I32 | undefined {
  switch (code) {
    case 0:
      return a.eq(b);
    case 1:
      return a.ne(b);
    case 2:
      return a.geU(b);
    case 3:
      return a.ltU(b);
    case 8:
      return a.gtU(b);
    case 9:
      return a.leU(b);
    case 10:
      return a.geS(b);
    case 11:
      return a.ltS(b);
    case 12:
      return a.gtS(b);
    case 13:
      return a.leS(b);
    default:
      return undefined;
  }
}

/** A condition after FCMP a, b (DDI 0487, FPCompare): unordered is neither equal nor less, and sets C and V. */
function floatCondition(code: number, a: F64, b: F64): I32 | undefined {
  switch (code) {
    case 0:
      return a.eq(b);
    case 1:
      return a.ne(b);
    case 2:
    case 5:
      return a.lt(b).eqz();
    case 3:
    case 4:
      return a.lt(b);
    case 8:
      return a.le(b).eqz();
    case 9:
      return a.le(b);
    case 10:
      return a.ge(b);
    case 11:
      return a.ge(b).eqz();
    case 12:
      return a.gt(b);
    case 13:
      return a.gt(b).eqz();
    default:
      return undefined;
  }
}

/** A condition after a logical operation with the result x: C and V are clear. */
function signCondition(code: number, x: I64): I32 | undefined {
  switch (code) {
    case 0:
      return x.eqz();
    case 1:
      return x.ne(0n);
    case 4:
    case 11:
      return x.ltS(0);
    case 5:
    case 10:
      return x.geS(0);
    case 12:
      return x.gtS(0);
    case 13:
      return x.leS(0);
    default:
      return undefined;
  }
}

/** A condition by what the flags come of; undefined where the flags themselves are as good. */
export function conditionOf(op: FlagOp, code: number, x: Value, y: Value): I32 | undefined {
  switch (op) {
    case "difference":
      return integerCondition(code, x as I64, y as I64);
    case "floats":
      return floatCondition(code, x as F64, y as F64);
    case "sign":
      return signCondition(code, x as I64);
    default:
      return undefined;
  }
}

/** Whether NZCV in bits 31–28 meet a condition (DDI 0487, ConditionHolds). */
export function holds(code: number, word: number): boolean {
  const [n, z, c, v] = [31, 30, 29, 28].map((bit) => ((word >>> bit) & 1) === 1);
  const base = [z, c, n, v, c && !z, n === v, n === v && !z, true][code >> 1] === true;
  return (code & 1) === 1 && code !== 15 ? !base : base;
}
