/**
 * What is loaded into guest memory: bytes, or a file that is read when they are wanted. A kernel of 34 MB goes from its
 * file to where the guest has it and nowhere else.
 */
import { accessSync, closeSync, constants, fstatSync, openSync, read, readFileSync, readSync, statSync } from "node:fs";
import { promisify } from "node:util";
import type { Origin } from "../../engine/kept-pages.js";
import { ConfigError, systemReason } from "../errors.js";

export type Content = Uint8Array | FileContent;

/** Bytes that one of the threads that read a file reads at a time. */
const PIECE = 4 << 20;

const readSome = promisify(read);

/**
 * A file whose beginning was looked at; it is read by whoever wants the rest. Once that was done it stays open until
 * `close`: what is written to its name by then, instead of into it, changes nothing for a reset.
 */
export class FileContent implements Origin {
  private file: number | undefined;
  /** What the file system said of it when it was read. */
  private stamp = "";

  private constructor(
    private readonly path: string,
    /** What it is, for errors: "the kernel". */
    private readonly what: string,
    /** Bytes. */
    readonly length: number,
  ) {}

  /** A pipe, which can be read only once, is read now. @throws ConfigError FILE_UNREADABLE */
  static open(path: string, what: string): Content {
    try {
      const status = statSync(path);
      // Files of /proc have no size either until they are read.
      if (!status.isFile() || status.size === 0) return readFileSync(path);
      accessSync(path, constants.R_OK);
      return new FileContent(path, what, status.size);
    } catch (error) {
      throw unreadable(path, what, error);
    }
  }

  /** Its first bytes, `size` of them or all that there are. @throws ConfigError FILE_UNREADABLE */
  beginning(size: number): Uint8Array {
    const { path, what } = this;
    const bytes = new Uint8Array(Math.min(size, this.length));
    try {
      const file = openSync(path, "r");
      try {
        for (let at = 0; at < bytes.length; ) at += some(readSync(file, bytes, at, bytes.length - at, at));
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw unreadable(path, what, error);
    }
    return bytes;
  }

  /** Fills `target`, on several threads. @throws ConfigError FILE_UNREADABLE, also when the file has become shorter. */
  async read(target: Uint8Array): Promise<void> {
    const { path, what } = this;
    try {
      const file = openSync(path, "r");
      this.close();
      this.file = file;
      this.stamp = stampOf(file);
      const piece = async (from: number, to: number): Promise<void> => {
        for (let at = from; at < to; ) at += some((await readSome(file, target, at, to - at, at)).bytesRead);
      };
      const starts = Array.from({ length: Math.ceil(target.length / PIECE) }, (_, n) => n * PIECE);
      await Promise.all(starts.map((from) => piece(from, Math.min(from + PIECE, target.length))));
    } catch (error) {
      throw unreadable(path, what, error);
    }
  }

  /** @throws ConfigError FILE_UNREADABLE when it is not any more what `read` found. */
  check(): void {
    const { path, what, file } = this;
    if (file !== undefined && stampOf(file) === this.stamp) return;
    const reason = "it was written to since it was loaded, and memory cannot be made what it was";
    throw new ConfigError("FILE_UNREADABLE", `${path}: cannot reset ${what}: ${reason}; start trapframe again`);
  }

  readAgain(target: Uint8Array, from: number): void {
    const { path, what, file } = this;
    try {
      for (let at = 0; at < target.length; ) {
        at += some(readSync(file as number, target, at, target.length - at, from + at));
      }
    } catch (error) {
      throw unreadable(path, what, error);
    }
  }

  close(): void {
    if (this.file !== undefined) closeSync(this.file);
    this.file = undefined;
  }
}

function stampOf(file: number): string {
  const { size, mtimeNs } = fstatSync(file, { bigint: true });
  return `${size} ${mtimeNs}`;
}

/** What was read, if anything was. */
function some(bytes: number): number {
  if (bytes === 0) throw new Error("it has become shorter");
  return bytes;
}

const unreadable = (path: string, what: string, error: unknown): ConfigError =>
  new ConfigError("FILE_UNREADABLE", `${path}: cannot read ${what}: ${systemReason(error)}`);

/** @throws ConfigError FILE_UNREADABLE */
export async function copyContent(content: Content, target: Uint8Array): Promise<void> {
  if (content instanceof FileContent) await content.read(target);
  else target.set(content);
}

/** @throws ConfigError FILE_UNREADABLE */
export function bytesOf(content: Content): Uint8Array {
  return content instanceof FileContent ? content.beginning(content.length) : content;
}
