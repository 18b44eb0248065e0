/**
 * Shifts by constants. A64's bitfield instructions are a shift to the top and one back, by amounts modulo the width;
 * the host has better: an amount that is an immediate, a mask, the extension of a sign.
 */
import { OPS, type OpName } from "../wasm/opcodes.js";
import { SHIFTS, type Shift } from "./fold.js";
import type { FunctionBuilder } from "./function.js";
import { isSame } from "./peephole.js";
import type { I32, I64, Node } from "./value.js";

type Integer = I32 | I64;

const BY_NAME = new Map<string, readonly [type: "i32" | "i64", shift: Shift]>();
for (const type of ["i32", "i64"] as const) {
  for (const shift of SHIFTS) BY_NAME.set(`${type}.${shift}`, [type, shift]);
}

/** Extensions of signs by the bits that they are of. */
const EXTENSIONS: Record<"i32" | "i64", Readonly<Record<number, OpName>>> = {
  i32: { 8: "i32.extend8_s", 16: "i32.extend16_s" },
  i64: { 8: "i64.extend8_s", 16: "i64.extend16_s", 32: "i64.extend32_s" },
};

/** Masks of more bits than that are no immediates of the host's: two shifts are as good. */
const MAX_MASK = 32;

/** In place of a shift by a constant, which changes something (fold.ts); undefined where nothing is better. */
export function simplerShift(fb: FunctionBuilder, name: OpName, [value, by]: readonly Node[]): Integer | undefined {
  const [type, shift] = BY_NAME.get(name) ?? [];
  if (type === undefined || shift === undefined || value === undefined || by?.constant === undefined) return undefined;
  const bits = type === "i32" ? 32 : 64;
  const amount = amountOf(by, bits);
  const inner = constantShift(value, OPS[`${type}.shl`][0], bits);
  const known = inner && afterShiftLeft(fb, type, bits, shift, inner, amount);
  if (known) return known;
  if (BigInt(by.constant as number | bigint) === BigInt(amount)) return undefined;
  return shifted(fb, type, shift, value, amount);
}

/** Amounts count modulo the width. */
const amountOf = ({ constant }: Node, bits: number): number =>
  Number(BigInt.asUintN(32, BigInt(constant as number | bigint))) & (bits - 1);

/** What is shifted by a constant, and by how much. */
function constantShift(
  { opcode, args: [value, by] }: Node,
  wanted: number,
  bits: number,
): readonly [Node, number] | undefined {
  if (opcode !== wanted || value === undefined || by?.constant === undefined) return undefined;
  return [value, amountOf(by, bits)];
}

/** EXTR of one register: what is shifted out on the right comes in on the left. */
export function rotation(fb: FunctionBuilder, name: OpName, left: Node, right: Node | undefined): Integer | undefined {
  if ((name !== "i64.or" && name !== "i32.or") || right === undefined) return undefined;
  const type = name === "i64.or" ? "i64" : "i32";
  const bits = type === "i64" ? 64 : 32;
  const up = constantShift(left, OPS[`${type}.shl`][0], bits);
  const down = constantShift(right, OPS[`${type}.shr_u`][0], bits);
  if (up === undefined || down === undefined || !isSame(up[0], down[0]) || up[1] + down[1] !== bits) return undefined;
  return shifted(fb, type, "rotr", down[0], down[1]);
}

const constantOf = (fb: FunctionBuilder, type: "i32" | "i64", value: number | bigint): Integer =>
  type === "i32" ? fb.i32(Number(value)) : fb.i64(value);

function shifted(fb: FunctionBuilder, type: "i32" | "i64", shift: Shift, value: Node, amount: number): Integer {
  const left = fb.wrap(value) as Integer;
  if (amount === 0) return left;
  return fb.op(`${type}.${shift}`, left, constantOf(fb, type, amount)) as Integer;
}

/** `x << left`, shifted on by `amount`. */
function afterShiftLeft(
  fb: FunctionBuilder,
  type: "i32" | "i64",
  bits: number,
  shift: Shift,
  [x, left]: readonly [Node, number],
  amount: number,
): Integer | undefined {
  const field = bits - left;
  switch (shift) {
    case "shl":
      return left + amount < bits ? shifted(fb, type, "shl", x, left + amount) : undefined;
    case "shr_s": {
      const extension = EXTENSIONS[type][field];
      if (extension === undefined || amount > left) return undefined;
      return shifted(fb, type, "shl", fb.op(extension, fb.wrap(x)).node, left - amount);
    }
    case "shr_u": {
      const kept = bits - Math.max(left, amount);
      if (kept > MAX_MASK) return undefined;
      const mask = (1n << BigInt(kept)) - 1n;
      const lowered = amount > left ? shifted(fb, type, "shr_u", x, amount - left) : (fb.wrap(x) as Integer);
      const masked = fb.op(`${type}.and`, lowered, constantOf(fb, type, mask));
      return amount < left ? shifted(fb, type, "shl", masked.node, left - amount) : (masked as Integer);
    }
    default:
      return undefined;
  }
}
