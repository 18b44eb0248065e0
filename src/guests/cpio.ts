/** The newc cpio archive of an initramfs: linux/Documentation/driver-api/early-userspace/buffer-format.rst. */

export interface CpioEntry {
  /** Without a leading slash: "bin/busybox". Directories above it have to come before it. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "character-device";
  /** Permission bits; 0o755 without. */
  readonly permissions?: number;
  /** A file's bytes, or the target of a symlink. */
  readonly content?: Uint8Array | string;
  /** Of a character device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

const FILE_TYPE: Record<CpioEntry["kind"], number> = {
  file: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  "character-device": 0o020000,
};

/** The archive; the same entries give the same bytes: owner, inode and time are not the host's. */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const chunks = entries.flatMap((entry, index) => record(entry, index + 1));
  return new Uint8Array(Buffer.concat([...chunks, ...record({ path: "TRAILER!!!", kind: "file", permissions: 0 }, 0)]));
}

function record(entry: CpioEntry, inode: number): Buffer[] {
  const content = Buffer.from(entry.content ?? "");
  const trailer = inode === 0;
  const mode = trailer ? 0 : FILE_TYPE[entry.kind] | (entry.permissions ?? 0o755);
  const name = Buffer.from(`${entry.path}\0`);
  const fields = [
    inode,
    mode,
    0, // uid
    0, // gid
    entry.kind === "directory" ? 2 : 1, // nlink
    0, // mtime
    content.length,
    0, // major and minor of the device that holds the file
    0,
    entry.device?.major ?? 0,
    entry.device?.minor ?? 0,
    name.length,
    0, // check, which newc leaves zero
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [padded(Buffer.concat([header, name])), padded(content)];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
