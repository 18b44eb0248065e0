/**
 * Outgoing framing: `$data#checksum`, escapes, run-length encoding, notifications (GDB manual, appendix "Remote
 * Protocol", sections "Overview" and "Notification Packets").
 */

import { hexByte } from "./hex.js";
import { encodeRuns } from "./run-length.js";

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
  for (const byte of body) sum = (sum + byte) & 0xff;
  return sum;
}

function frame(mark: number, payload: Uint8Array | string): Uint8Array {
  const body = encodeRuns(withEscapes(typeof payload === "string" ? Buffer.from(payload, "latin1") : payload));
  const framed = Buffer.allocUnsafe(body.length + 4);
  framed[0] = mark;
  framed.set(body, 1);
  framed.write(`#${hexByte(checksum(body))}`, body.length + 1, "latin1");
  return framed;
}

function mustEscape(byte: number): boolean {
  return byte === Mark.packet || byte === Mark.end || byte === Mark.escape || byte === Mark.run;
}

function withEscapes(bytes: Uint8Array): Uint8Array {
  let extra = 0;
  for (const byte of bytes) if (mustEscape(byte)) extra++;
  if (extra === 0) return bytes;
  const out = new Uint8Array(bytes.length + extra);
  let at = 0;
  for (const byte of bytes) {
    if (mustEscape(byte)) {
      out[at++] = Mark.escape;
      out[at++] = byte ^ ESCAPE_XOR;
    } else {
      out[at++] = byte;
    }
  }
  return out;
}
