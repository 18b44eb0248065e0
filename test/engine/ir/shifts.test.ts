/** Shifts by constants, alone and one after the other, against what wasm says of them. */
import { expect, it } from "vitest";
import { type Callable, FunctionBuilder, type Linker } from "../../../src/engine/ir/function.js";
import { defineFunction, ModuleBuilder } from "../../../src/engine/ir/module.js";
import { type I32, type I64, Node } from "../../../src/engine/ir/value.js";
import { OPS, type OpName } from "../../../src/engine/wasm/opcodes.js";

const SHIFTS = ["shl", "shr_u", "shr_s", "rotr", "rotl"] as const;
type Shift = (typeof SHIFTS)[number];
const AMOUNTS = [0, 1, 3, 8, 16, 24, 28, 31, 32, 33, 48, 56, 63, -8, -32, -64, 0xffff_ffe0];
const VALUES = [0n, 1n, 0x80n, 0x7fffn, 0x8000_0000n, 0xdead_beef_1234_8765n, 0x7fff_ffff_ffff_ff80n, -1n];

function run(callees: readonly Callable[], memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })) {
  const builder = new ModuleBuilder([], true);
  callees.forEach((callee, i) => {
    builder.export(callee, `f${i}`);
  });
  const module = new WebAssembly.Module(builder.finish([], { initial: 1, maximum: 1 }));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  return (i: number, argument: bigint): bigint => (exports[`f${i}`] as (x: bigint) => bigint)(argument);
}

/** What a shift makes of the low `bits` bits of a value (WebAssembly Core, 4.3.2). */
function shifted(shift: Shift, bits: number, value: bigint, by: number): bigint {
  const n = BigInt(by) & BigInt(bits - 1);
  const u = BigInt.asUintN(bits, value);
  switch (shift) {
    case "shl":
      return u << n;
    case "shr_u":
      return u >> n;
    case "shr_s":
      return BigInt.asIntN(bits, u) >> n;
    case "rotr":
      return (u >> n) | (u << (BigInt(bits) - n));
    case "rotl":
      return (u << n) | (u >> (BigInt(bits) - n));
  }
}

it.each(["i32", "i64"] as const)("of %s are what they were", (type) => {
  const bits = type === "i32" ? 32 : 64;
  const rows = SHIFTS.flatMap((second) =>
    AMOUNTS.flatMap((by) => [
      { first: undefined, left: 0, second, by },
      ...AMOUNTS.map((left) => ({ first: "shl" as const, left, second, by })),
    ]),
  );
  const call = run(
    rows.map(({ first, left, second, by }, i) =>
      defineFunction(`shift${i}`, "l", "l", (fb, x) => {
        const constant = (n: number): I32 | I64 => (type === "i32" ? fb.i32(n) : fb.i64(n));
        const start = type === "i32" ? x.wrap() : x;
        const middle = first ? fb.op(`${type}.${first}` as OpName, start, constant(left)) : start;
        const result = fb.op(`${type}.${second}` as OpName, middle, constant(by));
        fb.return(type === "i32" ? (result as I32).toI64U() : (result as I64));
      }),
    ),
  );
  for (const [i, { first, left, second, by }] of rows.entries()) {
    for (const value of VALUES) {
      const middle = first ? shifted(first, bits, value, left) : value;
      const wanted = BigInt.asUintN(bits, shifted(second, bits, middle, by));
      expect(BigInt.asUintN(64, call(i, BigInt.asIntN(64, value))), `${left} ${second} ${by} of ${value}`).toBe(wanted);
    }
  }
});

it("A64's bitfields are one operation or two of the host's, by amounts that it has as immediates", () => {
  const fb = new FunctionBuilder({} as Linker, "l", "");
  const x = fb.param(0) as I64;
  const nameOf = (s: unknown): string | undefined =>
    s instanceof Node ? Object.entries(OPS).find(([, [opcode]]) => opcode === s.opcode)?.[0] : undefined;
  const made = (write: () => I64): string[] => {
    const before = fb.root.length;
    write();
    return fb.root.slice(before).map((statement) => nameOf(statement) ?? "");
  };
  expect(made(() => x.shl(0xffff_ffe0).shrS(0xffff_ffe0)).at(-1)).toBe("i64.extend32_s"); // SXTW
  expect(made(() => x.shl(0xffff_ffe0).shrS(29)).slice(-2)).toEqual(["i64.extend32_s", "i64.shl"]); // SBFIZ
  expect(made(() => x.shl(-8).shrU(-8)).at(-1)).toBe("i64.and"); // UXTB
  expect(made(() => x.shl(-16).shrU(-4)).slice(-2)).toEqual(["i64.shr_u", "i64.and"]); // UBFX
});

it("extensions of what was loaded are loads that extend it, unless something was stored in between", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const load = (bytes: 1 | 2 | 4, between: boolean, narrow: boolean) =>
    defineFunction(`load${bytes}${between}${narrow}`, "l", "l", (fb, address) => {
      const loaded = fb.load(`i64.load${(8 * bytes) as 8 | 16 | 32}_u`, address.wrap()) as I64;
      if (between) fb.store("i64.store", address.wrap(), fb.i64(0));
      const wide = fb.op(`i64.extend${8 * bytes}_s` as OpName, loaded) as I64;
      fb.return(narrow ? wide.wrap().toI64U() : wide);
    });
  const rows = ([1, 2, 4] as const).flatMap((bytes) =>
    [false, true].flatMap((between) => [false, true].map((narrow) => ({ bytes, between, narrow }))),
  );
  const call = run(
    rows.map(({ bytes, between, narrow }) => load(bytes, between, narrow)),
    memory,
  );
  for (const [i, { bytes, narrow }] of rows.entries()) {
    for (const value of [0x80n, 0x8000n, 0x8000_0001n, 0xffff_ffff_ffff_ff7fn]) {
      new DataView(memory.buffer).setBigUint64(16, value, true);
      const wide = BigInt.asIntN(8 * bytes, value);
      expect(BigInt.asUintN(64, call(i, 16n))).toBe(BigInt.asUintN(narrow ? 32 : 64, wide));
    }
  }
});

it("one to the left and one to the right of the same value, by the whole width, is a rotation", () => {
  const fb = new FunctionBuilder({} as Linker, "ll", "");
  const [x, y] = [fb.param(0), fb.param(1)] as [I64, I64];
  const rotated = x.shl(1).shl(31).or(x.shrU(32)).node;
  expect([rotated.opcode, rotated.args[1]?.constant]).toEqual([OPS["i64.rotr"][0], 32n]);
  const narrow = x.wrap().shl(7).or(x.wrap().shrU(25)).node;
  expect([narrow.opcode, narrow.args[1]?.constant]).toEqual([OPS["i32.rotr"][0], 25]);
  for (const other of [x.shl(32).or(y.shrU(32)), x.shl(31).or(x.shrU(32)), x.shrU(32).or(x.shl(32))]) {
    expect(other.node.opcode).toBe(OPS["i64.or"][0]);
  }
});
