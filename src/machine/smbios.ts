/**
 * SMBIOS tables for firmware to install, as files of fw_cfg (DMTF DSP0134 3.0, chapter 7 for the structures and 5.2.2
 * for the entry point). The firmware adds type 0, which is about itself.
 */
import type { FwCfgFile } from "../devices/fw-cfg/index.js";
import type { MachineDescription } from "./description.js";

export interface SmbiosOptions {
  readonly description: MachineDescription;
  readonly cpu: string;
  readonly cpus: number;
  /** Bytes of RAM. */
  readonly memory: number;
}

const MAKER = "trapframe";

/** Fields of a number of bytes, the lowest first. */
type Field = readonly [bytes: 1 | 2 | 4 | 8, value: number];

function bytesOf(fields: readonly Field[]): number[] {
  return fields.flatMap(([bytes, value]) =>
    Array.from({ length: bytes }, (_, index) => Number((BigInt(value) >> BigInt(8 * index)) & 0xffn)),
  );
}

/** A structure's type, its fields behind the header, and the strings that they number from 1. */
interface Structure {
  readonly type: number;
  readonly fields: readonly Field[];
  readonly strings?: readonly string[];
}

const HEADER_SIZE = 4;

function encoded({ type, fields, strings = [] }: Structure): number[] {
  const body = bytesOf(fields);
  const handle = type << 8;
  const texts = strings.flatMap((text) => [...Buffer.from(`${text}\0`, "latin1")]);
  const end = strings.length === 0 ? [0, 0] : [0];
  return [type, HEADER_SIZE + body.length, ...bytesOf([[2, handle]]), ...body, ...texts, ...end];
}

const UNKNOWN = 2;
const SAFE = 3;
const NO_HANDLE: Field = [2, 0xfffe];
const NO_CACHE: Field = [2, 0xffff];
const handleOf = (type: number): Field => [2, type << 8];

function system({ description }: SmbiosOptions): Structure {
  const powerSwitch = 6;
  return {
    type: 1,
    fields: [
      [1, 1],
      [1, 2],
      [1, 0],
      [1, 0],
      [8, 0],
      [8, 0],
      [1, powerSwitch],
      [1, 0],
      [1, 0],
    ],
    strings: [MAKER, description.name],
  };
}

function chassis(): Structure {
  const other = 1;
  return {
    type: 3,
    fields: [
      ...([
        [1, 1],
        [1, other],
        [1, 0],
        [1, 0],
        [1, 0],
        [1, SAFE],
        [1, SAFE],
        [1, SAFE],
      ] as const),
      ...([
        [1, UNKNOWN],
        [4, 0],
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 0],
      ] as const),
    ],
    strings: [MAKER],
  };
}

function processor({ cpu, cpus }: SmbiosOptions): Structure {
  const central = 3;
  const seeFamily2 = 0xfe;
  const armV8 = 0x101;
  const populatedAndEnabled = 0x41;
  const upgrade = 1;
  const is64Bit = 1 << 2;
  const few = Math.min(cpus, 255);
  return {
    type: 4,
    fields: [
      ...([
        [1, 1],
        [1, central],
        [1, seeFamily2],
        [1, 2],
        [8, 0],
        [1, 3],
        [1, 0],
        [2, 0],
        [2, 0],
        [2, 0],
      ] as const),
      ...([[1, populatedAndEnabled], [1, upgrade], NO_CACHE, NO_CACHE, NO_CACHE, [1, 0], [1, 0], [1, 0]] as const),
      ...([
        [1, few],
        [1, few],
        [1, few],
        [2, is64Bit],
        [2, armV8],
        [2, cpus],
        [2, cpus],
        [2, cpus],
      ] as const),
    ],
    strings: ["CPU 0", MAKER, cpu],
  };
}

function memoryArray({ memory }: SmbiosOptions): Structure {
  const other = 1;
  const systemMemory = 3;
  const multiBitEcc = 6;
  const kilobytes = memory / 1024;
  return {
    type: 16,
    fields: [[1, other], [1, systemMemory], [1, multiBitEcc], [4, kilobytes], NO_HANDLE, [2, 1], [8, 0]],
  };
}

function memoryDevice({ memory }: SmbiosOptions): Structure {
  const dimm = 9;
  const ram = 7;
  const unknownWidth = 0xffff;
  // Below 32 GiB less a megabyte, in megabytes.
  const megabytes = Math.max(1, Math.floor(memory / 2 ** 20));
  return {
    type: 17,
    fields: [
      ...([handleOf(16), NO_HANDLE, [2, unknownWidth], [2, unknownWidth], [2, megabytes], [1, dimm], [1, 0]] as const),
      ...([
        [1, 1],
        [1, 0],
        [1, ram],
        [2, UNKNOWN],
        [2, 0],
        [1, 2],
        [1, 0],
        [1, 0],
        [1, 0],
        [1, 0],
      ] as const),
      ...([
        [4, 0],
        [2, 0],
        [2, 0],
        [2, 0],
        [2, 0],
      ] as const),
    ],
    strings: ["DIMM 0", MAKER],
  };
}

function mappedMemory({ description: { ram }, memory }: SmbiosOptions): Structure {
  const inExtendedFields = 0xffffffff;
  return {
    type: 19,
    fields: [
      ...([[4, inExtendedFields], [4, inExtendedFields], handleOf(16), [1, 1]] as const),
      ...([
        [8, ram.base],
        [8, ram.base + memory - 1],
      ] as const),
    ],
  };
}

const bootStatus = (): Structure => ({
  type: 32,
  fields: [
    [4, 0],
    [2, 0],
    [1, 0],
  ],
});
const endOfTable = (): Structure => ({ type: 127, fields: [] });

const ENTRY_POINT_SIZE = 24;

/** The structures, and the entry point that says how many bytes they are; firmware writes where into it. */
export function smbiosFiles(options: SmbiosOptions): FwCfgFile[] {
  const structures = [
    system(options),
    chassis(),
    processor(options),
    memoryArray(options),
    memoryDevice(options),
    mappedMemory(options),
    bootStatus(),
    endOfTable(),
  ].flatMap(encoded);
  const version = { major: 3, minor: 0, documentation: 0, entryPoint: 1 } as const;
  const anchor = [
    ...Buffer.from("_SM3_", "latin1"),
    ...[0, ENTRY_POINT_SIZE, version.major, version.minor, version.documentation, version.entryPoint, 0],
    ...bytesOf([
      [4, structures.length],
      [8, 0],
    ]),
  ];
  anchor[5] = -anchor.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return [
    { name: "etc/smbios/smbios-anchor", bytes: new Uint8Array(anchor) },
    { name: "etc/smbios/smbios-tables", bytes: new Uint8Array(structures) },
  ];
}
