import { describe, expect, test } from "vitest";
import { type Way, WayToWait } from "../../src/gdb/wakefulness.js";

/** The ways that are taken for so many steps, when a step takes so many milliseconds by each. */
function ways(waiting: WayToWait, steps: number, milliseconds: Readonly<Record<Way, number>>): Record<Way, number> {
  const taken = { sleep: 0, "go round": 0 };
  for (let step = 0; step < steps; step++) {
    taken[waiting.way]++;
    waiting.took(milliseconds[waiting.way]);
  }
  return taken;
}

describe("how the stub waits for the next packet", () => {
  test("by going round where that is quicker", () => {
    const taken = ways(new WayToWait(), 10_000, { sleep: 0.45, "go round": 0.3 });
    expect(taken["go round"]).toBeGreaterThan(9_000);
  });

  test("by sleeping where that is quicker", () => {
    const taken = ways(new WayToWait(), 10_000, { sleep: 0.3, "go round": 0.45 });
    expect(taken.sleep).toBeGreaterThan(9_000);
  });

  test("both are tried again, so a machine that gets busy, or quiet, is noticed", () => {
    const waiting = new WayToWait();
    ways(waiting, 5_000, { sleep: 0.3, "go round": 0.45 });
    const quiet = ways(waiting, 5_000, { sleep: 0.45, "go round": 0.25 });
    expect(quiet["go round"]).toBeGreaterThan(3_000);
    const busy = ways(waiting, 5_000, { sleep: 0.3, "go round": 1.5 });
    expect(busy.sleep).toBeGreaterThan(4_000);
  });

  test("a person who steps by hand says nothing about it", () => {
    const waiting = new WayToWait();
    expect(ways(waiting, 1_000, { sleep: 800, "go round": 800 })).toEqual({ sleep: 1_000, "go round": 0 });
  });
});
