/** Memory readings are framed by a routine of their own: it must say what the general one says. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeHexPacket, HexBytes } from "../../src/gdb/packet/hex-packet.js";
import { payloads } from "./wire.js";

const byte = fc.constantFrom(0, 0, 0, 0xff, 0x11, 0x10, 0x01, 0x5a);
const run = fc.tuple(byte, fc.integer({ min: 1, max: 230 })).map(([value, count]) => Array<number>(count).fill(value));

it("gives any bytes back", () => {
  fc.assert(
    fc.property(fc.array(run, { maxLength: 12 }), (runs) => {
      const bytes = Uint8Array.from(runs.flat());
      const packet = Buffer.from(encodeHexPacket(new HexBytes(bytes))).toString("latin1");
      expect(payloads(packet)).toEqual([Buffer.from(bytes).toString("hex")]);
      // Counts that would be taken for framing.
      expect(packet.slice(1, packet.lastIndexOf("#"))).not.toMatch(/[$#]/);
    }),
  );
});

it("is short where memory is empty", () => {
  expect(encodeHexPacket(new HexBytes(new Uint8Array(0x10000))).length).toBeLessThan(0x1000);
});
