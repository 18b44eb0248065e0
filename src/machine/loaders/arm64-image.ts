/** The 64-byte header of an arm64 Linux Image: Documentation/arch/arm64/booting.rst, section 4. */

import { ConfigError } from "../errors.js";
import { Parser } from "./binary-parser.js";
import type { Content } from "./content.js";
import type { KernelAddress, LoadedKernel } from "./kernel.js";

/** Bytes. */
export const HEADER_SIZE = 64;
const MAGIC_OFFSET = 56;
const MAGIC = "ARM\x64";

/** Kernels before 3.17 have image_size 0; the document says to take text_offset as this then. */
const OLD_TEXT_OFFSET = 0x80000;

/**
 * The document has text_offset counted from any multiple of 2 MiB. QEMU takes the first of RAM, and the second for an
 * offset below 4 KiB, where its own first instructions are; programs are linked for these addresses, so they are ours.
 */
const SECOND_BASE = 0x200000;
const RESERVED = 0x1000;
/** Of what a header can ask for. */
const LIMIT = 2n ** 32n;

interface Header {
  readonly textOffset: bigint;
  readonly imageSize: bigint;
  readonly flags: bigint;
}

const headerParser = new Parser().endianness("little").seek(8).uint64("textOffset").uint64("imageSize").uint64("flags");

export function isArm64Image(bytes: Uint8Array): boolean {
  return (
    bytes.length >= HEADER_SIZE &&
    Buffer.from(bytes.buffer, bytes.byteOffset + MAGIC_OFFSET, 4).toString("latin1") === MAGIC
  );
}

/** Where an Image with this header is loaded, relative to RAM, and how many bytes it asks for. */
export function imagePlacement(bytes: Uint8Array, name: string): { address: KernelAddress; memorySize: number } {
  const { textOffset, imageSize, flags } = headerParser.parse(bytes) as Header;
  if (flags & 1n) {
    throw new ConfigError("BAD_KERNEL", `${name}: a big-endian kernel; the machine is little-endian`);
  }
  // Without image_size, text_offset means nothing.
  const wanted = imageSize === 0n ? OLD_TEXT_OFFSET : textOffset;
  if (wanted >= LIMIT || imageSize >= LIMIT) {
    const fields = `text_offset 0x${textOffset.toString(16)}, image_size 0x${imageSize.toString(16)}`;
    throw new ConfigError("BAD_KERNEL", `${name}: a damaged Image header: ${fields}`);
  }
  const asked = Number(wanted);
  const offset = asked < RESERVED ? SECOND_BASE + asked : asked;
  return { address: { base: "ram", offset }, memorySize: Number(imageSize) };
}

/** `header` is the beginning of `bytes`. */
export function parseArm64Image(header: Uint8Array, bytes: Content, name: string): LoadedKernel {
  const { address, memorySize } = imagePlacement(header, name);
  const segment = { address, bytes, memorySize: Math.max(memorySize, bytes.length) };
  return { kind: "image", name, segments: [segment], entry: address };
}
