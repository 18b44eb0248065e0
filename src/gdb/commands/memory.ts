/**
 * `m`, `M`, `X`, `x`: memory as the selected vCPU's current translation has it (GDB manual, "Packets"). A reading may
 * give fewer bytes than asked, and so says where the readable ones end.
 */

import { MAX_PACKET } from "../limits.js";
import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import { HexBytes } from "../packet/hex-packet.js";
import type { Session } from "../session.js";
import { TargetError } from "../target.js";
import { readInFrame, selectedFrame } from "../tracepoints/index.js";
import { command, OK, type Reply } from "./command.js";

interface Range {
  readonly address: bigint;
  readonly length: number;
}

function parseRange(args: Arguments): Range {
  const address = args.address();
  args.expect(",");
  return { address, length: args.count() };
}

function read(session: Session, { address, length }: Range, limit: number): Uint8Array | TargetError {
  if (length === 0) return new Uint8Array(0);
  const frame = selectedFrame(session);
  if (frame !== undefined) return readInFrame(session, frame, address, Math.min(length, limit));
  return session.target.readMemory(session.general, address, Math.min(length, limit));
}

export const readHex = command({
  name: "m",
  observers: true,
  parse: parseRange,
  handle(session, range): Reply {
    const bytes = read(session, range, MAX_PACKET / 2);
    return bytes instanceof TargetError ? bytes : new HexBytes(bytes);
  },
});

/** `x`: the reply is `b` and the bytes; half of a packet, because each byte may need an escape. */
export const readBinary = command({
  name: "x",
  observers: true,
  parse: parseRange,
  handle(session, range): Reply {
    const bytes = read(session, range, MAX_PACKET / 2 - 1);
    return bytes instanceof TargetError ? bytes : Buffer.concat([Buffer.from("b"), bytes]);
  },
});

export const writeHex = command({ name: "M", parse: (args) => parseWrite(args, () => args.hexBytes()), handle: write });

/** `X`: GDB probes for it with a length of 0. */
export const writeBinary = command({
  name: "X",
  parse: (args) => parseWrite(args, () => args.binary()),
  handle: write,
});

interface Write {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

function parseWrite(args: Arguments, data: () => Uint8Array): Write {
  const { address, length } = parseRange(args);
  args.expect(":");
  const bytes = data();
  if (bytes.length !== length) throw new MalformedPacket(`${length} bytes announced, ${bytes.length} sent`);
  return { address, bytes };
}

function write(session: Session, { address, bytes }: Write): Reply {
  if (bytes.length === 0) return OK;
  return session.target.writeMemory(session.general, address, bytes) ?? OK;
}
