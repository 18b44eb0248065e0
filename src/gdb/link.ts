/**
 * One connection's bytes: framing, acknowledgment and repetition (GDB manual, appendix "Remote Protocol", sections
 * "Overview" and "Packet Acknowledgment"). What the packets say is not its business.
 */

import { MAX_PACKET } from "./limits.js";
import { ACK, encodeNotification, encodePacket, NAK } from "./packet/frame.js";
import { encodeHexPacket, HexBytes } from "./packet/hex-packet.js";
import { PacketParser, type ParserEvent } from "./packet/parser.js";
import { Errno, TargetError } from "./target.js";

/** The connection as the session sees it. */
export interface Transport {
  send(bytes: Uint8Array): void;
  /** True while the client does not read what it was sent; then no input is taken. */
  readonly congested: boolean;
  /** Ends the connection once everything sent is out. */
  end(): void;
  /** Something for whoever runs the machine: one line. */
  warn?(text: string): void;
  /** A bug of ours, caught: the client has been told that the packet failed. */
  defect?(error: unknown): void;
}

/** What a link tells its session. */
export interface LinkListener {
  /** One character a byte. */
  packet(payload: string): void;
  /** Ctrl-C. */
  interrupt(): void;
  /** A packet that could not be taken, to be answered with this. */
  unreadable(error: TargetError): void;
}

export class Link {
  readonly #transport: Transport;
  readonly #listener: LinkListener;
  readonly #parser = new PacketParser(MAX_PACKET);
  #acknowledging = true;
  /** An acknowledgment that goes out with the reply: two segments would cost two system calls, and the client's two. */
  #owed = false;
  #lastPacket: Uint8Array | undefined;
  #open = true;

  constructor(transport: Transport, listener: LinkListener) {
    this.#transport = transport;
    this.#listener = listener;
  }

  /** Takes input. Gives how many bytes it took: all, unless the transport is congested or the link closed. */
  receive(bytes: Uint8Array): number {
    let taken = 0;
    while (taken < bytes.length && !this.#transport.congested && this.#open) {
      let event: ParserEvent | undefined;
      while (event === undefined && taken < bytes.length) event = this.#parser.push(bytes[taken++] as number);
      if (event !== undefined) this.#heard(event);
    }
    return taken;
  }

  /** Nothing more is taken. */
  close(): void {
    this.#open = false;
  }

  /** From the next packet on, neither side acknowledges. */
  stopAcknowledging(): void {
    this.#acknowledging = false;
  }

  send(payload: string | Uint8Array | HexBytes): void {
    const packet = payload instanceof HexBytes ? encodeHexPacket(payload) : encodePacket(payload);
    this.#lastPacket = this.#acknowledging ? packet : undefined;
    this.#transport.send(this.#owed ? Buffer.concat([ACK, packet]) : packet);
    this.#owed = false;
  }

  /** An asynchronous notification, which nobody acknowledges. */
  notify(name: string, event: string): void {
    this.#transport.send(encodeNotification(name, event));
  }

  #heard(event: ParserEvent): void {
    switch (event.kind) {
      case "ack":
        this.#lastPacket = undefined;
        return;
      case "nak":
        if (this.#acknowledging && this.#lastPacket !== undefined) this.#transport.send(this.#lastPacket);
        return;
      case "interrupt":
        this.#listener.interrupt();
        return;
      case "corrupt":
        if (this.#acknowledging) this.#transport.send(NAK);
        else this.#listener.unreadable(new TargetError(Errno.EIO, "wrong checksum; the packet was ignored"));
        return;
      case "oversize":
        if (this.#acknowledging) this.#transport.send(ACK);
        this.#listener.unreadable(new TargetError(Errno.EINVAL, `packet longer than PacketSize, ${MAX_PACKET} bytes`));
        return;
      case "packet":
        this.#owed = this.#acknowledging;
        this.#listener.packet(event.payload);
        // The reply comes later: a resumption's, when the machine stands.
        if (this.#owed) this.#transport.send(ACK);
        this.#owed = false;
    }
  }
}
