/**
 * A packet of bytes in hexadecimal, framed and run-length encoded in one go: what a reading of memory is answered with,
 * tens of megabytes at a time (GDB manual, appendix "Remote Protocol", section "Overview").
 */

import { finish, Mark } from "./frame.js";
import { DIGIT_PAIRS } from "./hex.js";
import { COUNT_BIAS, codable, MAX_REPEATS, MIN_REPEATS } from "./run-length.js";

/** A reply that consists of these bytes, in hexadecimal. */
export class HexBytes {
  constructor(readonly bytes: Uint8Array) {}
}

/** Shorter runs of bytes are not looked for. */
const MIN_RUN = 2;

/** The whole packet. Runs are found where bytes of two equal digits repeat, which zeros do. */
export function encodeHexPacket({ bytes }: HexBytes): Uint8Array {
  const out = Buffer.allocUnsafe(2 * bytes.length + 4);
  let length = 0;
  let sum = 0;
  out[length++] = Mark.packet;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] as number;
    const pair = DIGIT_PAIRS[byte] as number;
    const high = pair & 0xff;
    const low = pair >> 8;
    if (high === low) {
      let end = at + 1;
      while (end < bytes.length && bytes[end] === byte) end++;
      if (end - at >= MIN_RUN) {
        // A run of characters: one, then how often it comes again, as often as it takes.
        let left = 2 * (end - at);
        while (left > 0) {
          out[length++] = high;
          sum += high;
          left--;
          if (left < MIN_REPEATS) continue;
          const repeats = codable(Math.min(left, MAX_REPEATS));
          out[length++] = Mark.run;
          out[length++] = COUNT_BIAS + repeats;
          sum += Mark.run + COUNT_BIAS + repeats;
          left -= repeats;
        }
        at = end;
        continue;
      }
    }
    out[length++] = high;
    out[length++] = low;
    sum += high + low;
    at++;
  }
  return finish(out, length, sum);
}
