/**
 * Has V8 heed the section of branch hints (encoder.ts): what a rare branch leads to is then laid out apart, and
 * registers are saved there and not before the branch. V8 does so by itself from 13.7 on and has it behind a flag
 * before; without it, code is slower and does the same.
 */
import { setFlagsFromString } from "node:v8";

const V8_FLAG = "--experimental-wasm-branch-hinting";
const BY_ITSELF = [13, 7] as const;

/** Of modules that are compiled from now on, in all threads. */
export function enableBranchHints(): void {
  const [major = 0, minor = 0] = process.versions.v8.split(".").map(Number);
  // Later V8s print an error for a flag that they do not know any more.
  if (major < BY_ITSELF[0] || (major === BY_ITSELF[0] && minor < BY_ITSELF[1])) setFlagsFromString(V8_FLAG);
}
