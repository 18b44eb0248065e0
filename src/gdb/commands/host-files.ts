/**
 * `vFile`: the one file that this target has, the program that it was started with, read-only (GDB manual, section "Host
 * I/O Packets"). It is served from what was loaded: no name that a debugger sends reaches a file system.
 */

import { MAX_PACKET } from "../limits.js";
import { type Arguments, MalformedPacket } from "../packet/arguments.js";
import type { Session } from "../session.js";
import type { ExecFile } from "../target.js";
import { type Command, type Reply, UNSUPPORTED } from "./command.js";

/** Of "Errno Values" in the File-I/O section, those that are answered here. */
const ERRNO = { ENOENT: 2, EBADF: 9, EINVAL: 22, ENFILE: 23, EROFS: 30 } as const;
/** "Open Flags": how the file is to be accessed, and that it is to be made. */
const OPEN = { access: 3, create: 0x200 } as const;
/** "mode_t Values": a regular file that everybody may read. */
const MODE = 0o100444;
const STAT_SIZE = 64;
const BLOCK = 512;
const MAX_OPEN = 16;
/** Each byte may need an escape, and the reply says the length first. */
const MAX_READ = MAX_PACKET / 2 - 16;

/** By session: what its descriptors are open on. */
const descriptors = new WeakMap<Session, (ExecFile | undefined)[]>();

function descriptorsOf(session: Session): (ExecFile | undefined)[] {
  const open = descriptors.get(session) ?? [];
  descriptors.set(session, open);
  return open;
}

const failed = (errno: number): Reply => `F-1,${errno.toString(16)}`;
const done = (result: number): Reply => `F${result.toString(16)}`;
const attached = (bytes: Uint8Array): Reply => Buffer.concat([Buffer.from(`F${bytes.length.toString(16)};`), bytes]);

/** A file's name, in hexadecimal. */
function name(args: Arguments): string {
  const digits = args.until(",");
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new MalformedPacket("a file's name is pairs of hex digits");
  return Buffer.from(digits, "hex").toString();
}

/** A number behind a comma. */
function further(args: Arguments): number {
  args.expect(",");
  return args.count();
}

/** `struct stat` of the File-I/O section, which is big endian whatever the target is. */
function stat({ bytes }: ExecFile): Uint8Array {
  const block = Buffer.alloc(STAT_SIZE);
  block.writeUInt32BE(MODE, 8);
  block.writeUInt32BE(1, 12);
  block.writeBigUInt64BE(BigInt(bytes.length), 28);
  block.writeBigUInt64BE(BigInt(BLOCK), 36);
  block.writeBigUInt64BE(BigInt(Math.ceil(bytes.length / BLOCK)), 44);
  return block;
}

interface Place {
  readonly file: ExecFile;
  readonly open: (ExecFile | undefined)[];
}

type Operation = (args: Arguments, place: Place) => Reply;

/** Parses all of its arguments, then acts. */
function operation<Value>(parse: (args: Arguments) => Value, act: (place: Place, value: Value) => Reply): Operation {
  return (args, place) => {
    const value = parse(args);
    args.end();
    return act(place, value);
  };
}

const onlyReading = operation(
  (args) => args.rest(),
  () => failed(ERRNO.EROFS),
);

const operations = new Map<string, Operation>([
  // Whose file system is meant: there is one.
  [
    "setfs",
    operation(
      (args) => args.count(),
      () => done(0),
    ),
  ],
  [
    "open",
    operation(
      (args) => ({ path: name(args), flags: further(args), mode: further(args) }),
      ({ file, open }, { path, flags }) => {
        if ((flags & OPEN.access) !== 0 || (flags & OPEN.create) !== 0) return failed(ERRNO.EROFS);
        if (path !== file.path) return failed(ERRNO.ENOENT);
        const free = open.indexOf(undefined);
        const descriptor = free >= 0 ? free : open.length;
        if (descriptor === MAX_OPEN) return failed(ERRNO.ENFILE);
        open[descriptor] = file;
        return done(descriptor);
      },
    ),
  ],
  [
    "close",
    operation(
      (args) => args.count(),
      ({ open }, descriptor) => {
        if (open[descriptor] === undefined) return failed(ERRNO.EBADF);
        open[descriptor] = undefined;
        return done(0);
      },
    ),
  ],
  [
    "pread",
    operation(
      (args) => ({ descriptor: args.count(), count: further(args), offset: further(args) }),
      ({ open }, { descriptor, count, offset }) => {
        const bytes = open[descriptor]?.bytes;
        if (bytes === undefined) return failed(ERRNO.EBADF);
        return attached(bytes.subarray(offset, offset + Math.min(count, MAX_READ)));
      },
    ),
  ],
  [
    "fstat",
    operation(
      (args) => args.count(),
      ({ open }, descriptor) => {
        const file = open[descriptor];
        return file === undefined ? failed(ERRNO.EBADF) : attached(stat(file));
      },
    ),
  ],
  ["stat", operation(name, ({ file }, path) => (path === file.path ? attached(stat(file)) : failed(ERRNO.ENOENT)))],
  // It is no link.
  ["readlink", operation(name, ({ file }, path) => failed(path === file.path ? ERRNO.EINVAL : ERRNO.ENOENT))],
  ["pwrite", onlyReading],
  ["unlink", onlyReading],
]);

/** `vFile:OPERATION:…`. Unknown to a target without a file, so that GDB says so. */
export const vFile: Command = {
  name: "vFile",
  always: true,
  unattached: true,
  observers: true,
  words: false,
  run(args, session) {
    const file = session.target.execFile;
    args.expect(":");
    const act = operations.get(args.until(":"));
    if (file === undefined || act === undefined) return UNSUPPORTED;
    args.expect(":");
    return act(args, { file, open: descriptorsOf(session) });
  },
};
