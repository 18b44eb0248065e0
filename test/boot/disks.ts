/** Disks in memory for guests: of bytes that a counter makes, or with a FAT16 file system. */
import type { BlockBackend } from "../../src/devices/virtio/index.js";

export type MemoryDisk = BlockBackend & { readonly bytes: Buffer };

export function memoryDisk(bytes: Buffer, readOnly = false): MemoryDisk {
  return {
    bytes,
    size: bytes.length,
    readOnly,
    serial: "memory",
    read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (offset, from) => bytes.set(from, offset),
    flush() {},
  };
}

/** Bytes that do not repeat. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32LE(Math.imul(at + 1, 0x9e37_79b1) >>> 0, at);
  return bytes;
}

const SECTOR = 512;
const RESERVED = 1;
const FAT_SECTORS = 32;
const ROOT_ENTRIES = 512;
/** More than 4,084 clusters, which makes it FAT16. */
const SECTORS = 8192;

/** A FAT16 file system without a partition table: a file for each 8.3 name, "HELLO.TXT". */
export function fatDisk(files: Readonly<Record<string, string>>): Buffer {
  const disk = Buffer.alloc(SECTORS * SECTOR);
  const fat = RESERVED * SECTOR;
  const root = fat + 2 * FAT_SECTORS * SECTOR;
  const data = root + ROOT_ENTRIES * 32;
  disk.set([0xeb, 0x3c, 0x90], 0);
  disk.write("TRAPFRAM", 3, "latin1");
  disk.writeUInt16LE(SECTOR, 11);
  disk.writeUInt8(1, 13);
  disk.writeUInt16LE(RESERVED, 14);
  disk.writeUInt8(2, 16);
  disk.writeUInt16LE(ROOT_ENTRIES, 17);
  disk.writeUInt16LE(SECTORS, 19);
  disk.writeUInt8(0xf8, 21);
  disk.writeUInt16LE(FAT_SECTORS, 22);
  disk.writeUInt8(0x29, 38);
  disk.write("FIRMWARE   FAT16   ", 43, "latin1");
  disk.writeUInt16LE(0xaa55, 510);
  const entries = [0xfff8, 0xffff];
  for (const [index, [name, text]] of Object.entries(files).entries()) {
    const first = entries.length;
    const clusters = Math.ceil(text.length / SECTOR);
    for (let n = 1; n <= clusters; n++) entries.push(n === clusters ? 0xffff : first + n);
    const at = root + 32 * index;
    const [stem = "", extension = ""] = name.split(".");
    disk.write(stem.padEnd(8) + extension.padEnd(3), at, "latin1");
    disk.writeUInt8(0x20, at + 11);
    disk.writeUInt16LE(0x5821, at + 24);
    disk.writeUInt16LE(first, at + 26);
    disk.writeUInt32LE(text.length, at + 28);
    disk.write(text, data + (first - 2) * SECTOR, "latin1");
  }
  for (const copy of [0, 1]) {
    for (const [index, entry] of entries.entries()) {
      disk.writeUInt16LE(entry, fat + copy * FAT_SECTORS * SECTOR + 2 * index);
    }
  }
  return disk;
}
