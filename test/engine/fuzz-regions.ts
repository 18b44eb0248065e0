/** What scripts/fuzz-regions runs: random loops of seed after seed until the time is up, or a state differs. */
import yargs from "yargs";
import { hideBin } from "yargs/helpers";
import { compareLoops, LOOPS } from "./random-loops.js";

const { seconds, seed, kinds } = yargs(hideBin(process.argv))
  .scriptName("scripts/fuzz-regions")
  .usage("$0 --seconds N [--seed S] [--kinds PATTERN]")
  .option("seconds", { type: "number", demandOption: true, describe: "how long" })
  .option("seed", { type: "number", default: Date.now() % 2 ** 31, describe: "the first; each round has the next one" })
  .option("kinds", { type: "string", default: "", describe: "some of the kinds, by a regular expression" })
  .check(({ seconds, seed, kinds }) => {
    new RegExp(kinds);
    if (!Number.isFinite(seconds) || !Number.isInteger(seed)) throw new Error("--seconds and --seed take numbers");
    return true;
  })
  .strict()
  .version(false)
  .parseSync();

const chosen = Object.entries(LOOPS).filter(([kind]) => new RegExp(kinds).test(kind));
if (chosen.length === 0) {
  console.error(`fuzz-regions: no kind matches ${kinds}; there are:\n  ${Object.keys(LOOPS).join("\n  ")}`);
  process.exit(2);
}
console.log(`${chosen.length} kinds, seed ${seed}`);
const end = Date.now() + seconds * 1000;
let programs = 0;
for (let round = seed; Date.now() < end; round++) {
  for (const [kind, parts] of chosen) {
    try {
      await compareLoops(parts, round);
    } catch (error) {
      console.error(`seed ${round}, loops ${kind}: ${(error as Error).message}`);
      process.exit(1);
    }
    programs += parts.reduce((sum, part) => sum + part.programs, 0);
    if (Date.now() >= end) break;
  }
}
console.log(`${programs} programs: no difference`);
