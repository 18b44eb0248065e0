/** `scripts/fuzz-stub`: packets by the million; a report of a failure, and whether memory grows. */

import { parseArgs } from "node:util";
import { Fuzzer, type Subject } from "./fuzzer.js";
import { fakeSubject, machineSubject } from "./subjects.js";

const { values } = parseArgs({
  options: {
    packets: { type: "string", default: "1000000" },
    seed: { type: "string", default: "1" },
    target: { type: "string", default: "both" },
  },
});

/** Packets between two looks at the memory, and how many megabytes it may have grown since the first look. */
const ROUND = 50_000;
const GROWTH_MB = 48;

/** The real machine is slower; it gets a tenth of the packets. */
const plans = [
  { name: "fake", share: 1, make: fakeSubject as () => Subject | Promise<Subject> },
  { name: "machine", share: 10, make: machineSubject },
].filter(({ name }) => values.target === "both" || values.target === name);

const megabytes = (): number => {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
};

/** Ends real machines that the fuzzer has done with, so that only one is there at a time. */
function oneAtATime(make: () => Subject | Promise<Subject>): () => Promise<Subject> {
  let before: { close?(): Promise<void> } | undefined;
  return async () => {
    await before?.close?.();
    const subject = await make();
    before = subject as { close?(): Promise<void> };
    return subject;
  };
}

for (const { name, share, make } of plans) {
  const total = Math.ceil(Number(values.packets) / share);
  const fuzzer = new Fuzzer(Number(values.seed), oneAtATime(make));
  let first: number | undefined;
  try {
    for (let done = 0; done < total; ) {
      done = Math.min(done + Math.ceil(ROUND / share), total);
      await fuzzer.run(done);
      const now = megabytes();
      first ??= now;
      console.log(`${name}: ${fuzzer.packets} packets, ${fuzzer.sessions} sessions, ${now.toFixed(1)} MB`);
      if (now - first > GROWTH_MB) throw new Error(`memory has grown from ${first.toFixed(1)} to ${now.toFixed(1)} MB`);
    }
  } catch (error) {
    console.error(`${name}: after packet ${fuzzer.packets} of seed ${values.seed}:`, error);
    console.error("the last packets were:");
    for (const packet of fuzzer.last) console.error(JSON.stringify(packet));
    process.exit(1);
  }
}
process.exit(0);
