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
        fill(bytes, file, 0);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw unreadable(path, what, error);
    }
    return bytes;
  }

  /** Fills `target`, on several threads. @throws ConfigError FILE_UNREADABLE, also when the file has become shorter. */
  async read(target: Uint8Array): Promise<LoadedFile> {
    const { path, what } = this;
    let loaded: LoadedFile | undefined;
    try {
      const file = openSync(path, "r");
      loaded = new LoadedFile(file, path, what, this.length);
      const piece = async (from: number, to: number): Promise<void> => {
        for (let at = from; at < to; ) at += some((await readSome(file, target, at, to - at, at)).bytesRead);
      };
      const starts = Array.from({ length: Math.ceil(target.length / PIECE) }, (_, n) => n * PIECE);
      await allDone(starts.map((from) => piece(from, Math.min(from + PIECE, target.length))));
      return loaded;
    } catch (error) {
      loaded?.close();
      throw unreadable(path, what, error);
    }
  }
}

/**
 * A file that is in memory, for resets. It stays open until `close`: what is written to its name by then, instead of
 * into it, changes nothing for them.
 */
export class LoadedFile implements Origin {
  /** What the file system said of it when it was opened. */
  private readonly stamp: string;
  private isOpen = true;

  constructor(
    private readonly file: number,
    private readonly path: string,
    private readonly what: string,
    /** Bytes. */
    readonly length: number,
  ) {
    this.stamp = stampOf(file);
  }

  /** @throws ConfigError FILE_UNREADABLE when it is not any more what was read, or was closed. */
  check(): void {
    const { path, what } = this;
    const reason = this.reasonAgainst();
    if (reason !== undefined) throw new ConfigError("FILE_UNREADABLE", `${path}: cannot reset ${what}: ${reason}`);
  }

  private reasonAgainst(): string | undefined {
    if (!this.isOpen) return "the machine was closed";
    try {
      if (stampOf(this.file) === this.stamp) return undefined;
      return "it was written to since it was loaded, and memory cannot be made what it was; start trapframe again";
    } catch (error) {
      return systemReason(error);
    }
  }

  /** @throws ConfigError FILE_UNREADABLE */
  readAgain(target: Uint8Array, from: number): void {
    try {
      fill(target, this.file, from);
    } catch (error) {
      throw unreadable(this.path, this.what, error);
    }
  }

  close(): void {
    if (this.isOpen) closeSync(this.file);
    this.isOpen = false;
  }
}

/** When all of them are done; then throws what the first of those has that failed. */
export async function allDone<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function stampOf(file: number): string {
  const { size, mtimeNs } = fstatSync(file, { bigint: true });
  return `${size} ${mtimeNs}`;
}

/** Fills `target` with what is so many bytes behind the beginning of an open file. */
function fill(target: Uint8Array, file: number, from: number): void {
  for (let at = 0; at < target.length; ) at += some(readSync(file, target, at, target.length - at, from + at));
}

/** What was read, if anything was. */
function some(bytes: number): number {
  if (bytes === 0) throw new Error("it has become shorter");
  return bytes;
}

const unreadable = (path: string, what: string, error: unknown): ConfigError =>
  new ConfigError("FILE_UNREADABLE", `${path}: cannot read ${what}: ${systemReason(error)}`);

/** Gives where it still is, if anywhere. @throws ConfigError FILE_UNREADABLE */
export async function copyContent(content: Content, target: Uint8Array): Promise<LoadedFile | undefined> {
  if (content instanceof FileContent) return content.read(target);
  target.set(content);
  return undefined;
}

/** @throws ConfigError FILE_UNREADABLE */
export function bytesOf(content: Content): Uint8Array {
  return content instanceof FileContent ? content.beginning(content.length) : content;
}
