/**
 * ACPI tables for firmware to install, as files of fw_cfg: the tables, and the commands by which firmware places them,
 * writes their addresses into each other and makes their checksums (QEMU documentation, "ACPI tables via fw_cfg",
 * bios-linker-loader).
 */
import type { FwCfgFile } from "../../devices/fw-cfg/index.js";
import { little } from "./aml.js";
import { type AcpiOptions, type AcpiTable, acpiTables, FADT_DSDT, HEADER } from "./tables.js";

export type { AcpiOptions } from "./tables.js";

const FILE = { tables: "etc/acpi/tables", rsdp: "etc/acpi/rsdp", loader: "etc/table-loader" } as const;

const OEM = { id: "TRAPFR", table: "TRAPFRAM", creator: "TRAP" } as const;
const latin1 = (text: string): number[] => [...Buffer.from(text, "latin1")];

/** Root System Description Pointer, revision 2 (5.2.5.3). */
const RSDP = { checksum: 8, firstPart: 20, xsdt: 24, extendedChecksum: 32, size: 36 } as const;

function headed({ signature, revision, body }: AcpiTable): number[] {
  const length = HEADER.size + body.length;
  const identity = [...latin1(OEM.id), ...latin1(OEM.table), ...little(1, 4), ...latin1(OEM.creator), ...little(1, 4)];
  return [...latin1(signature), ...little(length, 4), revision, 0, ...identity, ...body];
}

/** Commands of the loader's script, 128 bytes each. */
const COMMAND = { allocate: 1, addPointer: 2, addChecksum: 3, size: 128 } as const;
const ZONE = { high: 1, fseg: 2 } as const;
const FILE_NAME = 56;
const file = (name: string): number[] => [...latin1(name), ...new Array<number>(FILE_NAME - name.length).fill(0)];

function command(kind: number, fields: readonly number[]): number[] {
  const content = [...little(kind, 4), ...fields];
  return [...content, ...new Array<number>(COMMAND.size - content.length).fill(0)];
}
const allocate = (name: string, alignment: number, zone: number): number[] =>
  command(COMMAND.allocate, [...file(name), ...little(alignment, 4), zone]);
/** What is at `offset` of `inFile` is an offset into the tables, and becomes an address. */
const addPointer = (inFile: string, offset: number): number[] =>
  command(COMMAND.addPointer, [...file(inFile), ...file(FILE.tables), ...little(offset, 4), 8]);
const addChecksum = (inFile: string, at: number, start: number, length: number): number[] =>
  command(COMMAND.addChecksum, [...file(inFile), ...little(at, 4), ...little(start, 4), ...little(length, 4)]);

/** The three files. */
export function acpiFiles(options: AcpiOptions): FwCfgFile[] {
  const tables = acpiTables(options);
  const places: number[] = [];
  const blob: number[] = [];
  const put = (table: AcpiTable): number => {
    // So that the fields of all of them are aligned.
    while (blob.length % 8 !== 0) blob.push(0);
    const at = blob.length;
    for (const byte of headed(table)) blob.push(byte);
    return at;
  };
  for (const table of tables) places.push(put(table));
  const [dsdt = 0, fadt = 0] = places;
  blob.splice(fadt + FADT_DSDT, 8, ...little(dsdt, 8));
  // All but the DSDT, which the FADT points to.
  const listed = places.slice(1);
  const xsdt = put({ signature: "XSDT", revision: 1, body: listed.flatMap((place) => little(place, 8)) });
  const length = (place: number): number => blob[place + HEADER.length]! + 256 * blob[place + HEADER.length + 1]!;
  const script = [
    allocate(FILE.rsdp, 16, ZONE.fseg),
    allocate(FILE.tables, 64, ZONE.high),
    addPointer(FILE.tables, fadt + FADT_DSDT),
    ...listed.map((_, index) => addPointer(FILE.tables, xsdt + HEADER.size + 8 * index)),
    addPointer(FILE.rsdp, RSDP.xsdt),
    ...[...places, xsdt].map((place) => addChecksum(FILE.tables, place + HEADER.checksum, place, length(place))),
    addChecksum(FILE.rsdp, RSDP.checksum, 0, RSDP.firstPart),
    addChecksum(FILE.rsdp, RSDP.extendedChecksum, 0, RSDP.size),
  ];
  return [
    { name: FILE.tables, bytes: new Uint8Array(blob) },
    { name: FILE.rsdp, bytes: new Uint8Array(rsdp(xsdt)) },
    { name: FILE.loader, bytes: new Uint8Array(script.flat()) },
  ];
}

function rsdp(xsdt: number): number[] {
  const revision = 2;
  const noRsdt = little(0, 4);
  const checksums = [0, 0, 0, 0];
  return [
    ...[...latin1("RSD PTR "), 0, ...latin1(OEM.id), revision, ...noRsdt],
    ...[...little(RSDP.size, 4), ...little(xsdt, 8), ...checksums],
  ];
}
