/**
 * Run-length encoding: a character, `*`, and a printable character whose code less 29 is how often it comes again (GDB
 * manual, appendix "Remote Protocol", section "Overview"). Only replies are encoded, escaped bytes as they are.
 */

const RUN = 0x2a;
export const COUNT_BIAS = 29;
/** Shorter runs would not get shorter. */
export const MIN_REPEATS = 3;
/** The count must be printable: at most `~`. */
export const MAX_REPEATS = 0x7e - COUNT_BIAS;

/** How many of `repeats` one code can stand for: `#` and `$` (6 and 7) would be taken for framing. */
export function codable(repeats: number): number {
  return repeats === 6 || repeats === 7 ? 5 : repeats;
}

/** How many bytes from `at` on, all equal to the one before it, one code stands for; 0 if they go as they are. */
export function codedRepeats(bytes: Uint8Array, at: number): number {
  const byte = bytes[at - 1];
  const limit = Math.min(bytes.length, at + MAX_REPEATS);
  let end = at;
  while (end < limit && bytes[end] === byte) end++;
  return end - at < MIN_REPEATS ? 0 : codable(end - at);
}

/** A body as it was before: undefined if a run has no character before it, no count after it, or a count below 1. */
export function decodeRuns(bytes: Uint8Array): Uint8Array | undefined {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (byte !== RUN) {
      out.push(byte);
      continue;
    }
    const repeated = out.at(-1);
    const repeats = (bytes[++at] ?? 0) - COUNT_BIAS;
    if (repeated === undefined || repeats < 1) return undefined;
    for (let n = 0; n < repeats; n++) out.push(repeated);
  }
  return Uint8Array.from(out);
}
