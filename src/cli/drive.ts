/**
 * `--drive FILE[,readonly]`: a raw disk image as the disk of a virtio-blk device; what the guest writes is kept in it.
 */
import { fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { basename } from "node:path";
import type { BlockBackend } from "../devices/virtio/index.js";
import { ConfigError, systemReason } from "../machine/errors.js";

const READ_ONLY = ",readonly";
const SECTOR = 512;
/** What the guest reads as the disk's serial number. */
const SERIAL_LENGTH = 20;

/**
 * @param warn gets one line about a file that is no whole number of sectors.
 * @throws ConfigError USAGE, FILE_UNREADABLE.
 */
export function openDrive(text: string, warn: (line: string) => void): BlockBackend {
  const readOnly = text.endsWith(READ_ONLY);
  const name = readOnly ? text.slice(0, -READ_ONLY.length) : text;
  let file: number;
  let size: number;
  try {
    file = openSync(name, readOnly ? "r" : "r+");
    const status = fstatSync(file);
    if (!status.isFile()) throw new ConfigError("USAGE", `${name}: a disk image is a file, and this is something else`);
    size = status.size;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const hint = readOnly ? "" : `; to only read it, say --drive ${name}${READ_ONLY}`;
    const what = readOnly ? "read the disk image" : "open the disk image for reading and writing";
    throw new ConfigError("FILE_UNREADABLE", `${name}: cannot ${what}: ${systemReason(error)}${hint}`);
  }
  if (size < SECTOR) {
    throw new ConfigError(
      "USAGE",
      `${name}: a disk of ${size} bytes has no sector; make it larger: truncate -s 64M ${name}`,
    );
  }
  if (size % SECTOR !== 0)
    warn(`${name}: the last ${size % SECTOR} bytes are no whole sector: the guest's disk ends before`);
  return {
    size,
    readOnly,
    serial: basename(name).slice(0, SERIAL_LENGTH),
    read(offset, bytes) {
      // A file that was truncated meanwhile reads as zeros, as a hole does.
      for (let done = 0; done < bytes.length; ) {
        const count = readSync(file, bytes, done, bytes.length - done, offset + done);
        if (count === 0) return;
        done += count;
      }
    },
    write(offset, bytes) {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(file, bytes, done, bytes.length - done, offset + done);
      }
    },
    flush: () => fsyncSync(file),
  };
}
