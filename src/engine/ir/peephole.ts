/**
 * Moves between representations that cancel out: the bits of a float that came from a vector, and back. Instruction
 * bodies hand registers over as bits; what is computed with them wants to stay where it is.
 */
import { LANE_OPS, type LaneOpName, OPS, type OpName, type StoreName } from "../wasm/opcodes.js";
import type { Node } from "./value.js";

/** An operation in place of another: an existing node, or one to define. */
export type Rewritten =
  | { readonly node: Node }
  | { readonly laneOp: LaneOpName; readonly lane: number; readonly args: readonly Node[] };

/** Reinterpreting back gives what was; reinterpreting a lane is another type's lane. */
const REINTERPRET: Partial<
  Record<OpName, { readonly inverse: OpName; readonly from: LaneOpName; readonly to: LaneOpName }>
> = {
  "f64.reinterpret_i64": { inverse: "i64.reinterpret_f64", from: "i64x2.extract_lane", to: "f64x2.extract_lane" },
  "i64.reinterpret_f64": { inverse: "f64.reinterpret_i64", from: "f64x2.extract_lane", to: "i64x2.extract_lane" },
  "f32.reinterpret_i32": { inverse: "i32.reinterpret_f32", from: "i32x4.extract_lane", to: "f32x4.extract_lane" },
  "i32.reinterpret_f32": { inverse: "f32.reinterpret_i32", from: "f32x4.extract_lane", to: "i32x4.extract_lane" },
};

export const is = (node: Node, name: OpName): boolean => node.opcode === OPS[name][0];

/** Whether values are one, or were cut off one: that is made anew each time. */
export const isSame = (a: Node, b: Node): boolean =>
  a === b || (is(a, "i32.wrap_i64") && is(b, "i32.wrap_i64") && a.args[0] === b.args[0]);

export function rewriteOp(name: OpName, args: readonly Node[]): Rewritten | undefined {
  const [a] = args;
  const inner = a?.args[0];
  if (a === undefined || inner === undefined) return undefined;
  const rule = REINTERPRET[name];
  if (rule === undefined) return undefined;
  if (is(a, rule.inverse)) return { node: inner };
  if (a.opcode !== LANE_OPS[rule.from][0]) return undefined;
  return { laneOp: rule.to, lane: a.immediates[0] as number, args: [inner] };
}

const isZero = (node: Node): boolean =>
  node.constant instanceof Uint8Array && node.constant.every((byte) => byte === 0);

export function rewriteLaneOp(name: LaneOpName, lane: number, args: readonly Node[]): Rewritten | undefined {
  const [vector, value] = args;
  const inner = value?.args[0];
  if (vector === undefined || inner === undefined) return undefined;
  if (name === "i64x2.replace_lane") {
    if (is(value as Node, "i64.reinterpret_f64")) return { laneOp: "f64x2.replace_lane", lane, args: [vector, inner] };
    // The upper half of the lane is zero already.
    if (is(value as Node, "i64.extend_i32_u") && isZero(vector)) {
      return { laneOp: "i32x4.replace_lane", lane: 2 * lane, args: [vector, inner] };
    }
  }
  if (name === "i32x4.replace_lane" && is(value as Node, "i32.reinterpret_f32")) {
    return { laneOp: "f32x4.replace_lane", lane, args: [vector, inner] };
  }
  return undefined;
}

/** A store of an integer that was a float, or a lane, as the store of that. */
export function rewriteStore(
  name: StoreName,
  value: Node,
): { readonly store: StoreName; readonly by: Rewritten } | undefined {
  if (name !== "i64.store" && name !== "i64.store32") return undefined;
  const inner = value.args[0];
  if (inner === undefined) return undefined;
  const double = name === "i64.store";
  if (double && is(value, "i64.reinterpret_f64")) return { store: "f64.store", by: { node: inner } };
  if (!double && is(value, "i64.extend_i32_u") && is(inner, "i32.reinterpret_f32")) {
    return { store: "f32.store", by: { node: inner.args[0] as Node } };
  }
  if (value.opcode !== LANE_OPS["i64x2.extract_lane"][0]) return undefined;
  const lane = value.immediates[0] as number;
  return double
    ? { store: "f64.store", by: { laneOp: "f64x2.extract_lane", lane, args: [inner] } }
    : { store: "f32.store", by: { laneOp: "f32x4.extract_lane", lane: 2 * lane, args: [inner] } };
}
