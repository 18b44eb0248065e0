/** Framing on its own: checksums, escapes, runs, the incremental parser. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeNotification, encodePacket } from "../../src/gdb/packet/frame.js";
import { PacketParser, type ParserEvent } from "../../src/gdb/packet/parser.js";
import { decodeRuns } from "../../src/gdb/packet/run-length.js";
import { packet, payloads } from "./wire.js";

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

function parse(stream: string | Uint8Array, limit = 64): ParserEvent[] {
  const parser = new PacketParser(limit);
  const events: ParserEvent[] = [];
  for (const byte of Buffer.from(stream as string, "latin1")) {
    const event = parser.push(byte);
    if (event !== undefined) events.push(event);
  }
  return events;
}

const said = (stream: string, limit?: number) =>
  parse(stream, limit).map((event) => (event.kind === "packet" ? event.payload : event.kind.toUpperCase()));

describe("outgoing frames", () => {
  it.each([
    ["", "$#00"],
    ["OK", "$OK#9a"],
    ["a#b$c}d*e", "$a}\x03b}\x04c}]d}\ne#51"],
    ["0000", "$0* #7a"],
    ["000", "$000#90"],
  ])("%j is sent as %j", (payload, framed) => {
    expect(latin1(encodePacket(payload))).toBe(framed);
  });

  it("sends notifications with % and the same checksum", () => {
    expect(latin1(encodeNotification("Stop", "T05"))).toBe("%Stop:T05#99");
  });

  it("is undone by a client, whatever the payload", () => {
    const bytes = fc.uint8Array({ maxLength: 400 });
    const runs = fc
      .array(fc.tuple(fc.constantFrom(0x23, 0x24, 0x2a, 0x7d, 0x03, 0x30, 0), fc.nat(250)), { maxLength: 6 })
      .map((list) => Uint8Array.from(list.flatMap(([byte, count]) => Array<number>(count).fill(byte))));
    fc.assert(
      fc.property(fc.oneof(bytes, runs), (payload) => {
        expect(payloads(latin1(encodePacket(payload)))).toEqual([latin1(payload)]);
      }),
    );
  });
});

describe("run-length encoding", () => {
  const zeros = (count: number) => "0".repeat(count);
  it.each([
    [3, "000"],
    [4, "0* "],
    [5, "0*!"],
    [6, '0*"'],
    // 6 and 7 repeats would be written # and $.
    [7, '0*"0'],
    [8, '0*"00'],
    [9, "0*%"],
    [98, "0*~"],
    [99, "0*~0"],
  ])("writes %i equal characters as %j", (count, encoded) => {
    expect(latin1(encodePacket(zeros(count))).slice(1, -3)).toBe(encoded);
    expect(latin1(decodeRuns(Buffer.from(encoded)) ?? Buffer.of())).toBe(zeros(count));
  });

  it.each(["*!", "0*", "0*\x1d"])("refuses the broken run %j", (broken) => {
    expect(decodeRuns(Buffer.from(broken, "latin1"))).toBeUndefined();
  });
});

describe("incoming bytes", () => {
  it.each([
    ["a packet", "$qC#b4", ["qC"]],
    ["upper-case checksum digits", "$z#7A", ["z"]],
    ["several packets and acknowledgments", "+$?#3f+-$g#67", ["ACK", "?", "ACK", "NAK", "g"]],
    ["Ctrl-C between packets", "\x03$g#67\x03", ["INTERRUPT", "g", "INTERRUPT"]],
    ["a break between packets", "\xff\xf3g$g#67\xff\xf3", ["INTERRUPT", "g", "INTERRUPT"]],
    ["no break: other commands of Telnet's, half of one", "\xff\xf1\xf3\xff+\xff$g#67\xf3", ["ACK", "g"]],
    ["a break inside a packet, which is data", "$X\xff\xf3#4a", ["X\xff\xf3"]],
    ["0x03 inside a packet, which is data", "$X\x03#5b", ["X\x03"]],
    ["garbage between packets", "hello\r\n\x00\xff#00$g#67", ["g"]],
    ["escapes", "$X}\x03}\x04}]#33", ["X#$}"]],
    ["a bare * in binary data", "$X*#82", ["X*"]],
    ["a wrong checksum", "$g#68$g#67", ["CORRUPT", "g"]],
    ["a checksum that is no number", "$g#zz$g#6-$g# 7", ["CORRUPT", "CORRUPT", "CORRUPT"]],
    ["a packet broken off by the next", "$m4000$g#67", ["g"]],
    ["a packet broken off in its checksum", "$m4000#1$g#67", ["g"]],
    ["a packet broken off in an escape", "$X}$g#67", ["g"]],
    ["an empty packet", "$#00", [""]],
  ])("takes %s", (_, stream, events) => {
    expect(said(stream)).toEqual(events);
  });

  it("has room for long packets as they come", () => {
    const payload = Array.from({ length: 5000 }, (_, n) => String.fromCharCode(0x61 + (n % 26))).join("");
    expect(said(latin1(packet(payload)), 5000)).toEqual([payload]);
    expect(said(latin1(packet(payload)), 4999)).toEqual(["OVERSIZE"]);
  });

  it("keeps no more than its limit", () => {
    expect(said(latin1(packet("x".repeat(64))))).toEqual(["x".repeat(64)]);
    expect(said(`${latin1(packet("x".repeat(65)))}$g#67`)).toEqual(["OVERSIZE", "g"]);
  });

  it("counts the limit after escapes are undone", () => {
    expect(said(latin1(packet("#".repeat(64))))).toEqual(["#".repeat(64)]);
  });

  it("understands what a client frames, whatever the payload", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (payload) => {
        const [event, ...more] = parse(latin1(packet(payload)));
        expect(more).toEqual([]);
        expect(event?.kind === "packet" && event.payload).toBe(latin1(payload));
      }),
    );
  });
});
