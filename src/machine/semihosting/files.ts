/**
 * Files of the host for a guest that is not to be trusted with more than one directory: names are below it, whatever
 * they say, and links do not lead out of it.
 */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, normalize, sep } from "node:path";
import { ERRNO, SemihostingError } from "./errors.js";

/** What a handle of the guest's stands for. Positions and lengths in bytes; failures are thrown. */
export interface OpenFile {
  /** What a debugger knows it by, where one has it or may have it. */
  readonly debuggersFd?: number;
  readonly isTerminal: boolean;
  /** At most `length` bytes, none at the end; undefined when they come later. */
  read(length: number): Uint8Array | undefined;
  /** How many were written. */
  write(bytes: Uint8Array): number;
  seek(position: number): void;
  length(): number;
  close(): void;
}

const { O_RDONLY, O_RDWR, O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;

/** By the mode of SYS_OPEN: r, r+, w, w+, a, a+ and, between them, the same with b. */
export const OPEN_FLAGS: readonly number[] = [
  O_RDONLY,
  O_RDWR,
  O_WRONLY | O_CREAT | O_TRUNC,
  O_RDWR | O_CREAT | O_TRUNC,
  O_WRONLY | O_CREAT | O_APPEND,
  O_RDWR | O_CREAT | O_APPEND,
].flatMap((flags) => [flags, flags]);

const CREATED_MODE = 0o644;

export class HostFiles {
  private readonly root: string | undefined;

  /** Without a directory there are no files: every name is refused. */
  constructor(directory: string | undefined) {
    this.root = directory === undefined ? undefined : realpathSync(directory);
  }

  /** @throws SemihostingError or what Node.js throws. */
  open(name: string, mode: number): OpenFile {
    const flags = OPEN_FLAGS[mode];
    if (flags === undefined) throw new SemihostingError(ERRNO.EINVAL);
    return new HostFile(openSync(this.resolve(name), flags | O_NOFOLLOW, CREATED_MODE), (flags & O_APPEND) !== 0);
  }

  remove(name: string): void {
    unlinkSync(this.resolve(name));
  }

  rename(from: string, to: string): void {
    renameSync(this.resolve(from), this.resolve(to));
  }

  /** The host's path of a name. Its directory exists and is inside; the file itself is not followed if it is a link. */
  private resolve(name: string): string {
    const { root } = this;
    if (root === undefined) throw new SemihostingError(ERRNO.EACCES);
    if (name.includes("\0") || name === "") throw new SemihostingError(ERRNO.ENOENT);
    // A guest may know the directory by its own name: what begins with it is not put below it once more.
    const inside = name === root || name.startsWith(root + sep) ? name.slice(root.length) : name;
    const path = join(root, normalize(`/${inside}`));
    if (path === root || path === root + sep) throw new SemihostingError(ERRNO.EISDIR);
    const parent = realpathSync(dirname(path));
    if (parent !== root && !parent.startsWith(root + sep)) throw new SemihostingError(ERRNO.EACCES);
    return join(parent, basename(path));
  }
}

class HostFile implements OpenFile {
  readonly isTerminal = false;
  private position = 0;

  constructor(
    private readonly fd: number,
    private readonly appends: boolean,
  ) {}

  read(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    const count = readSync(this.fd, bytes, 0, length, this.position);
    this.position += count;
    return bytes.subarray(0, count);
  }

  write(bytes: Uint8Array): number {
    if (this.appends) this.position = this.length();
    const count = writeSync(this.fd, bytes, 0, bytes.length, this.appends ? null : this.position);
    this.position += count;
    return count;
  }

  seek(position: number): void {
    this.position = position;
  }

  length(): number {
    return fstatSync(this.fd).size;
  }

  close(): void {
    closeSync(this.fd);
  }
}
