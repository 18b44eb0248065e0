/**
 * A file of compiled regions: MAGIC, the length and the SHA-1 of an index in JSON, and the index; then modules and V8's
 * code of them, each pair with a SHA-1 of its own. What is damaged or of somebody else is as good as not there.
 */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/** A region of a kept module. Pages are named by their distance from the first one's. */
export interface KeptRegion {
  /** The module exports it under this number. */
  readonly number: number;
  /** What must be there: hexadecimal CODE_PAGE.hash by distance, the page of the head (distance 0) first. */
  readonly pages: readonly { readonly distance: number; readonly hash: string }[];
  /** Where it is entered, by entry number. */
  readonly entries: readonly { readonly distance: number; readonly slot: number }[];
  readonly instructions: number;
  /** RegionContext.touches. */
  readonly touches: boolean;
  /** RegionContext.flushes, where that matters to it. */
  readonly flushes?: boolean;
}

interface Blob {
  readonly at: number;
  readonly length: number;
}

export interface KeptModule {
  /** How many of the regions there is optimised code of. */
  readonly optimized: number;
  /** Names of what it imports as "rt". */
  readonly runtime: readonly string[];
  readonly regions: readonly KeptRegion[];
  readonly wire: Blob;
  readonly code: Blob;
  /** SHA-1 of both, one behind the other. */
  readonly digest: string;
}

/** What a file begins with. */
export interface Index {
  readonly modules: readonly KeptModule[];
  /** Slots at which nothing can begin, by CODE_PAGE.hash. */
  readonly barren: readonly (readonly [hash: string, slots: readonly number[]])[];
}

/** A module, and V8's code of it. */
export interface Blobs {
  readonly wire: Uint8Array;
  readonly code: Uint8Array;
}

const MAGIC = Buffer.from("trapframe regions 4\n");
const DIGEST = 20;

const digestOf = (...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash("sha1");
  for (const part of parts) hash.update(part);
  return hash.digest();
};

/** Bytes of an open file; undefined where it ends before. */
function read(file: number, { at, length }: Blob): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length);
  return readSync(file, bytes, 0, length, at) === length ? bytes : undefined;
}

/** The index of an open file, and where its blobs begin. Throws when they are not there, or damaged. */
function readIndex(file: number): { index: Index; blobsAt: number } {
  const head = read(file, { at: 0, length: MAGIC.length + 4 + DIGEST });
  if (!head?.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("no file of compiled regions");
  const length = head.readUInt32LE(MAGIC.length);
  const index = read(file, { at: head.length, length });
  if (index === undefined || !digestOf(index).equals(head.subarray(MAGIC.length + 4)))
    throw new Error("a damaged index");
  return { index: JSON.parse(index.toString()) as Index, blobsAt: head.length + length };
}

/** One that is read. It stays what it was when somebody writes another one to its path. */
export class KeptFile {
  private constructor(
    private readonly file: number,
    readonly index: Index,
    private readonly blobsAt: number,
  ) {}

  /** Undefined where there is none. */
  static open(path: string): KeptFile | undefined {
    let file: number | undefined;
    try {
      file = openSync(path, "r");
      const { index, blobsAt } = readIndex(file);
      return new KeptFile(file, index, blobsAt);
    } catch {
      if (file !== undefined) closeSync(file);
      return undefined;
    }
  }

  /** Whether nobody has written another one. */
  isStillAt(path: string): boolean {
    const there = statSync(path, { throwIfNoEntry: false });
    const own = fstatSync(this.file);
    return there?.ino === own.ino && there.dev === own.dev;
  }

  /** Those of a module; undefined when they are damaged. */
  blobsOf({ wire, code, digest }: KeptModule): Blobs | undefined {
    const [wireBytes, codeBytes] = [wire, code].map(({ at, length }) => {
      return read(this.file, { at: at + this.blobsAt, length });
    });
    if (wireBytes === undefined || codeBytes === undefined) return undefined;
    if (digestOf(wireBytes, codeBytes).toString("hex") !== digest) return undefined;
    return { wire: wireBytes, code: codeBytes };
  }

  close(): void {
    closeSync(this.file);
  }
}

/** One that is to be written. */
export class FileDraft {
  readonly modules: KeptModule[] = [];
  private readonly blobs: Uint8Array[] = [];
  /** Of modules and code so far. */
  bytes = 0;

  /** A module, unless it has no regions. */
  add({ runtime, regions, optimized }: Pick<KeptModule, "runtime" | "regions" | "optimized">, blobs: Blobs): void {
    if (regions.length === 0) return;
    const { wire, code } = blobs;
    const digest = digestOf(wire, code).toString("hex");
    this.modules.push({ runtime, regions, optimized, wire: this.place(wire), code: this.place(code), digest });
  }

  private place(bytes: Uint8Array): Blob {
    const blob = { at: this.bytes, length: bytes.length };
    this.blobs.push(bytes);
    this.bytes += bytes.length;
    return blob;
  }

  /** Whoever reads meanwhile has the old file or the new one. Throws what the file system says. */
  write(path: string, index: Index, suffix: string): void {
    const bytes = Buffer.from(JSON.stringify(index));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    // Should the process be killed here, it is an old file one day.
    const temporary = `${path}.${process.pid}-${randomBytes(4).toString("hex")}${suffix}`;
    try {
      writeFileSync(temporary, Buffer.concat([MAGIC, length, digestOf(bytes), bytes, ...this.blobs]), { mode: 0o600 });
      renameSync(temporary, path);
    } catch (error) {
      rmSync(temporary, { force: true });
      throw error;
    }
  }
}
