import { expect, it } from "vitest";
import { planOf } from "./plan.js";

it("gives a target that is named all packets, and of both the real machine a tenth", () => {
  expect([...planOf(["--packets", "1000", "--target", "machine"]).packets]).toEqual([["machine", 1000]]);
  expect([...planOf(["--packets", "1000", "--target", "fake"]).packets]).toEqual([["fake", 1000]]);
  expect([...planOf(["--packets", "1000", "--seed", "7"]).packets]).toEqual([
    ["fake", 1000],
    ["machine", 100],
  ]);
  expect(planOf(["--seed", "7"]).seed).toBe(7);
});

it.each([
  [["--target", "qemu"], "--target qemu: fake, machine or both"],
  [["--packets", "1e6"], "--packets 1e6: not a number"],
  [["--packet", "5"], "--packet"],
])("refuses %j, where it would have tested nothing", (args, words) => {
  expect(() => planOf(args)).toThrow(words);
});
