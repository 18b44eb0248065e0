/**
 * The operations of Arm's "Semihosting for AArch32 and AArch64", 2.0, section 6, as an AArch64 guest calls them: a row
 * per operation. W0 is its number, X1 its argument or the address of a block of 8-byte fields; the result is X0.
 */
import { ERRNO, errnoOf, SemihostingError } from "./errors.js";
import type { HostFiles, OpenFile } from "./files.js";
import { type ConsoleStreams, openConsole, openFeatures } from "./streams.js";

/** The guest that calls: its memory and argument. */
export interface Caller {
  /** X1. */
  readonly argument: bigint;
  /** All of the bytes. @throws SemihostingError EFAULT. */
  read(address: bigint, length: number): Uint8Array;
  /** The same, to find out how far to read: watchpoints do not hear of it. */
  peek(address: bigint, length: number): Uint8Array;
  /** @throws SemihostingError EFAULT. */
  write(address: bigint, bytes: Uint8Array): void;
}

/** What operations work on. */
export interface CallContext {
  readonly files: HostFiles;
  readonly console: ConsoleStreams;
  readonly handles: Map<number, OpenFile>;
  readonly commandLine: string;
  /** Seconds since 1970 at power-on; nanoseconds since then. */
  readonly epoch: number;
  now(): bigint;
  /** Free RAM for heap and stack. */
  heap(): { readonly base: bigint; readonly limit: bigint };
  exit(status: number): void;
  errno: number;
}

/** The console has nothing to read yet: the call is made again when it has. */
export const LATER = Symbol("later");
export type CallResult = bigint | typeof LATER;

export interface Operation {
  readonly number: number;
  readonly name: string;
  /** The result when it throws; -1 unless said otherwise. */
  readonly failure?: (caller: Caller) => bigint;
  run(caller: Caller, context: CallContext): CallResult;
}

const NANOSECONDS = 1_000_000_000n;
/** ADP_Stopped_ApplicationExit. */
const APPLICATION_EXIT = 0x20026n;
/** Bytes that are copied at a time, so that a wrong length costs no more than the memory there is. */
const CHUNK = 1 << 16;
const LONGEST_NAME = 4096;

const failed = -1n;

/** Field `n` of the parameter block. */
function field(caller: Caller, n: number): bigint {
  return Buffer.from(caller.read(caller.argument + BigInt(8 * n), 8)).readBigUInt64LE();
}

function fileOf(caller: Caller, { handles }: CallContext): OpenFile {
  const file = handles.get(Number(field(caller, 0)));
  if (file === undefined) throw new SemihostingError(ERRNO.EBADF);
  return file;
}

/** A name by its address and its length without the final NUL. */
export function nameAt(caller: Caller, address: bigint, length: bigint): string {
  if (length > BigInt(LONGEST_NAME)) throw new SemihostingError(ERRNO.ENAMETOOLONG);
  return Buffer.from(caller.read(address, Number(length))).toString("utf8");
}

const nameField = (caller: Caller, n: number): string => nameAt(caller, field(caller, n), field(caller, n + 1));

/** The bytes before a NUL, a piece at a time; memory that ends before it is a fault. They are read as one. */
function* untilNul(caller: Caller): Generator<Uint8Array> {
  let length = 0;
  try {
    for (let end = -1; end < 0; ) {
      const at = caller.argument + BigInt(length);
      // Pieces end where a page may: what is behind it need not be there.
      const piece = caller.peek(at, 64 - Number(at & 63n));
      end = piece.indexOf(0);
      length += end < 0 ? piece.length : end + 1;
      yield end < 0 ? piece : piece.subarray(0, end);
    }
  } finally {
    caller.read(caller.argument, length);
  }
}

/** Gives a file the first handle that is free. */
export function addHandle(handles: Map<number, OpenFile>, file: OpenFile): bigint {
  // A handle is not 0.
  let handle = 1;
  while (handles.has(handle)) handle++;
  handles.set(handle, file);
  return BigInt(handle);
}

function open(caller: Caller, context: CallContext): CallResult {
  const name = nameAt(caller, field(caller, 0), field(caller, 2));
  const mode = Number(field(caller, 1));
  if (mode > 11) throw new SemihostingError(ERRNO.EINVAL);
  const file =
    name === ":tt"
      ? openConsole(context.console, mode)
      : name === ":semihosting-features"
        ? openFeatures(mode)
        : context.files.open(name, mode);
  return addHandle(context.handles, file);
}

/** The number of bytes that were not transferred. */
function write(caller: Caller, context: CallContext): CallResult {
  const file = fileOf(caller, context);
  let address = field(caller, 1);
  let left = field(caller, 2);
  while (left > 0n) {
    const length = left < BigInt(CHUNK) ? Number(left) : CHUNK;
    const count = file.write(caller.read(address, length));
    address += BigInt(count);
    left -= BigInt(count);
    if (count < length) break;
  }
  return left;
}

function read(caller: Caller, context: CallContext): CallResult {
  const file = fileOf(caller, context);
  let address = field(caller, 1);
  let left = field(caller, 2);
  while (left > 0n) {
    const length = left < BigInt(CHUNK) ? Number(left) : CHUNK;
    const bytes = file.read(length);
    if (bytes === undefined) return LATER;
    caller.write(address, bytes);
    address += BigInt(bytes.length);
    left -= BigInt(bytes.length);
    // A terminal gives what it has.
    if (bytes.length < length || file.isTerminal) break;
  }
  return left;
}

const wholeLength = (caller: Caller): bigint => field(caller, 2);

function exit(caller: Caller, context: CallContext): CallResult {
  const status = field(caller, 0) === APPLICATION_EXIT ? Number(field(caller, 1) & 0xffn) : 1;
  context.exit(status);
  return 0n;
}

function commandLine(caller: Caller, { commandLine: text }: CallContext): CallResult {
  const bytes = Buffer.from(`${text}\0`);
  if (BigInt(bytes.length) > field(caller, 1)) throw new SemihostingError(ERRNO.E2BIG);
  caller.write(field(caller, 0), bytes);
  caller.write(caller.argument + 8n, word(BigInt(bytes.length - 1)));
  return 0n;
}

function word(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

function heapInfo(caller: Caller, context: CallContext): CallResult {
  const { base, limit } = context.heap();
  // heap_base, heap_limit, stack_base, stack_limit: the heap grows up and the stack down in the same room.
  caller.write(field(caller, 0), Buffer.concat([base, limit, limit, base].map(word)));
  return 0n;
}

function temporaryName(caller: Caller): CallResult {
  const id = field(caller, 1);
  const text = Buffer.from(`tmp-${id.toString(16).padStart(2, "0")}\0`);
  if (id > 255n || BigInt(text.length) > field(caller, 2)) throw new SemihostingError(ERRNO.EINVAL);
  caller.write(field(caller, 0), text);
  return 0n;
}

export const OPERATIONS: readonly Operation[] = [
  { number: 0x01, name: "SYS_OPEN", run: open },
  {
    number: 0x02,
    name: "SYS_CLOSE",
    run(caller, context) {
      fileOf(caller, context).close();
      context.handles.delete(Number(field(caller, 0)));
      return 0n;
    },
  },
  {
    number: 0x03,
    name: "SYS_WRITEC",
    run(caller, { console }) {
      console.write(caller.read(caller.argument, 1), "output");
      return 0n;
    },
  },
  {
    number: 0x04,
    name: "SYS_WRITE0",
    run(caller, { console }) {
      for (const piece of untilNul(caller)) console.write(piece, "output");
      return 0n;
    },
  },
  { number: 0x05, name: "SYS_WRITE", failure: wholeLength, run: write },
  { number: 0x06, name: "SYS_READ", failure: wholeLength, run: read },
  {
    number: 0x07,
    name: "SYS_READC",
    run(_caller, { console }) {
      const bytes = console.take(1);
      if (bytes === undefined) return LATER;
      const [byte] = bytes;
      // The document has no word for the end of the input: -1, as QEMU and OpenOCD have it, is no byte.
      if (byte === undefined) throw new SemihostingError(ERRNO.EIO);
      return BigInt(byte);
    },
  },
  {
    number: 0x08,
    name: "SYS_ISERROR",
    run: (caller) => (BigInt.asIntN(64, field(caller, 0)) < 0n ? 1n : 0n),
  },
  {
    number: 0x09,
    name: "SYS_ISTTY",
    run: (caller, context) => (fileOf(caller, context).isTerminal ? 1n : 0n),
  },
  {
    number: 0x0a,
    name: "SYS_SEEK",
    run(caller, context) {
      const position = field(caller, 1);
      const file = fileOf(caller, context);
      if (position > BigInt(Number.MAX_SAFE_INTEGER)) throw new SemihostingError(ERRNO.EINVAL);
      file.seek(Number(position));
      return 0n;
    },
  },
  { number: 0x0c, name: "SYS_FLEN", run: (caller, context) => BigInt(fileOf(caller, context).length()) },
  { number: 0x0d, name: "SYS_TMPNAM", run: temporaryName },
  {
    number: 0x0e,
    name: "SYS_REMOVE",
    run(caller, { files }) {
      files.remove(nameField(caller, 0));
      return 0n;
    },
  },
  {
    number: 0x0f,
    name: "SYS_RENAME",
    run(caller, { files }) {
      files.rename(nameField(caller, 0), nameField(caller, 2));
      return 0n;
    },
  },
  { number: 0x10, name: "SYS_CLOCK", run: (_caller, context) => context.now() / (NANOSECONDS / 100n) },
  { number: 0x11, name: "SYS_TIME", run: (_caller, context) => BigInt(context.epoch) + context.now() / NANOSECONDS },
  {
    number: 0x12,
    name: "SYS_SYSTEM",
    run() {
      // A guest runs no commands on the host that the machine is on.
      throw new SemihostingError(ERRNO.EPERM);
    },
  },
  { number: 0x13, name: "SYS_ERRNO", run: (_caller, { errno }) => BigInt(errno) },
  { number: 0x15, name: "SYS_GET_CMDLINE", run: commandLine },
  { number: 0x16, name: "SYS_HEAPINFO", run: heapInfo },
  { number: 0x18, name: "SYS_EXIT", run: exit },
  { number: 0x20, name: "SYS_EXIT_EXTENDED", run: exit },
  {
    number: 0x30,
    name: "SYS_ELAPSED",
    run(caller, context) {
      caller.write(caller.argument, word(context.now()));
      return 0n;
    },
  },
  { number: 0x31, name: "SYS_TICKFREQ", run: () => NANOSECONDS },
];

const BY_NUMBER = new Map(OPERATIONS.map((row) => [row.number, row]));

export const operationOf = (number: number): Operation | undefined => BY_NUMBER.get(number);

/** Carries out an operation; what fails sets errno and has the operation's own result for a failure. */
export function perform(operation: Operation, caller: Caller, context: CallContext): CallResult {
  try {
    return operation.run(caller, context);
  } catch (error) {
    context.errno = errnoOf(error);
    try {
      return operation.failure?.(caller) ?? failed;
    } catch {
      return failed;
    }
  }
}
