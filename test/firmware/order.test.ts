/** The guest about big-endian data (firmware/order), whose loops are compiled, on either engine. */
import { describe, expect, it } from "vitest";
import { type Comparison, compareGuest, type Deviation } from "./compare.js";
import { runOnOurs } from "./guests.js";

/** All about QEMU 7.2. */
const DEVIATIONS: readonly Deviation[] = [{ line: /^device, stores/, why: "UARTIBRD keeps more than its 16 bits" }];

const RUNS: readonly Comparison[] = [
  { level: 1, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "cortex-a72", deviations: DEVIATIONS },
  { level: 2, cpu: "max", deviations: DEVIATIONS },
];

compareGuest("order", "big-endian data", RUNS);

describe.each(RUNS)("big-endian data from EL$level, $cpu", (run) => {
  it("is the same interpreted", async () => {
    const compiled = await runOnOurs("order", run);
    const interpreted = await runOnOurs("order", { ...run, engine: "interpreter" });
    expect(interpreted.console).toBe(compiled.console);
  }, 60_000);
});
