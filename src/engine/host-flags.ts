/**
 * What V8 has and Node.js 20 keeps behind flags of V8: branch hints, by which code that hardly ever runs does not cost
 * registers where it does not run; and relaxed SIMD (fp/host-fma.ts). Modules that use either are right without. And
 * what V8 does for larger programs than this.
 *
 * Set before any WebAssembly is compiled, for all threads: V8 takes kept code (optimized-code.ts) only under the flags
 * it was made under. And no sooner: Node's own modules come with V8's code under no flags, and what is loaded later is
 * compiled anew (30 ms of the main thread, 60 ms of another one's start).
 */
import { setFlagsFromString } from "node:v8";

/**
 * And `plain`, which makes it what V8 has it, and the version from which V8 does so by itself, or is not known to have
 * the flag: it complains of one that it does not know. Checks of the stack at each function and each round of a loop
 * are not needed: what regions that call take of it is counted (interpreter/ways-out.ts), nothing else recurs, and
 * every loop ends with the budget. A collection of young objects has less than a millisecond to do: shared out, it
 * waits until the other threads have a processor, while a debugger waits. The allocator of registers that V8 takes for
 * functions of more than 8,192 values keeps hardly any of them in registers; an interpreter's bytecodes are such a
 * function (regions/discover.ts).
 */
const FLAGS = [
  { name: "experimental-wasm-branch-hinting", value: true, plain: false, until: [13, 7] },
  { name: "experimental-wasm-relaxed-simd", value: true, plain: false, until: [11, 4] },
  { name: "wasm-stack-checks", value: false, plain: true, until: [11, 4] },
  { name: "interrupt-budget", value: 150_000, plain: 67_584, until: [11, 4] },
  { name: "parallel-scavenge", value: false, plain: true, until: [13, 7] },
  { name: "turbo-use-mid-tier-regalloc-for-huge-functions", value: false, plain: true, until: [11, 4] },
] as const;

/** As V8's command line has it. */
const option = (name: string, value: boolean | number): string =>
  typeof value === "number" ? `--${name}=${value}` : `--${value ? "" : "no-"}${name}`;

function set(which: "value" | "plain"): void {
  const [major = 0, minor = 0] = process.versions.v8.split(".").map(Number);
  for (const flag of FLAGS) {
    const [untilMajor, untilMinor] = flag.until;
    if (major < untilMajor || (major === untilMajor && minor < untilMinor))
      setFlagsFromString(option(flag.name, flag[which]));
  }
}

export const setHostFlags = (): void => set("value");

/** For the build, which keeps code for a time at which they are not set yet. */
export const unsetHostFlags = (): void => set("plain");
