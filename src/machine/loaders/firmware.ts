/**
 * What can be seen at a glance to be no firmware: the machine executes the first bank of flash from its first byte on.
 */
import { isArm64Image } from "./arm64-image.js";
import { compressionOf } from "./compression.js";
import { isElf } from "./elf.js";
import { whatElse } from "./foreign.js";
import { isZboot } from "./zboot.js";

/** One phrase that says what the bytes are instead, and what to do; undefined when they may well be A64 code. */
export function notFirmware(bytes: Uint8Array): string | undefined {
  if (isElf(bytes)) return "an ELF file; flash takes the program itself, as objcopy -O binary makes it";
  if (isZboot(bytes)) return "a kernel as an EFI program; give it with --kernel";
  if (isArm64Image(bytes)) {
    // U-Boot may have an Image's header; that of an EFI program beside it is a kernel's.
    const isEfi = bytes[0] === 0x4d && bytes[1] === 0x5a;
    return isEfi ? "a kernel's Image, which is an EFI program; give it with --kernel" : undefined;
  }
  const compression = compressionOf(bytes);
  if (compression) return `compressed with ${compression}; unpack it first, or give it with --kernel if it is a kernel`;
  return whatElse(bytes);
}
