/**
 * Incoming framing, one byte at a time, so that TCP may cut the stream anywhere (GDB manual, appendix "Remote
 * Protocol", sections "Overview" and "Packet Acknowledgment").
 *
 * `$` never occurs inside a packet, not even escaped, so it always starts one: a client that broke off mid-packet is
 * understood again at its next. What stands between packets and is no acknowledgment is ignored. Clients do not
 * run-length encode, and may send a bare `*` in binary data: it stands for itself.
 */

import { ESCAPE_XOR, Mark } from "./frame.js";

export type ParserEvent =
  /** A whole packet with a right checksum, unescaped: one character a byte. */
  | { readonly kind: "packet"; readonly payload: string }
  /** A packet whose checksum is wrong or no number. */
  | { readonly kind: "corrupt" }
  /** A packet over the limit; its bytes were not kept. */
  | { readonly kind: "oversize" }
  | { readonly kind: "ack" }
  | { readonly kind: "nak" }
  /** Ctrl-C, or a break. */
  | { readonly kind: "interrupt" };

const between: Readonly<Record<number, ParserEvent>> = {
  [Mark.ack]: { kind: "ack" },
  [Mark.nak]: { kind: "nak" },
  [Mark.interrupt]: { kind: "interrupt" },
};

/**
 * A break, which a GDB that is set to (`set remote interrupt-sequence BREAK`, or `BREAK-g` for kernels of its own)
 * sends instead of Ctrl-C: Telnet's, where there is no serial line (RFC 854).
 */
const Telnet = { command: 0xff, break: 0xf3 } as const;

type Place = "between" | "telnet command" | "body" | "checksum high" | "checksum low";

/**
 * What a parser has room for at first, in bytes: nearly all packets. Room for the longest, which most clients never
 * send, would cost each connection its clearing, page fault by page fault.
 */
const FIRST_ROOM = 1024;

export class PacketParser {
  readonly #limit: number;
  #payload: Buffer;
  #place: Place = "between";
  #length = 0;
  #escaped = false;
  #sum = 0;
  #sentSum = 0;

  /** @param limit most bytes a packet's payload may have, unescaped; all the memory the parser takes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#payload = Buffer.allocUnsafeSlow(Math.min(FIRST_ROOM, limit));
  }

  /** Takes the next byte; gives the event it completes, if any. */
  push(byte: number): ParserEvent | undefined {
    if (byte === Mark.packet) {
      this.#begin();
      return undefined;
    }
    switch (this.#place) {
      case "between":
        if (byte === Telnet.command) this.#place = "telnet command";
        return between[byte];
      case "telnet command":
        this.#place = "between";
        return byte === Telnet.break ? between[Mark.interrupt] : between[byte];
      case "body":
        if (byte === Mark.end) this.#place = "checksum high";
        else this.#take(byte);
        return undefined;
      case "checksum high":
        this.#sentSum = hexDigit(byte) << 4;
        this.#place = "checksum low";
        return undefined;
      case "checksum low":
        this.#sentSum |= hexDigit(byte);
        this.#place = "between";
        return this.#finished();
    }
  }

  #begin(): void {
    this.#place = "body";
    this.#length = 0;
    this.#escaped = false;
    this.#sum = 0;
  }

  #take(byte: number): void {
    this.#sum = (this.#sum + byte) & 0xff;
    if (byte === Mark.escape && !this.#escaped) {
      this.#escaped = true;
      return;
    }
    if (this.#length === this.#payload.length) this.#grow();
    // A write past the end of a typed array is ignored: the length alone tells of a packet over the limit.
    this.#payload[this.#length++] = this.#escaped ? byte ^ ESCAPE_XOR : byte;
    this.#escaped = false;
  }

  #grow(): void {
    const size = Math.min(2 * this.#payload.length, this.#limit);
    if (size <= this.#payload.length) return;
    const payload = Buffer.allocUnsafeSlow(size);
    payload.set(this.#payload);
    this.#payload = payload;
  }

  #finished(): ParserEvent {
    if (this.#sentSum !== this.#sum) return { kind: "corrupt" };
    if (this.#length > this.#limit) return { kind: "oversize" };
    return { kind: "packet", payload: this.#payload.toString("latin1", 0, this.#length) };
  }
}

/** The value of an ASCII hexadecimal digit; a negative number, which no checksum equals, for anything else. */
function hexDigit(byte: number): number {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? -0x100 : value;
}
