/** Whatever bytes come, the session neither throws nor wedges, and TCP's segments make no difference. */

import fc from "fast-check";
import { expect, it, vi } from "vitest";
import { FakeMachine } from "./fake-machine.js";
import { packet, payloads, type Segmentation, Wire } from "./wire.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const valid = [
  "qSupported:multiprocess+;swbreak+;error-message+",
  "QStartNoAckMode",
  "!",
  "?",
  "g",
  "p20",
  "P5=0102030405060708",
  `G${"00".repeat(788)}`,
  "m40000000,40",
  "M40000100,4:01020304",
  "X40000100,4:#$}*",
  "x40000000,20",
  "Hgp1.2",
  "Hc-1",
  "Tp1.1",
  "qC",
  "qAttached:1",
  "qfThreadInfo",
  "qsThreadInfo",
  "qThreadExtraInfo,p1.1",
  "qXfer:threads:read::0,100",
  "qXfer:features:read:target.xml:0,ffb",
  "vCont?",
  "vCont;c",
  "vCont;s:p1.1;c",
  "vCont;r40000000,40000008:p1.1",
  "c",
  "s",
  "C05",
  "S05;40000004",
  "Z0,40000004,4",
  "z0,40000004,4",
  "Z1,40000008,4",
  "Z2,40000000,8",
  "qRcmd,7768657265",
  "R00",
  "vAttach;1",
  "D;1",
  "vMustReplyEmpty",
  "qOffsets",
  "qSymbol::",
];

/** A byte somewhere in a packet replaced, inserted or removed, checksum right. */
const mutated = fc
  .tuple(
    fc.constantFrom(...valid),
    fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(2), fc.nat(255)), { maxLength: 3 }),
  )
  .map(([text, changes]) => {
    const bytes = [...Buffer.from(text, "latin1")];
    for (const [place, removed, byte] of changes) bytes.splice(Math.floor(place * bytes.length), removed, byte);
    return packet(Uint8Array.from(bytes));
  });

const piece = fc.oneof(
  { weight: 8, arbitrary: mutated },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("+", "-", "\x03", "$", "#", "}", "$g#00", "$#00")
      .map((text) => Buffer.from(text, "latin1")),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 20 }) },
);

/** Plays a stream of pieces to a machine that makes a slice's progress after each. */
function play(pieces: readonly Uint8Array[], segmentation: Segmentation) {
  const machine = new FakeMachine();
  const wire = new Wire(machine, segmentation);
  let heard = "";
  for (const bytes of pieces) {
    heard += wire.raw(bytes);
    machine.slice();
    heard += wire.take();
  }
  return { machine, wire, heard };
}

it("random bytes and mutated packets never throw, and every reply is a frame", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { wire, heard } = play(pieces, "whole");
      expect(() => payloads(heard)).not.toThrow();
      expect(wire.defects).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

it("any segmentation gives the same conversation", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      expect(play(pieces, "byte by byte").heard).toBe(play(pieces, "whole").heard);
    }),
    { numRuns: 500 },
  );
});

it("afterwards the session still answers, and leaves nothing behind", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const { machine, wire } = play(pieces, "whole");
      wire.raw(packet("vMustReplyEmpty"));
      wire.raw("\x03");
      for (let n = 0; n < 40; n++) {
        machine.slice();
        wire.raw("\x03");
      }
      expect(wire.reply("qAttached")).toBe("1");
      expect(wire.ask("qC")).toEqual([expect.stringMatching(/^(QC|E)/)]);
      wire.session.close();
      machine.slice();
      expect([machine.points, machine.listeners]).toEqual([[], 0]);
    }),
    { numRuns: 1000 },
  );
});
