/**
 * What is loaded into guest memory: bytes, or a file that is read when they are wanted. A kernel of 34 MB goes from its
 * file to where the guest has it and nowhere else.
 */
import { accessSync, closeSync, constants, openSync, readFileSync, readSync, statSync } from "node:fs";
import { ConfigError, systemReason } from "../errors.js";

export type Content = Uint8Array | FileContent;

/** A file whose beginning was looked at; it is read by whoever wants the rest. */
export class FileContent {
  private constructor(
    private readonly path: string,
    /** What it is, for errors: "the kernel". */
    private readonly what: string,
    /** Bytes. */
    readonly length: number,
  ) {}

  /** A pipe, which can be read only once, is read now. @throws ConfigError FILE_UNREADABLE */
  static open(path: string, what: string): Content {
    return readable(path, what, () => {
      const status = statSync(path);
      // Files of /proc have no size either until they are read.
      if (!status.isFile() || status.size === 0) return readFileSync(path);
      accessSync(path, constants.R_OK);
      return new FileContent(path, what, status.size);
    });
  }

  /** Its first bytes, `size` of them or all that there are. @throws ConfigError FILE_UNREADABLE */
  beginning(size: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(size, this.length));
    this.read(bytes);
    return bytes;
  }

  /** Fills `target`. @throws ConfigError FILE_UNREADABLE, also when the file has become shorter. */
  read(target: Uint8Array): void {
    readable(this.path, this.what, () => {
      const file = openSync(this.path, "r");
      try {
        for (let at = 0; at < target.length; ) {
          const got = readSync(file, target, at, target.length - at, at);
          if (got === 0) throw new Error("it has become shorter");
          at += got;
        }
      } finally {
        closeSync(file);
      }
    });
  }
}

function readable<T>(path: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ConfigError("FILE_UNREADABLE", `${path}: cannot read ${what}: ${systemReason(error)}`);
  }
}

/** @throws ConfigError FILE_UNREADABLE */
export function copyContent(content: Content, target: Uint8Array): void {
  if (content instanceof FileContent) content.read(target);
  else target.set(content);
}

/** @throws ConfigError FILE_UNREADABLE */
export function bytesOf(content: Content): Uint8Array {
  return content instanceof FileContent ? content.beginning(content.length) : content;
}
