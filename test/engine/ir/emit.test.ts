/** What is known of a function when it is written. */
import { expect, it } from "vitest";
import { emitFunction } from "../../../src/engine/ir/emit.js";
import { FunctionBuilder, type Linker } from "../../../src/engine/ir/function.js";
import type { I32 } from "../../../src/engine/ir/value.js";

/** A signed LEB128 of five bytes. */
const wide = (bytes: Uint8Array): number => bytes.reduce((sum, byte, i) => sum + (byte & 0x7f) * 2 ** (7 * i), 0);

it("the size of its frame has a place for each local, those too that values get at the end", () => {
  const sizes = [0, 40].map((count) => {
    const fb = new FunctionBuilder({} as Linker, "i", "i");
    fb.store("i32.store", fb.param(0) as I32, fb.frameSize());
    const loaded = Array.from({ length: count }, (_, i) => fb.load("i32.load", fb.param(0) as I32, 4 * i) as I32);
    fb.newLocal("v");
    fb.return(loaded.reduce((sum, value) => sum.add(value), fb.i32(1)));
    const { code, locals } = emitFunction(fb);
    const at = code.indexOf(0x41);
    expect(locals).toHaveLength(count + 1);
    return wide(code.subarray(at + 1, at + 6));
  });
  const [few, many] = sizes as [number, number];
  expect(few).toBeGreaterThan(16);
  expect(many - few).toBe(40 * 8);
});
