import { expect, it } from "vitest";
import { PushButton } from "../../../src/devices/pl061/index.js";

function rig() {
  const seen: boolean[] = [];
  let now = 0n;
  let deadline: bigint | undefined;
  const button: PushButton = new PushButton({
    clock: { now: () => now },
    alarm: {
      set: (at) => {
        deadline = at;
      },
    },
    drive: (level) => {
      if (level !== seen.at(-1)) seen.push(level);
    },
  });
  const pass = (nanoseconds: bigint) => {
    now += nanoseconds;
    if (deadline !== undefined && deadline <= now) button.tick();
  };
  return { button, seen, pass };
}

it("is held for a tenth of a second", () => {
  const { button, seen, pass } = rig();
  button.press();
  pass(99_999_999n);
  expect(seen).toEqual([true]);
  pass(1n);
  expect(seen).toEqual([true, false]);
  pass(1_000_000_000n);
  expect(seen).toEqual([true, false]);
});

it("is held for longer when it is pressed again, and not after a reset", () => {
  const { button, seen, pass } = rig();
  button.press();
  pass(60_000_000n);
  button.press();
  pass(60_000_000n);
  expect(seen).toEqual([true]);
  button.reset();
  expect(seen).toEqual([true, false]);
  pass(100_000_000n);
  expect(seen).toEqual([true, false]);
});

it("goes on being held after its state was restored", () => {
  const { button, pass } = rig();
  pass(5n);
  button.press();
  const state = button.save();
  const other = rig();
  other.button.restore(state);
  expect(other.button.save()).toEqual(state);
  expect(other.seen).toEqual([true]);
  other.pass(100_000_005n);
  expect(other.seen).toEqual([true, false]);
  expect(() => other.button.restore({ ...state, version: 9 })).toThrow("power key: the snapshot has version 9");
});
