/** `--flash0 FILE[,rw]`: a file to what a flash bank holds, and the way back into it for what the guest writes. */
import { openSync, readFileSync, realpathSync, writeSync } from "node:fs";
import type { FlashImage } from "../machine/boot.js";
import { ConfigError, systemReason } from "../machine/errors.js";
import { notFirmware } from "../machine/loaders/firmware.js";

const WRITABLE = ",rw";

/**
 * The banks, in order, of what `--flash0` (or `--bios`) and `--flash1` say.
 * @param warn gets one line when a file can no longer be written; the guest goes on with what is in memory.
 * @throws ConfigError FILE_UNREADABLE, NOT_FIRMWARE, USAGE.
 */
export function openFlashBanks(
  texts: readonly (string | undefined)[],
  warn: (line: string) => void,
): (FlashImage | undefined)[] {
  const banks = texts.map((text) => (text === undefined ? undefined : openFlash(text, warn)));
  const [first, second] = banks;
  const fault = first && notFirmware(first.bytes);
  if (fault) throw new ConfigError("NOT_FIRMWARE", `${first.name}: not firmware for AArch64: ${fault}`);
  if (first && second && (first.write || second.write) && realpathSync(first.name) === realpathSync(second.name)) {
    throw new ConfigError("USAGE", `${first.name}: the file of both flash banks, and written; give each a copy`);
  }
  return banks;
}

function openFlash(text: string, warn: (line: string) => void): FlashImage {
  const writable = text.endsWith(WRITABLE);
  const name = writable ? text.slice(0, -WRITABLE.length) : text;
  try {
    if (!writable) return { name, bytes: readFileSync(name) };
    const file = openSync(name, "r+");
    return { name, bytes: readFileSync(file), write: keeper(name, file, warn) };
  } catch (error) {
    const what = writable ? "open the flash image for reading and writing" : "read the flash image";
    throw new ConfigError("FILE_UNREADABLE", `${name}: cannot ${what}: ${systemReason(error)}`);
  }
}

function keeper(name: string, file: number, warn: (line: string) => void): NonNullable<FlashImage["write"]> {
  let failed = false;
  return (offset, bytes) => {
    if (failed) return;
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(file, bytes, done, bytes.length - done, offset + done);
      }
    } catch (error) {
      failed = true;
      warn(`${name}: what the guest writes to this flash bank is no longer kept: ${systemReason(error)}`);
    }
  };
}
