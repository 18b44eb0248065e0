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
const ROOT_ENTRIES = 512;
const ENTRY = 32;
/** A FAT16 file system has more than 4,084 clusters and fewer than 65,525. */
const MOST_CLUSTERS = 65_000;
const LEAST_SECTORS = 8192;
const END_OF_CHAIN = 0xffff;
const ATTRIBUTE = { directory: 0x10, archive: 0x20 } as const;

type Tree = Map<string, Tree | Buffer>;

function treeOf(files: Readonly<Record<string, string | Uint8Array>>): Tree {
  const root: Tree = new Map();
  for (const [path, content] of Object.entries(files)) {
    const names = path.split("/");
    const name = names.pop()!;
    let directory = root;
    for (const part of names) {
      if (!directory.has(part)) directory.set(part, new Map());
      directory = directory.get(part) as Tree;
    }
    directory.set(name, Buffer.from(content));
  }
  return root;
}

function directoryEntry(name: string, attribute: number, first: number, size: number): Buffer {
  const entry = Buffer.alloc(ENTRY);
  const [stem = "", extension = ""] = name.startsWith(".") ? [name] : name.split(".");
  entry.write(stem.padEnd(8) + extension.padEnd(3), "latin1");
  entry.writeUInt8(attribute, 11);
  entry.writeUInt16LE(0x5821, 24);
  entry.writeUInt16LE(first, 26);
  entry.writeUInt32LE(size, 28);
  return entry;
}

/** A FAT16 file system without a partition table: a file for each path of 8.3 names, "EFI/BOOT/BOOTAA64.EFI". */
export function fatDisk(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const bytes = Object.values(files).reduce((sum, content) => sum + content.length, 0);
  let perCluster = 1;
  while (bytes / (SECTOR * perCluster) + 100 > MOST_CLUSTERS) perCluster *= 2;
  const clusterSize = SECTOR * perCluster;
  const used = Math.ceil(bytes / clusterSize) + 100;
  const clusters = Math.max(used, 4100);
  const fatSectors = Math.ceil((2 * (clusters + 2)) / SECTOR);
  const sectors = Math.max(LEAST_SECTORS, 1 + 2 * fatSectors + ROOT_ENTRIES / 16 + clusters * perCluster);
  const disk = Buffer.alloc(sectors * SECTOR);
  const fat = SECTOR;
  const root = fat + 2 * fatSectors * SECTOR;
  const data = root + ROOT_ENTRIES * ENTRY;
  disk.set([0xeb, 0x3c, 0x90], 0);
  disk.write("TRAPFRAM", 3, "latin1");
  disk.writeUInt16LE(SECTOR, 11);
  disk.writeUInt8(perCluster, 13);
  disk.writeUInt16LE(1, 14);
  disk.writeUInt8(2, 16);
  disk.writeUInt16LE(ROOT_ENTRIES, 17);
  if (sectors < 0x1_0000) disk.writeUInt16LE(sectors, 19);
  else disk.writeUInt32LE(sectors, 32);
  disk.writeUInt8(0xf8, 21);
  disk.writeUInt16LE(fatSectors, 22);
  disk.writeUInt8(0x29, 38);
  disk.write("FIRMWARE   FAT16   ", 43, "latin1");
  disk.writeUInt16LE(0xaa55, 510);
  const chain = [0xfff8, END_OF_CHAIN];
  /** Puts bytes into clusters of their own, and returns the first; an empty file has none. */
  const place = (content: Buffer): number => {
    const first = chain.length;
    const count = Math.ceil(content.length / clusterSize);
    for (let n = 1; n <= count; n++) chain.push(n === count ? END_OF_CHAIN : first + n);
    disk.set(content, data + (first - 2) * clusterSize);
    return count === 0 ? 0 : first;
  };
  const entriesOf = (directory: Tree, own: number): Buffer[] =>
    [...directory].map(([name, node]) =>
      node instanceof Map
        ? directoryEntry(name, ATTRIBUTE.directory, placeDirectory(node, own), 0)
        : directoryEntry(name, ATTRIBUTE.archive, place(node), node.length),
    );
  /** A directory has its cluster, of which one is enough, before what is in it. */
  const placeDirectory = (directory: Tree, parent: number): number => {
    const own = place(Buffer.alloc(clusterSize));
    const dots = [
      directoryEntry(".", ATTRIBUTE.directory, own, 0),
      directoryEntry("..", ATTRIBUTE.directory, parent, 0),
    ];
    disk.set(Buffer.concat([...dots, ...entriesOf(directory, own)]), data + (own - 2) * clusterSize);
    return own;
  };
  disk.set(Buffer.concat(entriesOf(treeOf(files), 0)), root);
  for (const copy of [0, 1]) {
    for (const [index, next] of chain.entries()) disk.writeUInt16LE(next, fat + copy * fatSectors * SECTOR + 2 * index);
  }
  return disk;
}
