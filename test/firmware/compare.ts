/**
 * What a guest printed on our machine against the text kept in test/firmware/expected, and that text against QEMU. The
 * kept text is what the architecture asks; where the reference is known to do something else, a row says so.
 */
import { expect } from "vitest";
import { type GuestOptions, haveQemu, runOnOurs, runOnQemu } from "./guests.js";

/** Lines in which the reference does not follow DDI 0487, or has made another of several choices it allows. */
export interface Deviation {
  readonly line: RegExp;
  readonly why: string;
}

/** Ours prints the kept text, to the last byte, and ends by itself. */
export async function expectOurs(name: string, options: GuestOptions): Promise<void> {
  const { console, reason } = await runOnOurs(name, options);
  await expect(console).toMatchFileSnapshot(`expected/${name}-el${options.level}-${options.cpu}.txt`);
  expect(reason).toBe(options.level === 3 ? "stopped" : "system-off");
}

/** The reference prints the same, but for the lines of the deviations. */
export async function expectReference(
  name: string, options: GuestOptions, kept: string, deviations: readonly Deviation[],
): Promise<void> {
  if (!haveQemu()) throw new Error("qemu-system-aarch64 is not installed: scripts/install-tools says how to get it");
  const ours = kept.split("\n");
  const theirs = (await runOnQemu(name, options)).split("\n");
  const differing = ours.flatMap((line, i) => (line === theirs[i] ? [] : [{ ours: line, qemu: theirs[i] }]));
  expect(differing.filter(({ ours }) => !deviations.some(({ line }) => line.test(ours)))).toEqual([]);
  expect(theirs.length).toBe(ours.length);
}
