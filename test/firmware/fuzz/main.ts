/** What scripts/fuzz-system runs: batches of each guest on each CPU until one has differences or all are done. */
import { parseArgs } from "node:util";
import { buildGuest, type GuestOptions, haveQemu } from "../guests.js";
import type { Difference } from "./cases.js";
import { type FuzzGuest, GUESTS, programOf } from "./deviations.js";
import { runBatch } from "./run.js";

const USAGE =
  "usage: scripts/fuzz-system (--seconds N | --cases N | --case NUMBER) [--seed S] [--cpu max|cortex-a72] [NAME…]";
const CPUS = ["cortex-a72", "max"] as const;
const SHOWN = 5;
/** Lines of a case before the one that differs. */
const CONTEXT = 6;

function wrongUsage(what: string): never {
  console.error(`fuzz-system: ${what}\n${USAGE}`);
  process.exit(2);
}

interface Plan {
  readonly seed: number;
  /** The cases of each guest on each CPU: as many as fit into the seconds, if there are those. */
  readonly first: number;
  readonly end: number;
  readonly seconds: number;
  readonly cpus: readonly GuestOptions["cpu"][];
  readonly guests: readonly FuzzGuest[];
}

function parse() {
  const string = { type: "string" } as const;
  try {
    return parseArgs({
      args: process.argv.slice(2).filter((a) => a !== "--"),
      options: { seconds: string, cases: string, case: string, seed: string, cpu: string },
      allowPositionals: true,
    });
  } catch (error) {
    return wrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function plan(): Plan {
  const { values, positionals } = parse();
  const number = (name: "seconds" | "cases" | "case" | "seed"): number | undefined => {
    const value = values[name];
    if (value !== undefined && !/^\d{1,15}$/.test(value)) wrongUsage(`--${name} takes a number, not "${value}"`);
    return value === undefined ? undefined : Number(value);
  };
  const [seconds, cases, only] = [number("seconds"), number("cases"), number("case")];
  if ([seconds, cases, only].filter((n) => n !== undefined).length !== 1)
    wrongUsage("one of --seconds, --cases and --case is needed");
  const cpus = CPUS.filter((cpu) => cpu === (values.cpu ?? cpu));
  if (cpus.length === 0) wrongUsage(`--cpu is one of ${CPUS.join(", ")}, not "${values.cpu}"`);
  const unknown = positionals.find((name) => !GUESTS.some((guest) => guest.name === name));
  if (unknown !== undefined)
    wrongUsage(`there is no guest "${unknown}" but ${GUESTS.map(({ name }) => name).join(", ")}`);
  return {
    seed: number("seed") ?? Date.now() % 2 ** 31,
    first: only ?? 0,
    end: only === undefined ? (cases ?? Number.MAX_SAFE_INTEGER) : only + 1,
    seconds: seconds ?? Number.POSITIVE_INFINITY,
    cpus,
    guests: GUESTS.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
  };
}

function report(guest: FuzzGuest, cpu: string, seed: number, differences: readonly Difference[]): void {
  for (const { number, before, ours, reference } of differences.slice(0, SHOWN)) {
    const skipped = before.length - CONTEXT;
    const context = [...before.slice(0, 1), ...(skipped > 1 ? ["  …"] : []), ...before.slice(Math.max(1, skipped))];
    console.error([...context, `ours: ${ours}`, `QEMU: ${reference}`].join("\n"));
    console.error(`again: scripts/fuzz-system --case ${number} --seed ${seed} --cpu ${cpu} ${guest.name}\n`);
  }
  console.error(`${guest.name} on ${cpu}: ${differences.length} cases differ, seed ${seed}`);
}

const { seed, first, end, seconds, cpus, guests } = plan();
if (!haveQemu()) wrongUsage("needs qemu-system-aarch64: scripts/install-tools says how to get it");
for (const guest of guests) buildGuest(programOf(guest));
console.log(`${guests.map(({ name }) => name).join(", ")} on ${cpus.join(", ")}, seed ${seed}`);

const until = Date.now() + seconds * 1000;
const next = new Map(guests.map((guest) => [guest, first]));
const left = () => Date.now() < until && guests.some((guest) => next.get(guest)! < end);
let run = 0;
while (left()) {
  for (const guest of guests) {
    const at = next.get(guest)!;
    const count = Math.min(guest.batch, end - at);
    for (const cpu of count > 0 ? cpus : []) {
      const differences = await runBatch(guest, cpu, { seed, first: at, count });
      run += count;
      if (differences.length > 0) {
        report(guest, cpu, seed, differences);
        process.exit(1);
      }
    }
    next.set(guest, at + count);
  }
}
console.log(`${run} cases, no unknown difference`);
