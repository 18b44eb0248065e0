/** A short run of `scripts/fuzz-stub` with fixed seeds: the small machine, and the real one. */

import { expect, it, vi } from "vitest";
import { Fuzzer } from "./fuzzer.js";
import { fakeSubject, machineSubject } from "./subjects.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 120_000 });

it.each([1, 2, 3, 4])("takes mutated sessions and serves the next client, seed %i", async (seed) => {
  const fuzzer = new Fuzzer(seed, fakeSubject);
  await fuzzer.run(40_000);
  expect(fuzzer.sessions).toBeGreaterThan(100);
  expect(fuzzer.observed).toBeGreaterThan(10);
});

it("takes them with the real machine", async () => {
  const machines: { close(): Promise<void> }[] = [];
  const fuzzer = new Fuzzer(5, async () => {
    await machines.pop()?.close();
    const subject = await machineSubject();
    machines.push(subject);
    return subject;
  });
  await fuzzer.run(8_000);
  expect(fuzzer.packets).toBeGreaterThanOrEqual(8_000);
  expect(fuzzer.observed).toBeGreaterThan(10);
  await machines.pop()?.close();
});
