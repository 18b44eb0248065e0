/**
 * Constant folding: what makes one instruction body serve as interpreter handler (fields read at run time) and as
 * compiled code (fields known). Integer operations only.
 */
import type { OpName } from "../wasm/opcodes.js";
import type { Node } from "./value.js";

type Fold = (a: bigint, b: bigint, bits: number) => bigint;
const unsigned = (v: bigint, bits: number): bigint => BigInt.asUintN(bits, v);
const bool = (v: boolean): bigint => (v ? 1n : 0n);
const amount = (b: bigint, bits: number): bigint => b & BigInt(bits - 1);

const BINARY: Record<string, Fold> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b, n) => a << amount(b, n),
  shr_s: (a, b, n) => a >> amount(b, n),
  shr_u: (a, b, n) => unsigned(a, n) >> amount(b, n),
  rotr: (a, b, n) => (unsigned(a, n) >> amount(b, n)) | (a << (BigInt(n) - amount(b, n))),
  rotl: (a, b, n) => (a << amount(b, n)) | (unsigned(a, n) >> (BigInt(n) - amount(b, n))),
  eq: (a, b) => bool(a === b),
  ne: (a, b) => bool(a !== b),
  lt_s: (a, b) => bool(a < b),
  le_s: (a, b) => bool(a <= b),
  gt_s: (a, b) => bool(a > b),
  ge_s: (a, b) => bool(a >= b),
  lt_u: (a, b, n) => bool(unsigned(a, n) < unsigned(b, n)),
  le_u: (a, b, n) => bool(unsigned(a, n) <= unsigned(b, n)),
  gt_u: (a, b, n) => bool(unsigned(a, n) > unsigned(b, n)),
  ge_u: (a, b, n) => bool(unsigned(a, n) >= unsigned(b, n)),
};

const UNARY: Record<string, (a: bigint) => bigint> = {
  "i32.eqz": (a) => bool(a === 0n),
  "i64.eqz": (a) => bool(a === 0n),
  "i32.wrap_i64": (a) => BigInt.asIntN(32, a),
  "i64.extend_i32_s": (a) => a,
  "i64.extend_i32_u": (a) => unsigned(a, 32),
  "i32.extend8_s": (a) => BigInt.asIntN(8, a),
  "i32.extend16_s": (a) => BigInt.asIntN(16, a),
  "i64.extend8_s": (a) => BigInt.asIntN(8, a),
  "i64.extend16_s": (a) => BigInt.asIntN(16, a),
  "i64.extend32_s": (a) => BigInt.asIntN(32, a),
};

const isZero = (constant: Node["constant"]): boolean => constant === 0 || constant === 0n;

const ZERO_AT_ZERO = new Set(["and", "mul"]);
const IDENTITY_AT_ZERO = new Set(["add", "sub", "or", "xor"]);
/** Their amounts count modulo the width: UBFM shifts left by the complement of `imms`. */
export const SHIFTS = ["shl", "shr_s", "shr_u", "rotr", "rotl"] as const;
export type Shift = (typeof SHIFTS)[number];

interface Rule {
  readonly unary: ((a: bigint) => bigint) | undefined;
  readonly binary: Fold | undefined;
  readonly bits: number;
  readonly identityAtZero: boolean;
  readonly zeroAtZero: boolean;
  readonly shifts: boolean;
}

/** By instruction name: compiling asks for every node, and few have anything known. */
const RULES = new Map<string, Rule>();

function ruleOf(name: OpName): Rule {
  const found = RULES.get(name);
  if (found) return found;
  const [type, operation = ""] = name.split(".");
  const integer = type === "i32" || type === "i64";
  const rule: Rule = {
    unary: UNARY[name],
    binary: integer ? BINARY[operation] : undefined,
    bits: type === "i32" ? 32 : 64,
    identityAtZero: integer && IDENTITY_AT_ZERO.has(operation),
    zeroAtZero: integer && ZERO_AT_ZERO.has(operation),
    shifts: integer && (SHIFTS as readonly string[]).includes(operation),
  };
  RULES.set(name, rule);
  return rule;
}

const known = (c: Node["constant"]): bigint | undefined =>
  typeof c === "number" ? BigInt(c) : typeof c === "bigint" ? c : undefined;

/** The result as a constant, one of the operands when the operation changes nothing, or undefined. */
export function fold(name: OpName, args: readonly Node[]): bigint | Node | undefined {
  const [left, right] = args;
  if (left === undefined || (left.constant === undefined && right?.constant === undefined)) return undefined;
  if (left.type !== "i" && left.type !== "l") return undefined;
  const { unary, binary, bits, identityAtZero, zeroAtZero, shifts } = ruleOf(name);
  if (unary) {
    const a = known(left.constant);
    return a === undefined ? undefined : unary(a);
  }
  if (right === undefined) return undefined;
  if (zeroAtZero && isZero(left.constant)) return 0n;
  if (right.constant === undefined) return undefined;
  if (identityAtZero && isZero(right.constant)) return left;
  if (shifts && amount(known(right.constant) as bigint, bits) === 0n) return left;
  if (zeroAtZero && isZero(right.constant)) return 0n;
  if (binary === undefined || left.constant === undefined) return undefined;
  const [a, b] = [known(left.constant), known(right.constant)];
  return a === undefined || b === undefined ? undefined : BigInt.asIntN(bits, binary(a, b, bits));
}
