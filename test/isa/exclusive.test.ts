import { beforeAll, describe, expect, it } from "vitest";
import { randomState } from "../conformance/generate.js";
import { Ours } from "../conformance/ours.js";
import { Random } from "../conformance/random.js";
import { STATE, type Test, WINDOW } from "../conformance/state.js";

const LDXR_X0_X1 = 0xc85f7c20;
const LDXR_W0_X1 = 0x885f7c20;
const LDXR_X0_X2 = 0xc85f7c40;
const STXR_W3_X4_X1 = 0xc8037c24;
const STXP_W3_W4_W5_X1 = 0x88231424;
const LDXP_W0_W6_X1 = 0x887f1820;
const CLREX = 0xd5033f5f;
const NOP = 0xd503201f;

describe("the exclusive monitor", () => {
  let ours: Ours;
  beforeAll(async () => {
    ours = await Ours.create();
  });

  /** Runs the words with X1 and X2 at different places of the window; W3 and whether the place of X1 took X4. */
  function run(words: readonly number[]): { status: number; stored: boolean } {
    const state = randomState(new Random(1));
    const view = new DataView(state.buffer);
    view.setBigUint64(STATE.x + 8, BigInt(WINDOW + 64), true);
    view.setBigUint64(STATE.x + 16, BigInt(WINDOW + 128), true);
    view.setBigUint64(STATE.x + 32, 0x1122_3344_5566_7788n, true);
    const test: Test = { row: "exclusive", words, isolated: false, state };
    const result = ours.run([test])[0]!;
    expect(result.outcome).toBe("completed");
    const after = new DataView(result.state.buffer);
    const before = view.getBigUint64(STATE.window + 64, true);
    return {
      status: Number(after.getBigUint64(STATE.x + 24, true)),
      stored: after.getBigUint64(STATE.window + 64, true) !== before,
    };
  }

  it.each([
    ["after a load of the same place and size", [LDXR_X0_X1, STXR_W3_X4_X1], true],
    ["with another instruction between", [LDXR_X0_X1, NOP, STXR_W3_X4_X1], true],
    ["of a pair after a pair", [LDXP_W0_W6_X1, STXP_W3_W4_W5_X1], true],
    ["with no load before", [STXR_W3_X4_X1], false],
    ["after a load of another place", [LDXR_X0_X2, STXR_W3_X4_X1], false],
    ["after a load of another size", [LDXR_W0_X1, STXR_W3_X4_X1], false],
    ["after CLREX", [LDXR_X0_X1, CLREX, STXR_W3_X4_X1], false],
    ["a second time", [LDXR_X0_X1, STXR_W3_X4_X1, STXR_W3_X4_X1], undefined],
    ["of the place before the last one loaded", [LDXR_X0_X1, LDXR_X0_X2, STXR_W3_X4_X1], false],
  ] as const)("lets a store-exclusive through, or not, %s", (_, words, succeeds) => {
    const { status, stored } = run(words);
    // The second of two stores fails, but the first one's value is there.
    expect({ status, stored }).toEqual({ status: succeeds ? 0 : 1, stored: succeeds ?? true });
  });
});
