/** The special names of SYS_OPEN: `:tt`, the console, and `:semihosting-features` (section 7). */
import { ERRNO, SemihostingError } from "./errors.js";
import type { OpenFile } from "./files.js";

/** The guest's console: what it writes goes out at once; what it reads may come later. */
export interface ConsoleStreams {
  write(bytes: Uint8Array, stream: "output" | "error"): void;
  /** At most `length` bytes; none when the input has ended; undefined while there is none yet. */
  take(length: number): Uint8Array | undefined;
}

/** `:tt` opened to read is standard input, to write standard output, to append standard error. */
export function openConsole(console: ConsoleStreams, mode: number): OpenFile {
  const stream = mode < 4 ? "input" : mode < 8 ? "output" : "error";
  const refuse = (): never => {
    throw new SemihostingError(ERRNO.EBADF);
  };
  return {
    isTerminal: true,
    read: (length) => (stream === "input" ? console.take(length) : refuse()),
    write(bytes) {
      if (stream === "input") return refuse();
      console.write(bytes, stream);
      return bytes.length;
    },
    seek() {
      throw new SemihostingError(ERRNO.ESPIPE);
    },
    length() {
      throw new SemihostingError(ERRNO.EINVAL);
    },
    close() {},
  };
}

/** "SHFB", and feature byte 0: SH_EXT_EXIT_EXTENDED and SH_EXT_STDOUT_STDERR. */
const FEATURES = Uint8Array.of(0x53, 0x48, 0x46, 0x42, 0x03);
/** r and rb. */
const READ_ONLY_MODES = 2;

export function openFeatures(mode: number): OpenFile {
  if (mode >= READ_ONLY_MODES) throw new SemihostingError(ERRNO.EACCES);
  let position = 0;
  return {
    isTerminal: false,
    read(length) {
      const bytes = FEATURES.slice(position, position + length);
      position += bytes.length;
      return bytes;
    },
    write() {
      throw new SemihostingError(ERRNO.EBADF);
    },
    seek(to) {
      position = Math.min(to, FEATURES.length);
    },
    length: () => FEATURES.length,
    close() {},
  };
}
