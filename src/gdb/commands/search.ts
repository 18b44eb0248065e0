/** `qSearch:memory` and `qCRC`: GDB's `find` and `compare-sections` done here (GDB manual, "General Query Packets"). */

import type { Session } from "../session.js";
import { TargetError } from "../target.js";
import { command, type Reply } from "./command.js";

/** Bytes read at a time. */
const CHUNK = 0x1_0000;

/** The memory from `address` on in pieces, until `length` bytes or the first that cannot be read; then the error. */
function* pieces(session: Session, address: bigint, length: bigint): Generator<Uint8Array, TargetError | undefined> {
  let done = 0n;
  while (done < length) {
    const left = length - done;
    const wanted = left < CHUNK ? Number(left) : CHUNK;
    const bytes = session.target.readMemory(session.general, BigInt.asUintN(64, address + done), wanted);
    if (bytes instanceof TargetError) return bytes;
    yield bytes;
    done += BigInt(bytes.length);
  }
  return undefined;
}

/** `1,ADDR` where the pattern begins, `0` if it is nowhere in the range; an error if that cannot be told. */
export const qSearch = command({
  name: "qSearch",
  observers: true,
  parse(args) {
    args.expect(":memory:");
    const address = args.address();
    args.expect(";");
    const length = args.address();
    args.expect(";");
    return { address, length, pattern: args.binary() };
  },
  handle(session, { address, length, pattern }): Reply {
    // A pattern may lie across pieces: the end of one is kept for the next.
    let kept = Buffer.alloc(0);
    let at = address;
    const reader = pieces(session, address, length);
    for (;;) {
      const { value, done } = reader.next();
      if (done) return value instanceof TargetError ? value : "0";
      const window = Buffer.concat([kept, value]);
      const found = window.indexOf(pattern);
      if (found >= 0 && pattern.length > 0) return `1,${BigInt.asUintN(64, at + BigInt(found)).toString(16)}`;
      const keep = Math.min(window.length, Math.max(pattern.length - 1, 0));
      kept = Buffer.from(window.subarray(window.length - keep));
      at += BigInt(window.length - keep);
    }
  },
});

/** x^32 + x^26 + x^23 + x^22 + x^16 + x^12 + x^11 + x^10 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1, high bit first. */
const POLYNOMIAL = 0x04c11db7;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc >>> 0;
});

/** `CCRC32`, which begins with all ones and is not inverted at the end. */
export const qCRC = command({
  name: "qCRC",
  observers: true,
  parse(args) {
    args.expect(":");
    const address = args.address();
    args.expect(",");
    return { address, length: args.address() };
  },
  handle(session, { address, length }): Reply {
    let crc = 0xffff_ffff;
    const reader = pieces(session, address, length);
    for (;;) {
      const { value, done } = reader.next();
      if (done) return value instanceof TargetError ? value : `C${(crc >>> 0).toString(16)}`;
      for (const byte of value) crc = (crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] as number);
    }
  },
});
