/**
 * A kernel file to what the machine loads: an arm64 Image (Documentation/arch/arm64/booting.rst), plain, gzip'd,
 * zstd'd or inside an EFI zboot Image; an AArch64 ELF file; or a raw binary.
 */
import { ConfigError } from "../errors.js";
import { HEADER_SIZE, isArm64Image, parseArm64Image } from "./arm64-image.js";
import { type Compression, compressionOf, decompress } from "./compression.js";
import { bytesOf, type Content, FileContent } from "./content.js";
import { isElf, parseElf } from "./elf.js";
import { whatElse } from "./foreign.js";
import { isZboot, unpackZboot } from "./zboot.js";

/** An address known absolutely, or as an offset from where RAM begins. */
export interface KernelAddress {
  readonly base: "ram" | "absolute";
  /** Bytes. */
  readonly offset: number;
}

export interface KernelSegment {
  readonly address: KernelAddress;
  readonly bytes: Content;
  /** At least `bytes.length`; what is beyond it is zero (BSS). */
  readonly memorySize: number;
}

export interface LoadedKernel {
  /** `vmlinux`: Linux as an ELF file, placed as its Image would be. */
  readonly kind: "image" | "elf" | "vmlinux" | "raw";
  /** The file's name, for errors. */
  readonly name: string;
  readonly segments: readonly KernelSegment[];
  readonly entry: KernelAddress;
  /** The ELF file that it was, uncompressed. */
  readonly elf?: Uint8Array;
}

/** A raw binary goes where an Image without a header would: text_offset of kernels before 3.17. */
const RAW_OFFSET = 0x80000;

/** A compressed file may hold a compressed file; more than this is somebody's joke. */
const MAX_NESTING = 3;

/** @throws ConfigError FILE_UNREADABLE, NOT_A_KERNEL, BAD_KERNEL */
export function loadKernelFile(path: string): LoadedKernel {
  const content = FileContent.open(path, "the kernel");
  if (content instanceof FileContent) {
    const beginning = content.beginning(HEADER_SIZE);
    if (formatOf(beginning) === "image") return parseArm64Image(beginning, content, path);
  }
  return loadKernel(bytesOf(content), path);
}

/** By its beginning. An EFI zboot Image has the header of an Image as well. */
function formatOf(bytes: Uint8Array): "zboot" | Compression | "image" | "elf" | "other" {
  if (isZboot(bytes)) return "zboot";
  return compressionOf(bytes) ?? (isArm64Image(bytes) ? "image" : isElf(bytes) ? "elf" : "other");
}

/** @throws ConfigError NOT_A_KERNEL, BAD_KERNEL: one line that begins with `name`. */
export function loadKernel(bytes: Uint8Array, name: string): LoadedKernel {
  return unwrap(bytes, name, MAX_NESTING);
}

function unwrap(bytes: Uint8Array, name: string, nesting: number): LoadedKernel {
  const format = formatOf(bytes);
  switch (format) {
    case "zboot":
      return unwrap(unpackZboot(bytes, name), name, nesting);
    case "image":
      return parseArm64Image(bytes, bytes, name);
    case "elf":
      return { ...parseElf(bytes, name), elf: bytes };
    case "other": {
      const foreign = whatElse(bytes);
      if (foreign) {
        throw new ConfigError("NOT_A_KERNEL", `${name}: not an AArch64 kernel: ${foreign}`);
      }
      const entry: KernelAddress = { base: "ram", offset: RAW_OFFSET };
      return { kind: "raw", name, segments: [{ address: entry, bytes, memorySize: bytes.length }], entry };
    }
    default:
      if (nesting === 0) {
        throw new ConfigError("NOT_A_KERNEL", `${name}: compressed more than ${MAX_NESTING} times over`);
      }
      return unwrap(decompress(bytes, format, name), name, nesting - 1);
  }
}
