/**
 * WebAssembly instructions (core specification 2.0, with fixed-width SIMD) as rows: opcode, operand types, result
 * type. Types are one letter each: i = i32, l = i64, f = f32, d = f64, v = v128, _ = nothing. SIMD opcodes carry
 * 0xfd in bits 16–23, the "misc" ones 0xfc.
 */
const binary = <const N extends string>(first: number, names: readonly N[]): { [K in N]: number } =>
  Object.fromEntries(names.map((n, i) => [n, first + i])) as { [K in N]: number };

const I_COMPARE = ["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"] as const;
const F_COMPARE = ["eq", "ne", "lt", "gt", "le", "ge"] as const;
const I_BINARY = [
  "add",
  "sub",
  "mul",
  "div_s",
  "div_u",
  "rem_s",
  "rem_u",
  "and",
  "or",
  "xor",
  "shl",
  "shr_s",
  "shr_u",
  "rotl",
  "rotr",
] as const;
const F_UNARY = ["abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"] as const;
const F_BINARY = ["add", "sub", "mul", "div", "min", "max", "copysign"] as const;
const BIT_COUNT = ["clz", "ctz", "popcnt"] as const;

type Row = readonly [code: number, params: string, result: string];
type Prefixed<P extends string, N extends string, R extends Row> = { [K in N as `${P}.${K}`]: R };

function rows<const P extends string, const N extends string, const A extends string, const R extends string>(
  prefix: P,
  first: number,
  names: readonly N[],
  params: A,
  result: R,
): Prefixed<P, N, readonly [number, A, R]> {
  const codes = binary(first, names);
  return Object.fromEntries(names.map((n) => [`${prefix}.${n}`, [codes[n], params, result] as const])) as Prefixed<
    P,
    N,
    readonly [number, A, R]
  >;
}

const FC = 0xfc0000;
const FD = 0xfd0000;

const scalar = {
  ...rows("i32", 0x46, I_COMPARE, "ii", "i"),
  ...rows("i64", 0x51, I_COMPARE, "ll", "i"),
  ...rows("f32", 0x5b, F_COMPARE, "ff", "i"),
  ...rows("f64", 0x61, F_COMPARE, "dd", "i"),
  "i32.eqz": [0x45, "i", "i"],
  "i64.eqz": [0x50, "l", "i"],
  ...rows("i32", 0x67, BIT_COUNT, "i", "i"),
  ...rows("i32", 0x6a, I_BINARY, "ii", "i"),
  ...rows("i64", 0x79, BIT_COUNT, "l", "l"),
  ...rows("i64", 0x7c, I_BINARY, "ll", "l"),
  ...rows("f32", 0x8b, F_UNARY, "f", "f"),
  ...rows("f32", 0x92, F_BINARY, "ff", "f"),
  ...rows("f64", 0x99, F_UNARY, "d", "d"),
  ...rows("f64", 0xa0, F_BINARY, "dd", "d"),
  "i32.wrap_i64": [0xa7, "l", "i"],
  "i64.extend_i32_s": [0xac, "i", "l"],
  "i64.extend_i32_u": [0xad, "i", "l"],
  "f32.convert_i32_s": [0xb2, "i", "f"],
  "f32.convert_i32_u": [0xb3, "i", "f"],
  "f32.convert_i64_s": [0xb4, "l", "f"],
  "f32.convert_i64_u": [0xb5, "l", "f"],
  "f32.demote_f64": [0xb6, "d", "f"],
  "f64.convert_i32_s": [0xb7, "i", "d"],
  "f64.convert_i32_u": [0xb8, "i", "d"],
  "f64.convert_i64_s": [0xb9, "l", "d"],
  "f64.convert_i64_u": [0xba, "l", "d"],
  "f64.promote_f32": [0xbb, "f", "d"],
  "i32.reinterpret_f32": [0xbc, "f", "i"],
  "i64.reinterpret_f64": [0xbd, "d", "l"],
  "f32.reinterpret_i32": [0xbe, "i", "f"],
  "f64.reinterpret_i64": [0xbf, "l", "d"],
  "i32.extend8_s": [0xc0, "i", "i"],
  "i32.extend16_s": [0xc1, "i", "i"],
  "i64.extend8_s": [0xc2, "l", "l"],
  "i64.extend16_s": [0xc3, "l", "l"],
  "i64.extend32_s": [0xc4, "l", "l"],
  "i32.trunc_sat_f32_s": [FC | 0, "f", "i"],
  "i32.trunc_sat_f32_u": [FC | 1, "f", "i"],
  "i32.trunc_sat_f64_s": [FC | 2, "d", "i"],
  "i32.trunc_sat_f64_u": [FC | 3, "d", "i"],
  "i64.trunc_sat_f32_s": [FC | 4, "f", "l"],
  "i64.trunc_sat_f32_u": [FC | 5, "f", "l"],
  "i64.trunc_sat_f64_s": [FC | 6, "d", "l"],
  "i64.trunc_sat_f64_u": [FC | 7, "d", "l"],
} as const satisfies Record<string, Row>;

const simd = {
  "i8x16.swizzle": [FD | 0x0e, "vv", "v"],
  "i8x16.splat": [FD | 0x0f, "i", "v"],
  "i16x8.splat": [FD | 0x10, "i", "v"],
  "i32x4.splat": [FD | 0x11, "i", "v"],
  "i64x2.splat": [FD | 0x12, "l", "v"],
  "f32x4.splat": [FD | 0x13, "f", "v"],
  "f64x2.splat": [FD | 0x14, "d", "v"],
  ...rows("i8x16", FD | 0x23, I_COMPARE, "vv", "v"),
  ...rows("i16x8", FD | 0x2d, I_COMPARE, "vv", "v"),
  ...rows("i32x4", FD | 0x37, I_COMPARE, "vv", "v"),
  ...rows("f32x4", FD | 0x41, F_COMPARE, "vv", "v"),
  ...rows("f64x2", FD | 0x47, F_COMPARE, "vv", "v"),
  "v128.not": [FD | 0x4d, "v", "v"],
  ...rows("v128", FD | 0x4e, ["and", "andnot", "or", "xor"], "vv", "v"),
  "v128.bitselect": [FD | 0x52, "vvv", "v"],
  "v128.any_true": [FD | 0x53, "v", "i"],
  "f32x4.demote_f64x2_zero": [FD | 0x5e, "v", "v"],
  "f64x2.promote_low_f32x4": [FD | 0x5f, "v", "v"],
  ...rows("i8x16", FD | 0x60, ["abs", "neg", "popcnt"], "v", "v"),
  ...rows("i8x16", FD | 0x63, ["all_true", "bitmask"], "v", "i"),
  ...rows("i8x16", FD | 0x65, ["narrow_i16x8_s", "narrow_i16x8_u"], "vv", "v"),
  ...rows("f32x4", FD | 0x67, ["ceil", "floor", "trunc", "nearest"], "v", "v"),
  ...rows("i8x16", FD | 0x6b, ["shl", "shr_s", "shr_u"], "vi", "v"),
  ...rows("i8x16", FD | 0x6e, ["add", "add_sat_s", "add_sat_u", "sub", "sub_sat_s", "sub_sat_u"], "vv", "v"),
  ...rows("f64x2", FD | 0x74, ["ceil", "floor"], "v", "v"),
  ...rows("i8x16", FD | 0x76, ["min_s", "min_u", "max_s", "max_u"], "vv", "v"),
  "f64x2.trunc": [FD | 0x7a, "v", "v"],
  "i8x16.avgr_u": [FD | 0x7b, "vv", "v"],
  ...rows("i16x8", FD | 0x7c, ["extadd_pairwise_i8x16_s", "extadd_pairwise_i8x16_u"], "v", "v"),
  ...rows("i32x4", FD | 0x7e, ["extadd_pairwise_i16x8_s", "extadd_pairwise_i16x8_u"], "v", "v"),
  ...rows("i16x8", FD | 0x80, ["abs", "neg"], "v", "v"),
  "i16x8.q15mulr_sat_s": [FD | 0x82, "vv", "v"],
  ...rows("i16x8", FD | 0x83, ["all_true", "bitmask"], "v", "i"),
  ...rows("i16x8", FD | 0x85, ["narrow_i32x4_s", "narrow_i32x4_u"], "vv", "v"),
  ...rows(
    "i16x8",
    FD | 0x87,
    ["extend_low_i8x16_s", "extend_high_i8x16_s", "extend_low_i8x16_u", "extend_high_i8x16_u"],
    "v",
    "v",
  ),
  ...rows("i16x8", FD | 0x8b, ["shl", "shr_s", "shr_u"], "vi", "v"),
  ...rows("i16x8", FD | 0x8e, ["add", "add_sat_s", "add_sat_u", "sub", "sub_sat_s", "sub_sat_u"], "vv", "v"),
  "f64x2.nearest": [FD | 0x94, "v", "v"],
  ...rows("i16x8", FD | 0x95, ["mul", "min_s", "min_u", "max_s", "max_u"], "vv", "v"),
  "i16x8.avgr_u": [FD | 0x9b, "vv", "v"],
  ...rows(
    "i16x8",
    FD | 0x9c,
    ["extmul_low_i8x16_s", "extmul_high_i8x16_s", "extmul_low_i8x16_u", "extmul_high_i8x16_u"],
    "vv",
    "v",
  ),
  ...rows("i32x4", FD | 0xa0, ["abs", "neg"], "v", "v"),
  ...rows("i32x4", FD | 0xa3, ["all_true", "bitmask"], "v", "i"),
  ...rows(
    "i32x4",
    FD | 0xa7,
    ["extend_low_i16x8_s", "extend_high_i16x8_s", "extend_low_i16x8_u", "extend_high_i16x8_u"],
    "v",
    "v",
  ),
  ...rows("i32x4", FD | 0xab, ["shl", "shr_s", "shr_u"], "vi", "v"),
  "i32x4.add": [FD | 0xae, "vv", "v"],
  "i32x4.sub": [FD | 0xb1, "vv", "v"],
  ...rows("i32x4", FD | 0xb5, ["mul", "min_s", "min_u", "max_s", "max_u", "dot_i16x8_s"], "vv", "v"),
  ...rows(
    "i32x4",
    FD | 0xbc,
    ["extmul_low_i16x8_s", "extmul_high_i16x8_s", "extmul_low_i16x8_u", "extmul_high_i16x8_u"],
    "vv",
    "v",
  ),
  ...rows("i64x2", FD | 0xc0, ["abs", "neg"], "v", "v"),
  ...rows("i64x2", FD | 0xc3, ["all_true", "bitmask"], "v", "i"),
  ...rows(
    "i64x2",
    FD | 0xc7,
    ["extend_low_i32x4_s", "extend_high_i32x4_s", "extend_low_i32x4_u", "extend_high_i32x4_u"],
    "v",
    "v",
  ),
  ...rows("i64x2", FD | 0xcb, ["shl", "shr_s", "shr_u"], "vi", "v"),
  "i64x2.add": [FD | 0xce, "vv", "v"],
  "i64x2.sub": [FD | 0xd1, "vv", "v"],
  ...rows("i64x2", FD | 0xd5, ["mul", "eq", "ne", "lt_s", "gt_s", "le_s", "ge_s"], "vv", "v"),
  ...rows(
    "i64x2",
    FD | 0xdc,
    ["extmul_low_i32x4_s", "extmul_high_i32x4_s", "extmul_low_i32x4_u", "extmul_high_i32x4_u"],
    "vv",
    "v",
  ),
  ...rows("f32x4", FD | 0xe0, ["abs", "neg"], "v", "v"),
  "f32x4.sqrt": [FD | 0xe3, "v", "v"],
  ...rows("f32x4", FD | 0xe4, ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"], "vv", "v"),
  ...rows("f64x2", FD | 0xec, ["abs", "neg"], "v", "v"),
  "f64x2.sqrt": [FD | 0xef, "v", "v"],
  ...rows("f64x2", FD | 0xf0, ["add", "sub", "mul", "div", "min", "max", "pmin", "pmax"], "vv", "v"),
  ...rows("i32x4", FD | 0xf8, ["trunc_sat_f32x4_s", "trunc_sat_f32x4_u"], "v", "v"),
  ...rows("f32x4", FD | 0xfa, ["convert_i32x4_s", "convert_i32x4_u"], "v", "v"),
  ...rows("i32x4", FD | 0xfc, ["trunc_sat_f64x2_s_zero", "trunc_sat_f64x2_u_zero"], "v", "v"),
  ...rows("f64x2", FD | 0xfe, ["convert_low_i32x4_s", "convert_low_i32x4_u"], "v", "v"),
  // Relaxed SIMD: c + a * b, or c - a * b, with one rounding or with two as the host likes (see fp/host-fma.ts).
  "i8x16.relaxed_swizzle": [FD | 0x100, "vv", "v"],
  "f32x4.relaxed_madd": [FD | 0x105, "vvv", "v"],
  "f32x4.relaxed_nmadd": [FD | 0x106, "vvv", "v"],
  "f64x2.relaxed_madd": [FD | 0x107, "vvv", "v"],
  "f64x2.relaxed_nmadd": [FD | 0x108, "vvv", "v"],
} as const satisfies Record<string, Row>;

/** Instructions with value operands only. */
export const OPS = { ...scalar, ...simd };
export type OpName = keyof typeof OPS;

/** Lane access: the immediate is the lane number. */
export const LANE_OPS = {
  "i8x16.extract_lane_s": [FD | 0x15, "v", "i"],
  "i8x16.extract_lane_u": [FD | 0x16, "v", "i"],
  "i8x16.replace_lane": [FD | 0x17, "vi", "v"],
  "i16x8.extract_lane_s": [FD | 0x18, "v", "i"],
  "i16x8.extract_lane_u": [FD | 0x19, "v", "i"],
  "i16x8.replace_lane": [FD | 0x1a, "vi", "v"],
  "i32x4.extract_lane": [FD | 0x1b, "v", "i"],
  "i32x4.replace_lane": [FD | 0x1c, "vi", "v"],
  "i64x2.extract_lane": [FD | 0x1d, "v", "l"],
  "i64x2.replace_lane": [FD | 0x1e, "vl", "v"],
  "f32x4.extract_lane": [FD | 0x1f, "v", "f"],
  "f32x4.replace_lane": [FD | 0x20, "vf", "v"],
  "f64x2.extract_lane": [FD | 0x21, "v", "d"],
  "f64x2.replace_lane": [FD | 0x22, "vd", "v"],
} as const satisfies Record<string, Row>;
export type LaneOpName = keyof typeof LANE_OPS;

/** Loads: the operand is the address, the immediates are alignment and offset. */
export const LOADS = {
  "i32.load": [0x28, "i", "i"],
  "i64.load": [0x29, "i", "l"],
  "f32.load": [0x2a, "i", "f"],
  "f64.load": [0x2b, "i", "d"],
  "i32.load8_s": [0x2c, "i", "i"],
  "i32.load8_u": [0x2d, "i", "i"],
  "i32.load16_s": [0x2e, "i", "i"],
  "i32.load16_u": [0x2f, "i", "i"],
  "i64.load8_s": [0x30, "i", "l"],
  "i64.load8_u": [0x31, "i", "l"],
  "i64.load16_s": [0x32, "i", "l"],
  "i64.load16_u": [0x33, "i", "l"],
  "i64.load32_s": [0x34, "i", "l"],
  "i64.load32_u": [0x35, "i", "l"],
  "v128.load": [FD | 0x00, "i", "v"],
  "v128.load32_zero": [FD | 0x5c, "i", "v"],
  "v128.load64_zero": [FD | 0x5d, "i", "v"],
} as const satisfies Record<string, Row>;
export type LoadName = keyof typeof LOADS;

/** Stores: address, value. */
export const STORES = {
  "i32.store": [0x36, "ii", "_"],
  "i64.store": [0x37, "il", "_"],
  "f32.store": [0x38, "if", "_"],
  "f64.store": [0x39, "id", "_"],
  "i32.store8": [0x3a, "ii", "_"],
  "i32.store16": [0x3b, "ii", "_"],
  "i64.store8": [0x3c, "il", "_"],
  "i64.store16": [0x3d, "il", "_"],
  "i64.store32": [0x3e, "il", "_"],
  "v128.store": [FD | 0x0b, "iv", "_"],
} as const satisfies Record<string, Row>;
export type StoreName = keyof typeof STORES;

export const CONTROL = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  br_if: 0x0d,
  br_table: 0x0e,
  return: 0x0f,
  call: 0x10,
  call_indirect: 0x11,
  return_call: 0x12,
  return_call_indirect: 0x13,
  drop: 0x1a,
  select: 0x1b,
  "local.get": 0x20,
  "local.set": 0x21,
  "local.tee": 0x22,
  "i32.const": 0x41,
  "i64.const": 0x42,
  "f32.const": 0x43,
  "f64.const": 0x44,
  "v128.const": FD | 0x0c,
  "i8x16.shuffle": FD | 0x0d,
  "memory.copy": FC | 10,
  "memory.fill": FC | 11,
} as const;

export const VALUE_TYPES = { i: 0x7f, l: 0x7e, f: 0x7d, d: 0x7c, v: 0x7b } as const;
export type TypeLetter = keyof typeof VALUE_TYPES;
