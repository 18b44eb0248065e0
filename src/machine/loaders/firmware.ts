/** What can be seen at a glance to be no firmware: the machine executes the first bank of flash from its first byte on. */
import { compressionOf } from "./compression.js";
import { isElf } from "./elf.js";
import { whatElse } from "./foreign.js";
import { isZboot } from "./zboot.js";

/** One phrase that says what the bytes are instead, and what to do; undefined when they may well be A64 code. */
export function notFirmware(bytes: Uint8Array): string | undefined {
  if (isElf(bytes)) return "an ELF file; flash takes the program itself, as objcopy -O binary makes it";
  if (isZboot(bytes)) return "a kernel as an EFI program; give it with --kernel";
  const compression = compressionOf(bytes);
  if (compression) return `compressed with ${compression}; unpack it first, or give it with --kernel if it is a kernel`;
  return whatElse(bytes);
}
