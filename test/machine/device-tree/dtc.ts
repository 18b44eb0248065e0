import { spawnSync } from "node:child_process";

/** Runs the device tree compiler; a warning of its own fails the test. "dts" gives text, "dtb" bytes. */
export function dtc(input: Uint8Array, from: "dts" | "dtb", to: "dts", options?: readonly string[]): string;
export function dtc(input: Uint8Array, from: "dts" | "dtb", to: "dtb", options?: readonly string[]): Buffer;
export function dtc(input: Uint8Array, from: string, to: string, options: readonly string[] = []): string | Buffer {
  const { status, stdout, stderr, error } = spawnSync("dtc", ["-I", from, "-O", to, ...options, "-"], { input });
  const said = error?.message ?? stderr.toString();
  // For version 16 dtc says that it leaves the structure size out, which is what was asked.
  if (status !== 0 || (said !== "" && !options.includes("-V"))) {
    throw new Error(`dtc: ${said}`);
  }
  return to === "dts" ? stdout.toString() : stdout;
}
