/** What registers say, at the end of a loop's round, of what its last flags come of. */
import { expect, it } from "vitest";
import type { FlagSource } from "../../../src/engine/flags.js";
import { FunctionBuilder, type Linker } from "../../../src/engine/ir/function.js";
import type { I32, I64 } from "../../../src/engine/ir/value.js";
import { RoundWrites } from "../../../src/engine/regions/round-flags.js";

const fb = new FunctionBuilder({} as Linker, "", "");
const found = Array.from({ length: 4 }, () => fb.newLocal("l"));
const halves = found.map(() => fb.newLocal("i"));

/** A round's registers. */
class Round {
  readonly writes = new RoundWrites();
  read(n: number): I64 {
    const value = fb.readLocal(found[n] as number, "l") as I64;
    this.writes.read(n, value.node);
    return value;
  }
  readHalf(n: number): I32 {
    const value = fb.readLocal(halves[n] as number, "i") as I32;
    this.writes.read(n, value.node);
    return value;
  }
  write(n: number, value: I64 | undefined): void {
    this.writes.write(n, value?.node);
  }
}
const narrow = (value: I64): I64 => value.wrap().toI64U();
const loaded = (): I64 => fb.load("i64.load", fb.i32(0)) as I64;

/** What the flags come of, by what registers are then; undefined where they do not say it. */
function said(write: (round: Round) => FlagSource, registers: readonly bigint[]): unknown {
  const round = new Round();
  const flags = round.writes.flags(fb, write(round));
  if (flags === undefined) return undefined;
  const now = (n: number): I64 => fb.i64(registers[n] as bigint);
  return [flags.x(now).node.constant, flags.y?.(now).node.constant];
}

it.each<[string, (round: Round) => FlagSource, readonly bigint[], unknown]>([
  ["cmp x0, x1", (r) => ({ op: "difference", x: r.read(0), y: r.read(1) }), [5n, 7n], [5n, 7n]],
  [
    "subs x0, x0, #1",
    (r) => {
      const [x, y] = [r.read(0), fb.i64(1)];
      r.write(0, x.sub(y));
      return { op: "difference", x, y };
    },
    [41n],
    [42n, 1n],
  ],
  [
    "adds w0, w0, w1: all that counts are low halves",
    (r) => {
      const [x, y] = [r.read(0), r.read(1)];
      r.write(0, narrow(x.add(y)));
      return { op: "sum", x: x.wrap(), y: y.wrap() };
    },
    [3n, 0x1_0000_0005n],
    [-2, 5],
  ],
  [
    "ands w2, w0, #15, of which w0 is overwritten",
    (r) => {
      const result = r.read(0).and(15);
      r.write(2, narrow(result));
      r.write(0, loaded());
      return { op: "sign", x: result.extend32S() };
    },
    [99n, 0n, 9n],
    [9n, undefined],
  ],
  [
    "cmp w0, w1, of which w0 was written as 32 bits and is read as such",
    (r) => {
      r.write(0, r.read(0).wrap().rotr(3).toI64U());
      return { op: "difference", x: r.readHalf(0), y: r.read(1).wrap() };
    },
    [0x1_0000_0005n, 7n],
    [5, 7],
  ],
  [
    "adds w0, w0, w1: a sum of 32 bits, one of whose operands was cut off",
    (r) => {
      const [whole, y] = [r.read(0), r.readHalf(1)];
      const x = whole.wrap();
      r.write(0, whole.wrap().add(y).toI64U());
      return { op: "sum", x, y };
    },
    [3n, 5n],
    [-2, 5],
  ],
  [
    "subs w0, w0, w1, of registers written as 32 bits",
    (r) => {
      const [x, y] = [r.readHalf(0), r.readHalf(1)];
      r.write(0, x.sub(y).toI64U());
      return { op: "difference", x, y };
    },
    [3n, 5n],
    [8, 5],
  ],
  [
    "a comparison with what was loaded",
    (r) => {
      const value = loaded();
      r.write(3, value);
      return { op: "difference", x: value, y: r.read(0) };
    },
    [1n, 0n, 0n, 8n],
    [8n, 1n],
  ],
])("%s", (_, write, registers, wanted) => {
  expect(said(write, registers)).toEqual(wanted);
});

it.each<[string, (round: Round) => FlagSource]>([
  [
    "cmp x0, x1; ldr x1",
    (r) => {
      const source: FlagSource = { op: "difference", x: r.read(0), y: r.read(1) };
      r.write(1, loaded());
      return source;
    },
  ],
  [
    "cmp x0, x1, and x0 that may be written",
    (r) => {
      const source: FlagSource = { op: "difference", x: r.read(0), y: r.read(1) };
      r.write(0, undefined);
      return source;
    },
  ],
  [
    "subs w0, w0, #1, where all of x0 counts",
    (r) => {
      const x = r.read(0);
      r.write(0, narrow(x.sub(1)));
      return { op: "difference", x, y: fb.i64(1) };
    },
  ],
  [
    "adds x0, x0, x0",
    (r) => {
      const x = r.read(0);
      r.write(0, x.add(x));
      return { op: "sum", x, y: x };
    },
  ],
  ["tst of a product", (r) => ({ op: "sign", x: r.read(0).mul(r.read(1)) })],
])("nothing of %s", (_, write) => {
  expect(said(write, [1n, 2n, 3n, 4n])).toBeUndefined();
});
