/**
 * What a guest printed on our machine against the text kept in test/firmware/expected, and that text against QEMU. The
 * kept text is what the architecture asks; where the reference is known to do something else, a row says so.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { buildGuest, type GuestOptions, haveQemu, runOnOurs, runOnQemu } from "./guests.js";

/** Lines in which the reference does not follow DDI 0487, or has made another of several choices it allows. */
export interface Deviation {
  /** Matched against our line. */
  readonly line: RegExp;
  readonly why: string;
}

export interface Comparison extends GuestOptions {
  readonly deviations: readonly Deviation[];
  /** Lines of the reference about features that our CPU model does not have. */
  readonly absent?: RegExp;
  /**
   * For what depends on the reference's time, which is real: a busy host can make it late. Ours is exact, with one try.
   */
  readonly retry?: number;
}

function expectedFile(name: string, { level, cpu, cpus = 1 }: GuestOptions): string {
  const several = cpus === 1 ? "" : `-${cpus}-cpus`;
  return fileURLToPath(new URL(`expected/${name}-el${level}-${cpu}${several}.txt`, import.meta.url));
}

/** Ours prints the kept text, to the last byte, and ends by itself. */
async function expectOurs(name: string, options: GuestOptions): Promise<void> {
  const { console, reason } = await runOnOurs(name, options);
  await expect(console).toMatchFileSnapshot(expectedFile(name, options));
  expect(reason).toBe(options.level === 3 && !options.flash ? "stopped" : "system-off");
}

/** The reference prints the kept text, but for the lines of the deviations. */
async function expectReference(name: string, comparison: Comparison): Promise<void> {
  if (!haveQemu()) throw new Error("qemu-system-aarch64 is not installed: scripts/install-tools says how to get it");
  const { deviations, absent } = comparison;
  const kept = readFileSync(expectedFile(name, comparison), "latin1").split("\n");
  const theirs = (await runOnQemu(name, comparison)).split("\n").filter((line) => !absent?.test(line));
  const differing = kept.flatMap((line, i) => (line === theirs[i] ? [] : [{ kept: line, qemu: theirs[i] }]));
  expect(differing.filter((pair) => !deviations.some(({ line }) => line.test(pair.kept)))).toEqual([]);
  expect(theirs.length).toBe(kept.length);
}

const LIMIT = 60_000;

/** The tests of a guest of firmware/: each run of it against the kept text, and that against the reference. */
export function compareGuest(name: string, about: string, runs: readonly Comparison[]): void {
  beforeAll(() => buildGuest(name), LIMIT);
  describe.each(runs)(`${about} from EL$level, $cpu`, (run) => {
    it("as the architecture says", () => expectOurs(name, run), LIMIT);
    it("as QEMU does", { timeout: LIMIT, retry: run.retry ?? 0 }, () => expectReference(name, run));
  });
}
