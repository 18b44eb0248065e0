/**
 * The EFI zboot Image: a PE stub that carries a compressed Image (linux/drivers/firmware/efi/libstub/zboot-header.S).
 */

import { ConfigError } from "../errors.js";
import { Parser } from "./binary-parser.js";
import { type Compression, decompress } from "./compression.js";

const HEADER_SIZE = 64;

interface Header {
  readonly payloadOffset: number;
  readonly payloadSize: number;
  readonly compression: string;
}

const header = new Parser()
  .endianness("little")
  .seek(8)
  .uint32("payloadOffset")
  .uint32("payloadSize")
  .seek(8)
  .string("compression", { length: 32, stripNull: true, encoding: "latin1" });

/** The header's own names for what the `decompress` of this directory knows. */
const NAMES: Record<string, Compression> = {
  gzip: "gzip",
  zstd: "zstd",
  zstd22: "zstd",
  xzkern: "xz",
  xz: "xz",
  lzma: "lzma",
  lzo: "lzo",
  lz4: "lz4",
};

export function isZboot(bytes: Uint8Array): boolean {
  return (
    bytes.length >= HEADER_SIZE && Buffer.from(bytes.buffer, bytes.byteOffset, 8).toString("latin1") === "MZ\0\0zimg"
  );
}

/** The file inside. @throws ConfigError BAD_KERNEL */
export function unpackZboot(bytes: Uint8Array, name: string): Uint8Array {
  const { payloadOffset, payloadSize, compression } = header.parse(bytes) as Header;
  if (payloadOffset < HEADER_SIZE || payloadSize === 0 || payloadOffset + payloadSize > bytes.length) {
    throw new ConfigError(
      "BAD_KERNEL",
      `${name}: a damaged EFI zboot Image: its payload at ${payloadOffset}, ${payloadSize} bytes, is not within the file`,
    );
  }
  const method = compression.replace(/\0.*/s, "");
  const known = NAMES[method];
  if (!known) {
    const quoted = JSON.stringify(method);
    throw new ConfigError("BAD_KERNEL", `${name}: an EFI zboot Image with an unknown compression, ${quoted}`);
  }
  return decompress(bytes.subarray(payloadOffset, payloadOffset + payloadSize), known, name);
}
