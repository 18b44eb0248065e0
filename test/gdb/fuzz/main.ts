/** `scripts/fuzz-stub`: packets by the million; a report of a failure, and whether memory grows. */

import { Fuzzer, type Subject } from "./fuzzer.js";
import { type Plan, planOf, type SubjectName, USAGE } from "./plan.js";
import { fakeSubject, machineSubject } from "./subjects.js";

/** Packets between two looks at the memory, and how many megabytes it may have grown since the first look. */
const ROUND = 50_000;
const GROWTH_MB = 48;

const subjects: Record<SubjectName, () => Subject | Promise<Subject>> = { fake: fakeSubject, machine: machineSubject };

function ask(): Plan {
  try {
    return planOf(process.argv.slice(2).filter((argument) => argument !== "--"));
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

/** What the program's objects take, and the whole process with the memories of its machines. */
function megabytes(): { readonly kept: number; readonly process: number } {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  return { kept: (heapUsed + arrayBuffers) / 2 ** 20, process: rss / 2 ** 20 };
}

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

const { seed, packets } = ask();
for (const [name, total] of packets) {
  const fuzzer = new Fuzzer(seed, oneAtATime(subjects[name]));
  let first: number | undefined;
  try {
    for (let done = 0; done < total; ) {
      done = Math.min(done + ROUND, total);
      await fuzzer.run(done);
      const { kept, process } = megabytes();
      first ??= kept;
      console.log(
        `${name}: ${fuzzer.packets} of ${total} packets, ${fuzzer.sessions} sessions (${fuzzer.observed} observed), ${kept.toFixed(1)} MB kept, ` +
          `${process.toFixed(0)} MB resident`,
      );
      if (kept - first > GROWTH_MB)
        throw new Error(`memory has grown from ${first.toFixed(1)} to ${kept.toFixed(1)} MB`);
    }
  } catch (error) {
    console.error(`${name}: after packet ${fuzzer.packets} of seed ${seed}:`, error);
    console.error("the last packets were:");
    for (const packet of fuzzer.last) console.error(JSON.stringify(packet));
    process.exit(1);
  }
}
process.exit(0);
