/**
 * Low halves of 64 bits. What a W register holds is 32 bits and zeros above them; computed with as 64 bits, each result
 * is cut off and extended again, which is an instruction of the host's each time. Computed as 32 bits it is none: the
 * host's operations of 32 bits clear the upper half.
 */
import { CONTROL, OPS, type OpName } from "../wasm/opcodes.js";
import type { FunctionBuilder } from "./function.js";
import { is } from "./peephole.js";
import type { I32, I64, Node, Value } from "./value.js";

/** Operations whose low half comes of the operands' low halves alone, by opcode. */
const BY_HALVES = new Map<number, OpName>(
  (["add", "sub", "mul", "and", "or", "xor"] as const).map((name) => [OPS[`i64.${name}`][0], `i32.${name}`]),
);

/** In place of an operation that asks for no more than the low half of 64 bits, where that can be had as 32 bits. */
export function narrower(fb: FunctionBuilder, name: OpName, node: Node): Value | undefined {
  switch (name) {
    case "i32.wrap_i64":
      return halfOf(fb, node);
    case "i64.extend32_s":
      return halfOf(fb, node)?.toI64S();
    default:
      return undefined;
  }
}

/** The low half as 32 bits; undefined where it is to be cut off what has 64. */
function halfOf(fb: FunctionBuilder, node: Node): I32 | undefined {
  if (is(node, "i64.extend_i32_u") || is(node, "i64.extend_i32_s")) return fb.wrap(node.args[0] as Node) as I32;
  const [a, b, condition] = node.args;
  if (a === undefined || b === undefined) return fb.knownHalf(node);
  const name = BY_HALVES.get(node.opcode);
  const selects = node.opcode === CONTROL.select;
  if (name === undefined && !selects) return undefined;
  const [x, y] = [halfOf(fb, a), halfOf(fb, b)];
  // With neither known, one is to be cut off behind the operation, not two before it.
  if (x === undefined && y === undefined) return undefined;
  const [left, right] = [x ?? cutOff(fb, a), y ?? cutOff(fb, b)];
  return name ? (fb.op(name, left, right) as I32) : fb.select(fb.wrap(condition as Node) as I32, left, right);
}

const cutOff = (fb: FunctionBuilder, node: Node): I32 => (fb.wrap(node) as I64).wrap();
