/** ELF64 for AArch64: System V ABI chapters 4 and 5, and "ELF for the Arm 64-bit Architecture" (AAELF64). */

import { ConfigError } from "../errors.js";
import { hex } from "../format.js";
import { imagePlacement, isArm64Image } from "./arm64-image.js";
import { Parser } from "./binary-parser.js";
import type { KernelAddress, KernelSegment, LoadedKernel } from "./kernel.js";

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const EM_AARCH64 = 183;
const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;

/** e_machine of what people really hand to the wrong emulator. */
const MACHINES: Record<number, string> = {
  3: "x86",
  8: "MIPS",
  20: "PowerPC",
  21: "64-bit PowerPC",
  22: "S/390",
  40: "32-bit Arm",
  62: "x86-64",
  243: "RISC-V",
  258: "LoongArch",
};

const TYPES: Record<number, string> = { 0: "no file type", 1: "an object file, not yet linked", 4: "a core dump" };

interface Header {
  readonly type: number;
  readonly machine: number;
  readonly entry: bigint;
  readonly programHeaders: bigint;
  readonly programHeaderSize: number;
  readonly programHeaderCount: number;
}

interface ProgramHeader {
  readonly type: number;
  readonly offset: bigint;
  readonly virtualAddress: bigint;
  readonly physicalAddress: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
}

const headerParser = new Parser()
  .endianness("little")
  .seek(16)
  .uint16("type")
  .uint16("machine")
  .seek(4)
  .uint64("entry")
  .uint64("programHeaders")
  .seek(14)
  .uint16("programHeaderSize")
  .uint16("programHeaderCount");

const programHeaderParser = new Parser()
  .endianness("little")
  .uint32("type")
  .seek(4)
  .uint64("offset")
  .uint64("virtualAddress")
  .uint64("physicalAddress")
  .uint64("fileSize")
  .uint64("memorySize");

export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}

/**
 * PT_LOAD segments at their physical addresses; the entry moved from its virtual address to the physical one. A Linux
 * vmlinux has no physical addresses of its own, but its first bytes are an Image header: it is placed by that.
 * @throws ConfigError NOT_A_KERNEL, BAD_KERNEL
 */
export function parseElf(bytes: Uint8Array, name: string): LoadedKernel {
  const header = checkedHeader(bytes, name);
  const loads = programHeaders(bytes, header, name).filter(
    ({ type, memorySize }) => type === PT_LOAD && memorySize > 0n,
  );
  const first = loads.reduce<ProgramHeader | undefined>(
    (lowest, load) => (lowest && lowest.virtualAddress <= load.virtualAddress ? lowest : load),
    undefined,
  );
  if (!first) {
    throw new ConfigError("BAD_KERNEL", `${name}: an ELF file with nothing to load (no PT_LOAD segment)`);
  }
  const start = contents(bytes, first);
  return isArm64Image(start)
    ? placeVmlinux(bytes, name, loads, first, start)
    : placeByPhysicalAddress(bytes, name, loads, header.entry);
}

function checkedHeader(bytes: Uint8Array, name: string): Header {
  if (bytes.length < HEADER_SIZE) {
    throw new ConfigError("BAD_KERNEL", `${name}: an ELF file cut off within its header`);
  }
  const bits = bytes[4] === 1 ? "32-bit " : "";
  const endian = bytes[5] === 2 ? "big-endian " : "";
  const header = headerParser.parse(bytes) as Header;
  if (bits || endian || header.machine !== EM_AARCH64) {
    const machine = bytes[5] === 2 ? (bytes[18]! << 8) | bytes[19]! : header.machine;
    const what = machine === EM_AARCH64 ? "AArch64" : (MACHINES[machine] ?? `machine type ${machine}`);
    const detail = machine === EM_AARCH64 ? `${bits}${endian}` : "";
    const wanted = machine === EM_AARCH64 ? "64-bit little-endian AArch64" : "AArch64";
    throw new ConfigError("NOT_A_KERNEL", `${name}: ELF for ${detail}${what}, not ${wanted}`);
  }
  if (header.type !== ET_EXEC && header.type !== ET_DYN) {
    throw new ConfigError("NOT_A_KERNEL", `${name}: ELF, but ${TYPES[header.type] ?? `of type ${header.type}`}`);
  }
  return header;
}

function programHeaders(bytes: Uint8Array, header: Header, name: string): ProgramHeader[] {
  const { programHeaderSize, programHeaderCount } = header;
  const end = header.programHeaders + BigInt(programHeaderSize) * BigInt(programHeaderCount);
  if (programHeaderCount > 0 && (programHeaderSize < PROGRAM_HEADER_SIZE || end > BigInt(bytes.length))) {
    throw new ConfigError("BAD_KERNEL", `${name}: an ELF file whose program headers are not within it`);
  }
  return Array.from({ length: programHeaderCount }, (_, index) => {
    const offset = Number(header.programHeaders) + index * programHeaderSize;
    const load = programHeaderParser.parse(bytes.subarray(offset, offset + PROGRAM_HEADER_SIZE)) as ProgramHeader;
    if (
      load.type === PT_LOAD &&
      (load.offset + load.fileSize > BigInt(bytes.length) || load.fileSize > load.memorySize)
    ) {
      throw new ConfigError("BAD_KERNEL", `${name}: an ELF file cut short: segment ${index} is not within it`);
    }
    return load;
  });
}

/** A copy: what is loaded must not keep a file in memory that is ten times its size for the debug information. */
function contents(bytes: Uint8Array, load: ProgramHeader): Uint8Array {
  return new Uint8Array(bytes.subarray(Number(load.offset), Number(load.offset + load.fileSize)));
}

function placeVmlinux(
  bytes: Uint8Array,
  name: string,
  loads: ProgramHeader[],
  first: ProgramHeader,
  start: Uint8Array,
): LoadedKernel {
  const { address } = imagePlacement(start, name);
  const segments = loads.map((load): KernelSegment => {
    const distance = load.virtualAddress - first.virtualAddress;
    if (distance + load.memorySize > 0xffff_ffffn) {
      throw new ConfigError("BAD_KERNEL", `${name}: the kernel's segments lie more than 4 GiB apart`);
    }
    return {
      address: { base: "ram", offset: address.offset + Number(distance) },
      bytes: contents(bytes, load),
      memorySize: Number(load.memorySize),
    };
  });
  return { kind: "vmlinux", name, segments, entry: address };
}

function placeByPhysicalAddress(bytes: Uint8Array, name: string, loads: ProgramHeader[], entry: bigint): LoadedKernel {
  const segments = loads.map(
    (load): KernelSegment => ({
      address: absolute(load.physicalAddress, name),
      bytes: contents(bytes, load),
      memorySize: Number(load.memorySize),
    }),
  );
  const home = loads.find(
    ({ virtualAddress, memorySize }) => entry >= virtualAddress && entry < virtualAddress + memorySize,
  );
  if (!home) {
    throw new ConfigError("BAD_KERNEL", `${name}: the ELF entry point ${hex(entry)} is in none of its segments`);
  }
  return { kind: "elf", name, segments, entry: absolute(entry - home.virtualAddress + home.physicalAddress, name) };
}

function absolute(address: bigint, name: string): KernelAddress {
  if (address > BigInt(Number.MAX_SAFE_INTEGER)) {
    const hint = "link it with physical load addresses (AT in the linker script)";
    throw new ConfigError(
      "BAD_KERNEL",
      `${name}: a segment is to be loaded at ${hex(address)}, where no memory can be; ${hint}`,
    );
  }
  return { base: "absolute", offset: Number(address) };
}
