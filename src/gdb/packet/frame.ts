/**
 * Outgoing framing: `$data#checksum`, escapes, run-length encoding, notifications (GDB manual, appendix "Remote
 * Protocol", sections "Overview" and "Notification Packets").
 */

import { DIGIT_PAIRS } from "./hex.js";
import { COUNT_BIAS, codedRepeats } from "./run-length.js";

/** The characters that mean something to framing. */
export const Mark = {
  packet: 0x24, // $
  notification: 0x25, // %
  end: 0x23, // #
  escape: 0x7d, // }
  run: 0x2a, // *
  ack: 0x2b, // +
  nak: 0x2d, // -
  interrupt: 0x03,
} as const;

/** An escaped byte travels as `}` and itself XOR this. */
export const ESCAPE_XOR = 0x20;

export const ACK = Uint8Array.of(Mark.ack);
export const NAK = Uint8Array.of(Mark.nak);

/** A reply on the wire. Text is one byte a character. */
export function encodePacket(payload: Uint8Array | string): Uint8Array {
  return frame(Mark.packet, payload);
}

/** An asynchronous notification, `%name:event#checksum`, which is never acknowledged by `+`. */
export function encodeNotification(name: string, event: string): Uint8Array {
  return frame(Mark.notification, `${name}:${event}`);
}

/** Sum of the bytes between `$` and `#`, modulo 256. */
export function checksum(body: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < body.length; at++) sum += body[at] as number;
  return sum & 0xff;
}

/** By byte: 1 if it would be taken for framing and travels escaped. */
const ESCAPED = new Uint8Array(256);
for (const byte of [Mark.packet, Mark.end, Mark.escape, Mark.run]) ESCAPED[byte] = 1;

/** One pass over the payload: descriptions and readings are kilobytes, and a client waits for each. */
function frame(mark: number, payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const out = Buffer.allocUnsafe(2 * bytes.length + 4);
  let length = 0;
  let sum = 0;
  out[length++] = mark;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at] as number;
    if (ESCAPED[byte] === 1) {
      const escaped = byte ^ ESCAPE_XOR;
      out[length++] = Mark.escape;
      out[length++] = escaped;
      sum += Mark.escape + escaped;
      at++;
      continue;
    }
    out[length++] = byte;
    sum += byte;
    const coded = bytes[++at] === byte ? codedRepeats(bytes, at) : 0;
    if (coded === 0) continue;
    out[length++] = Mark.run;
    out[length++] = COUNT_BIAS + coded;
    sum += Mark.run + COUNT_BIAS + coded;
    at += coded;
  }
  return finish(out, length, sum);
}

/** The packet whose first `length` bytes are in `out`: the end and the checksum are added. */
export function finish(out: Buffer, length: number, sum: number): Uint8Array {
  const digits = DIGIT_PAIRS[sum & 0xff] as number;
  out[length] = Mark.end;
  out[length + 1] = digits & 0xff;
  out[length + 2] = digits >> 8;
  return out.subarray(0, length + 3);
}
