/** Whole guests on the reference machine. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * What a guest's console has had when QEMU ends. The event loop turns meanwhile: a test's worker that does not answer
 * for a minute is an error to vitest, whatever its tests say. Throws with QEMU's complaints when it fails or takes too
 * long.
 */
export async function runQemu(args: readonly string[]): Promise<string> {
  const ended = promisify(execFile)("qemu-system-aarch64", args, {
    encoding: "latin1",
    timeout: 300_000,
    maxBuffer: 1 << 26,
  });
  ended.child.stdin?.end();
  return (await ended).stdout;
}
