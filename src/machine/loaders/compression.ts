/** The compressions a kernel file may wear, told apart by their first bytes. */
import { createRequire } from "node:module";
import * as zlib from "node:zlib";
import { ConfigError, systemReason } from "../errors.js";

export type Compression = "gzip" | "zstd" | "xz" | "lzma" | "lz4" | "lzo" | "bzip2";

const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["lz4", [0x02, 0x21, 0x4c, 0x18]],
  ["lz4", [0x04, 0x22, 0x4d, 0x18]],
  ["lzo", [0x89, 0x4c, 0x5a, 0x4f]],
  ["bzip2", [0x42, 0x5a, 0x68]],
  ["lzma", [0x5d, 0x00, 0x00]],
];

/** The program that undoes it, for the error that says so. */
const UNPACKER: Record<Exclude<Compression, "gzip" | "zstd">, string> = {
  xz: "xz -dc",
  lzma: "xz --format=lzma -dc",
  lz4: "lz4 -dc",
  lzo: "lzop -dc",
  bzip2: "bzip2 -dc",
};

export function compressionOf(bytes: Uint8Array): Compression | undefined {
  return MAGIC.find(([, magic]) => magic.every((byte, index) => bytes[index] === byte))?.[0];
}

/**
 * @param name the file's, for errors.
 * @throws ConfigError BAD_KERNEL: the stream is damaged, or of a compression that is not undone here.
 */
export function decompress(bytes: Uint8Array, compression: Compression, name: string): Uint8Array {
  if (compression !== "gzip" && compression !== "zstd") {
    const unpack = `${UNPACKER[compression]} ${name} > Image`;
    throw new ConfigError("BAD_KERNEL", `${name}: compressed with ${compression}; unpack it first: ${unpack}`);
  }
  try {
    return compression === "gzip" ? zlib.gunzipSync(bytes) : unzstd(bytes);
  } catch (error) {
    throw new ConfigError("BAD_KERNEL", `${name}: the ${compression} stream is damaged: ${systemReason(error)}`);
  }
}

/** Node has zstd from 22.15 on; before that a small decoder is loaded when it is needed, and only then. */
function unzstd(bytes: Uint8Array): Uint8Array {
  const native = (zlib as { zstdDecompressSync?: (bytes: Uint8Array) => Uint8Array }).zstdDecompressSync;
  if (native) {
    return native(bytes);
  }
  const { decompress } = createRequire(import.meta.url)("fzstd") as typeof import("fzstd");
  return decompress(bytes);
}
