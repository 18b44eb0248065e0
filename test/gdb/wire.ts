/** A client for packet tests: speaks to a `Session` without a socket, whole packets or byte by byte. */

import { checksum, ESCAPE_XOR, Mark } from "../../src/gdb/packet/frame.js";
import { decodeRuns } from "../../src/gdb/packet/run-length.js";
import { Session, type SessionOptions, type Transport } from "../../src/gdb/session.js";
import type { DebugTarget } from "../../src/gdb/target.js";

/** How TCP may cut the stream. */
export const segmentations = ["whole", "byte by byte"] as const;
export type Segmentation = (typeof segmentations)[number];

export class Wire implements Transport {
  readonly session: Session;
  readonly defects: unknown[] = [];
  readonly warnings: string[] = [];
  congested = false;
  ended = false;
  #sent: Buffer[] = [];

  constructor(
    target: DebugTarget,
    readonly segmentation: Segmentation = "whole",
    options: SessionOptions = {},
  ) {
    this.session = new Session(target, this, options);
  }

  send(bytes: Uint8Array): void {
    this.#sent.push(Buffer.from(bytes));
  }

  end(): void {
    this.ended = true;
  }

  warn(text: string): void {
    this.warnings.push(text);
  }

  defect(error: unknown): void {
    this.defects.push(error);
  }

  /** Sends raw bytes (latin1), gives what came back, raw. */
  raw(text: string | Uint8Array): string {
    const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    if (this.segmentation === "whole") this.session.receive(bytes);
    else for (const byte of bytes) this.session.receive(Uint8Array.of(byte));
    return this.take();
  }

  /** What has come since the last look, raw. */
  take(): string {
    const text = Buffer.concat(this.#sent).toString("latin1");
    this.#sent = [];
    return text;
  }

  /** Sends a packet; gives the payloads that came back, after checking every frame and dropping acknowledgments. */
  ask(payload: string | Uint8Array): string[] {
    return payloads(this.raw(packet(payload)));
  }

  /** The one payload that answers a packet. */
  reply(payload: string | Uint8Array): string {
    const replies = this.ask(payload);
    if (replies.length !== 1) throw new Error(`${replies.length} replies to ${payload}: ${replies.join(" | ")}`);
    return replies[0] as string;
  }

  /** Begins as GDB does, with what it says of itself. */
  greet(features: string): void {
    for (const question of [`qSupported:${features}`, "vMustReplyEmpty"]) this.ask(question);
  }

  /** Payloads that have come since the last look. */
  heard(): string[] {
    return payloads(this.take());
  }
}

/** A packet as a client frames it: escaped, without run-length encoding. */
export function packet(payload: string | Uint8Array): Uint8Array {
  const plain = typeof payload === "string" ? Buffer.from(payload, "latin1") : payload;
  const escaped: number[] = [];
  for (const byte of plain) {
    if (byte === Mark.packet || byte === Mark.end || byte === Mark.escape) escaped.push(Mark.escape, byte ^ ESCAPE_XOR);
    else escaped.push(byte);
  }
  const body = Uint8Array.from(escaped);
  return Buffer.concat([Buffer.from("$"), body, Buffer.from(`#${checksum(body).toString(16).padStart(2, "0")}`)]);
}

/** The events of the `%Stop` notifications in a stream. */
export function events(stream: string): string[] {
  const frames = stream.match(/%Stop:[^#]*#[0-9a-f]{2}/g) ?? [];
  return frames.flatMap((frame) => payloads(`$${frame.slice(1)}`).map((payload) => payload.slice("Stop:".length)));
}

/** The payloads in a stream of replies. Throws for what is no frame or has a wrong checksum. */
export function payloads(stream: string): string[] {
  const found: string[] = [];
  let rest = stream;
  while (rest !== "") {
    if (rest.startsWith("+") || rest.startsWith("-")) {
      rest = rest.slice(1);
      continue;
    }
    const frame = /^\$([^$#]*)#([0-9a-f]{2})/s.exec(rest);
    if (frame === null) throw new Error(`no frame: ${JSON.stringify(rest.slice(0, 80))}`);
    const body = Buffer.from(frame[1]!, "latin1");
    if (checksum(body) !== Number.parseInt(frame[2]!, 16)) throw new Error(`wrong checksum: ${frame[0]}`);
    const escaped = decodeRuns(body);
    if (escaped === undefined) throw new Error(`broken run: ${frame[0]}`);
    found.push(withoutEscapes(escaped));
    rest = rest.slice(frame[0].length);
  }
  return found;
}

function withoutEscapes(bytes: Uint8Array): string {
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    out.push(byte === Mark.escape ? (bytes[++at] ?? 0) ^ ESCAPE_XOR : byte);
  }
  return Buffer.from(out).toString("latin1");
}
