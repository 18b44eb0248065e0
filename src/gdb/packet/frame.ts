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
  for (let at = 0; at < body.length; at++) sum += body[at] as number;
  return sum & 0xff;
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
  let first = 0;
  while (first < bytes.length && !mustEscape(bytes[first] as number)) first++;
  if (first === bytes.length) return bytes;
  const out = new Uint8Array(2 * bytes.length - first);
  out.set(bytes.subarray(0, first));
  let length = first;
  for (let at = first; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (mustEscape(byte)) {
      out[length++] = Mark.escape;
      out[length++] = byte ^ ESCAPE_XOR;
    } else {
      out[length++] = byte;
    }
  }
  return out.subarray(0, length);
}
