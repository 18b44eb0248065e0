/**
 * What a file is that is no kernel. A raw binary has no magic number, so it is what nothing else claims, and its
 * first word has to be in the part of the A64 encoding space that holds instructions (DDI 0487, C4.1).
 */
import { hex } from "../format.js";

interface ForeignFormat {
  readonly what: string;
  readonly offset: number;
  readonly magic: string;
}

const FORMATS: readonly ForeignFormat[] = [
  { what: "a device tree blob; give it with --dtb", offset: 0, magic: "\xd0\x0d\xfe\xed" },
  { what: "a cpio archive; an initramfs is given with --initrd", offset: 0, magic: "070701" },
  { what: "a cpio archive; an initramfs is given with --initrd", offset: 0, magic: "070702" },
  { what: "an x86 Linux kernel", offset: 0x202, magic: "HdrS" },
  { what: "a 32-bit Arm Linux zImage", offset: 0x24, magic: "\x18\x28\x6f\x01" },
  { what: "a RISC-V Linux Image", offset: 0x38, magic: "RSC\x05" },
  { what: "a U-Boot legacy image; unpack the kernel from it (dumpimage)", offset: 0, magic: "\x27\x05\x19\x56" },
  { what: "an Android boot image; unpack the kernel from it", offset: 0, magic: "ANDROID!" },
  { what: "a PE program without an arm64 Image header", offset: 0, magic: "MZ" },
  { what: "a Debian package or static library", offset: 0, magic: "!<arch>\n" },
  { what: "a tar archive", offset: 257, magic: "ustar" },
  { what: "a zip archive", offset: 0, magic: "PK\x03\x04" },
  { what: "a qcow2 disk image", offset: 0, magic: "QFI\xfb" },
  { what: "a squashfs file system", offset: 0, magic: "hsqs" },
  { what: "a PNG picture", offset: 0, magic: "\x89PNG" },
  { what: "a PDF document", offset: 0, magic: "%PDF" },
  { what: "a script", offset: 0, magic: "#!" },
];

/** How much is looked at to call a file text. */
const TEXT_SAMPLE = 512;

/** One phrase that says what the bytes are, or undefined when they may well be A64 code. */
export function whatElse(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) {
    return "an empty file";
  }
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const { what, offset, magic } of FORMATS) {
    if (view.toString("latin1", offset, offset + magic.length) === magic) {
      return what;
    }
  }
  if (view.subarray(0, TEXT_SAMPLE).every((byte) => (byte >= 0x20 && byte < 0x7f) || (byte >= 9 && byte <= 13))) {
    return "a text file";
  }
  if (bytes.length < 4) {
    return `${bytes.length} bytes are less than one instruction`;
  }
  const word = view.readUInt32LE(0);
  // op0 (bits 28:25) 0b0000, 0b0001, 0b0011: reserved or unallocated; 0b0010: SVE, which no boot code begins with.
  return ((word >>> 25) & 0b1111) < 0b0100 ? `its first word, ${hex(word)}, is no A64 instruction` : undefined;
}
