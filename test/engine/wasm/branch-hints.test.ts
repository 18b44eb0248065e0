/**
 * The section "metadata.code.branch_hint": it must name the very bytes of the branches, or hosts ignore or reject it.
 */
import { describe, expect, it } from "vitest";
import { defineFunction, importFunction, ModuleBuilder } from "../../../src/engine/ir/module.js";
import { CONTROL } from "../../../src/engine/wasm/opcodes.js";

const cold = importFunction("cold", "l", "l");
const hinted = defineFunction("hinted", "il", "l", (fb, rare, value) => {
  fb.ifRare(rare, () => fb.return(fb.call(cold, value)));
  fb.return(
    fb.mostly(
      [value.ne(0), value.ltS(100)],
      () => value.add(1),
      () => fb.call(cold, value),
    ),
  );
});

const SECTION = { custom: 0, code: 10 } as const;

class Reader {
  at = 8;
  constructor(readonly bytes: Uint8Array) {}
  u32(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++] as number;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }
  name(): string {
    const length = this.u32();
    this.at += length;
    return Buffer.from(this.bytes.subarray(this.at - length, this.at)).toString();
  }
}

/** The hints of function 1 (behind one import) by the opcodes they point at. */
function readHints(bytes: Uint8Array): { opcode: number; value: number }[] {
  const r = new Reader(bytes);
  const hints: { offset: number; value: number }[] = [];
  while (r.at < bytes.length) {
    const id = bytes[r.at++];
    const length = r.u32();
    const end = r.at + length;
    if (id === SECTION.custom && r.name() === "metadata.code.branch_hint") {
      expect(r.u32()).toBe(1);
      expect(r.u32()).toBe(1);
      for (let n = r.u32(); n > 0; n--) {
        const offset = r.u32();
        expect(r.u32()).toBe(1);
        hints.push({ offset, value: bytes[r.at++] as number });
      }
    } else if (id === SECTION.code) {
      expect(r.u32()).toBe(1);
      r.u32();
      return hints.map(({ offset, value }) => ({ opcode: bytes[r.at + offset] as number, value }));
    }
    r.at = end;
  }
  throw new Error("no code");
}

describe("rare branches", () => {
  const builder = new ModuleBuilder([cold]);
  builder.export(hinted);
  const bytes = builder.finish([], { initial: 1, maximum: 1 });

  it("have hints at their places, before the code", () => {
    const { if: anIf, br_if: aBrIf } = CONTROL;
    expect(readHints(bytes)).toEqual([
      { opcode: anIf, value: 0 },
      { opcode: aBrIf, value: 0 },
      { opcode: aBrIf, value: 0 },
    ]);
  });

  it("go where the condition says all the same", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const host = { cold: (value: bigint) => -value };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory },
      host,
    });
    const { hinted: run } = instance.exports as { hinted: (rare: number, value: bigint) => bigint };
    expect([run(1, 7n), run(0, 7n), run(0, 0n), run(0, 100n)]).toEqual([-7n, 8n, 0n, -100n]);
  });
});
