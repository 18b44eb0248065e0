import { beforeAll, describe, expect, it } from "vitest";
import { qarma5 } from "../../src/engine/crypto/qarma.js";
import { ModuleBuilder } from "../../src/engine/ir/module.js";

let cipher: (data: bigint, modifier: bigint, high: bigint, low: bigint) => bigint;
beforeAll(async () => {
  const module = new ModuleBuilder([]);
  module.export(qarma5);
  const bytes = module.finish([], { initial: 1, maximum: 1 });
  const instance = await WebAssembly.instantiate(new WebAssembly.Module(bytes), {
    env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }) },
  });
  const { qarma5: run } = instance.exports as { qarma5: typeof cipher };
  cipher = (...arguments_) => BigInt.asUintN(64, run(...arguments_));
});

describe("QARMA5", () => {
  it("gives the cipher's published vector (ToSC 2017/1, table 12: QARMA-64, σ2, r = 5)", () => {
    const [plain, tweak] = [0xfb62_3599_da6e_8127n, 0x477d_469d_ec0b_8762n];
    expect(cipher(plain, tweak, 0x84be_85ce_9804_e94bn, 0xec28_02d4_e0a4_88e9n)).toBe(0xc003_b939_99b3_3765n);
  });

  it("depends on every bit of every input", () => {
    const inputs = [
      0x0123_4567_89ab_cdefn,
      0x1111_2222_3333_4444n,
      0x5a5a_a5a5_0ff0_f00fn,
      0x8000_0000_0000_0001n,
    ] as const;
    const seen = new Set([cipher(...inputs)]);
    inputs.forEach((_, which) => {
      for (let bit = 0n; bit < 64n; bit++) {
        const [a, b, c, d] = inputs.map((value, i) => (i === which ? value ^ (1n << bit) : value)) as [
          bigint,
          bigint,
          bigint,
          bigint,
        ];
        seen.add(cipher(a, b, c, d));
      }
    });
    expect(seen.size).toBe(1 + 4 * 64);
  });
});
