/**
 * Semihosting by GDB's File-I/O (GDB manual, appendix "File-I/O Remote Protocol Extension"): files and streams are the
 * debugger's. A call becomes one or more requests; the debugger reads and writes guest memory by itself in between.
 */
import type { FileRequest, Inbox } from "../../gdb/target.js";
import { addHandle, type CallContext, type Caller, nameAt, type Operation } from "./calls.js";
import { ERRNO, SemihostingError } from "./errors.js";
import type { OpenFile } from "./files.js";
import { openConsole } from "./streams.js";

/** Asks the debugger: "open,ADDRESS/LENGTH,FLAGS,MODE"; false when there is none that would. */
export type AskDebugger = (request: FileRequest) => boolean;
type AskHere = (request: Omit<FileRequest, "vcpu">) => boolean;

/** The protocol's own open flags and mode, and whence of lseek. */
const OPEN = { RDONLY: 0, WRONLY: 1, RDWR: 2, APPEND: 8, CREAT: 0x200, TRUNC: 0x400 } as const;
const OPEN_FLAGS = [
  OPEN.RDONLY,
  OPEN.RDWR,
  OPEN.WRONLY | OPEN.CREAT | OPEN.TRUNC,
  OPEN.RDWR | OPEN.CREAT | OPEN.TRUNC,
  OPEN.WRONLY | OPEN.CREAT | OPEN.APPEND,
  OPEN.RDWR | OPEN.CREAT | OPEN.APPEND,
].flatMap((flags) => [flags, flags]);
const CREATED_MODE = 0o644;
const SEEK = { SET: 0, CUR: 1, END: 2 } as const;
/** Its numbers that are not Linux's. */
const ERRORS: Readonly<Record<number, number>> = { 91: ERRNO.ENAMETOOLONG, 9999: ERRNO.EIO };

/** Where the debugger writes what it reads for a call that names no memory: an address that it takes for memory. */
const INBOX = 0xffff_ffff_ffff_fff0n;

/** A file of the debugger's. What is left of it without a debugger is errors. */
export class RemoteFile implements OpenFile {
  readonly isTerminal = false;
  constructor(readonly debuggersFd: number) {}
  read(): never {
    throw new SemihostingError(ERRNO.EIO);
  }
  write(): never {
    throw new SemihostingError(ERRNO.EIO);
  }
  seek(): void {
    throw new SemihostingError(ERRNO.EIO);
  }
  length(): never {
    throw new SemihostingError(ERRNO.EIO);
  }
  close(): void {}
}

export type Answer = (result: bigint, errno: number) => void;

type RemoteContext = Pick<CallContext, "handles" | "console">;

interface RemoteCall {
  readonly caller: Caller;
  readonly context: RemoteContext;
  /** Field of the parameter block. */
  field(n: number): bigint;
  /** The debugger's file of the handle in field 0; undefined when it is none. */
  file(): number | undefined;
  /** Sends a request; `then` gets what it returned, and the error number when that is negative. */
  ask(call: string, then: (result: bigint, errno: number) => void, inbox?: Inbox): boolean;
  answer: Answer;
}

const hex = (value: bigint | number): string => BigInt.asUintN(64, BigInt(value)).toString(16);
/** A string by address and length without the NUL, which is counted here. */
const text = (address: bigint, length: bigint): string => `${hex(address)}/${hex(length + 1n)}`;

/** Each gives whether the debugger has it; false leaves it to the machine. */
const CALLS: Readonly<Record<string, (call: RemoteCall) => boolean>> = {
  SYS_OPEN({ caller, field, ask, context: { handles, console }, answer }) {
    const mode = Number(field(1));
    const flags = OPEN_FLAGS[mode];
    const name = nameAt(caller, field(0), field(2));
    if (flags === undefined || name === ":semihosting-features") return false;
    const opened = (file: OpenFile): bigint => addHandle(handles, file);
    if (name === ":tt") {
      // Its standard streams need no opening. Without a debugger they are the machine's.
      answer(opened({ ...openConsole(console, mode), debuggersFd: mode < 4 ? 0 : mode < 8 ? 1 : 2 }), 0);
      return true;
    }
    return ask(`open,${text(field(0), field(2))},${hex(flags)},${hex(CREATED_MODE)}`, (result, errno) =>
      answer(result < 0n ? result : opened(new RemoteFile(Number(result))), errno),
    );
  },
  SYS_CLOSE({ file, field, ask, context: { handles }, answer }) {
    const fd = file();
    const handle = Number(field(0));
    if (fd === undefined) return false;
    if (fd <= 2) {
      handles.delete(handle);
      answer(0n, 0);
      return true;
    }
    return ask(`close,${hex(fd)}`, (result, errno) => {
      handles.delete(handle);
      answer(result, errno);
    });
  },
  SYS_WRITEC: ({ caller, ask, answer }) => ask(`write,1,${hex(caller.argument)},1`, (_, errno) => answer(0n, errno)),
  SYS_WRITE0({ caller, ask, answer }) {
    let length = 0n;
    while (caller.read(caller.argument + length, 1)[0] !== 0) length++;
    return ask(`write,1,${hex(caller.argument)},${hex(length)}`, (_, errno) => answer(0n, errno));
  },
  SYS_WRITE: (call) => transfer("write", call),
  SYS_READ: (call) => transfer("read", call),
  SYS_READC({ ask, answer }) {
    const inbox = { address: INBOX, bytes: new Uint8Array(1) };
    const read = (result: bigint, errno: number): void =>
      result > 0n ? answer(BigInt(inbox.bytes[0] ?? 0), 0) : answer(-1n, errno === 0 ? ERRNO.EIO : errno);
    return ask(`read,0,${hex(INBOX)},1`, read, inbox);
  },
  SYS_ISTTY({ file, ask, answer }) {
    const fd = file();
    return fd !== undefined && ask(`isatty,${hex(fd)}`, answer);
  },
  SYS_SEEK({ file, field, ask, answer }) {
    const fd = file();
    if (fd === undefined) return false;
    const place = `lseek,${hex(fd)},${hex(field(1))},${SEEK.SET}`;
    return ask(place, (result, errno) => answer(result < 0n ? -1n : 0n, errno));
  },
  SYS_FLEN({ file, ask, answer }) {
    const fd = file();
    if (fd === undefined) return false;
    const seek = (offset: bigint, whence: number): string => `lseek,${hex(fd)},${hex(offset)},${whence}`;
    return ask(seek(0n, SEEK.CUR), (position, errno) => {
      if (position < 0n) return answer(-1n, errno);
      ask(seek(0n, SEEK.END), (length, atEnd) => {
        if (length < 0n) return answer(-1n, atEnd);
        ask(seek(position, SEEK.SET), () => answer(length, 0));
      });
    });
  },
  SYS_REMOVE: ({ field, ask, answer }) => ask(`unlink,${text(field(0), field(1))}`, answer),
  // On the host of a person who may be asked: GDB wants `set remote system-call-allowed 1`, and refuses without.
  SYS_SYSTEM: ({ field, ask, answer }) => ask(`system,${text(field(0), field(1))}`, answer),
  SYS_RENAME: ({ field, ask, answer }) => ask(`rename,${text(field(0), field(1))},${text(field(2), field(3))}`, answer),
};

function transfer(name: "read" | "write", { file, field, ask, answer }: RemoteCall): boolean {
  const fd = file();
  const length = field(2);
  if (fd === undefined) return false;
  return ask(`${name},${hex(fd)},${hex(field(1))},${hex(length)}`, (result, errno) =>
    answer(result < 0n ? length : length - result, errno),
  );
}

/**
 * Has the debugger carry out a call; false leaves it to the machine. `interrupted` in the answer's place: Ctrl-C came
 * first, and it is for the target to begin again ("The Ctrl-C Message"). @throws SemihostingError for a wrong block.
 */
export function callDebugger(
  operation: Operation,
  caller: Caller,
  context: RemoteContext,
  askDebugger: AskHere,
  answer: Answer,
  interrupted: () => void,
): boolean {
  const field = (n: number): bigint => Buffer.from(caller.read(caller.argument + BigInt(8 * n), 8)).readBigUInt64LE();
  const ask: RemoteCall["ask"] = (call, then, inbox) =>
    askDebugger({
      call,
      ...(inbox && { inbox }),
      done(result, errno) {
        if (result < 0n && errno === ERRNO.EINTR) interrupted();
        else then(result, result < 0n ? (ERRORS[errno] ?? errno) : 0);
      },
    });
  return (
    CALLS[operation.name]?.({
      caller,
      context,
      field,
      file() {
        return context.handles.get(Number(field(0)))?.debuggersFd;
      },
      ask,
      answer,
    }) ?? false
  );
}
