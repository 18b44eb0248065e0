/**
 * Tables of an ITS in guest memory (Arm IHI 0069H, section 5.2): the device table and the collection table, flat or
 * of two levels, and the Interrupt Translation Table of each device. Their entries are ours to define; nothing of them
 * is kept elsewhere, so a copy of guest memory is a copy of the mappings.
 */
import { type DmaMemory, readDoubleword } from "../../bus/dma.js";
import { BASER, ENTRY_SIZE, ID_BITS } from "./its-spec.js";
import { INTID_BITS } from "./spec.js";

/** A device: its Interrupt Translation Table, and how many bits its EventIDs have. */
export interface DeviceEntry {
  readonly itt: number;
  readonly eventBits: number;
}

/** An event: the LPI it becomes, and the collection that says where. */
export interface EventEntry {
  readonly intid: number;
  readonly icid: number;
}

const VALID = 1n << 63n;
const ITT_ADDRESS = 0x000f_ffff_ffff_ff00n;
const EVENT_BITS = 0x1fn;
const ICID_SHIFT = 32n;

/** GITS_BASER<n>.Page_Size; the reserved value is 64 KiB. */
const PAGE_SIZES = [0x1000, 0x4000, 0x1_0000, 0x1_0000] as const;
const LEVEL1_ADDRESS = 0x000f_ffff_ffff_f000n;

/** Where the entry `id` of a table is, or undefined: beyond the table, or in a page that is not there. */
export function entryAddress(memory: DmaMemory, baser: bigint, id: number): number | undefined {
  if (!(baser & BASER.Valid) || id >= 2 ** ID_BITS) return undefined;
  const page = PAGE_SIZES[Number((baser >> 8n) & 3n)] as number;
  const base = tableAddress(baser, page);
  const size = (Number(baser & 0xffn) + 1) * page;
  if (!(baser & BASER.Indirect)) return (id + 1) * ENTRY_SIZE <= size ? base + id * ENTRY_SIZE : undefined;
  const perPage = page / ENTRY_SIZE;
  const first = Math.floor(id / perPage);
  if ((first + 1) * ENTRY_SIZE > size) return undefined;
  const level1 = readDoubleword(memory, base + first * ENTRY_SIZE);
  if (level1 === undefined || !(level1 & VALID)) return undefined;
  const address = Number(level1 & LEVEL1_ADDRESS);
  return address - (address % page) + (id % perPage) * ENTRY_SIZE;
}

/** With pages of 64 KiB bits 15 to 12 of the field are bits 51 to 48 of the address. */
function tableAddress(baser: bigint, page: number): number {
  const field = baser & 0xffff_ffff_f000n;
  if (page !== 0x1_0000) return Number(field) - (Number(field) % page);
  return Number(field & ~0xf000n) + Number((field >> 12n) & 0xfn) * 2 ** 48;
}

/** What `decode` makes of the entry at an address, if it is valid. */
export function readEntry<T>(memory: DmaMemory, address: number, decode: (entry: bigint) => T): T | undefined {
  const entry = readDoubleword(memory, address);
  return entry === undefined || !(entry & VALID) ? undefined : decode(entry);
}

/** The entries of a table that are valid, by ID. */
export function* validEntries(memory: DmaMemory, baser: bigint): Iterable<readonly [id: number, entry: bigint]> {
  const page = PAGE_SIZES[Number((baser >> 8n) & 3n)] as number;
  for (let first = 0; first < 2 ** ID_BITS; first += page / ENTRY_SIZE) {
    const address = entryAddress(memory, baser, first);
    if (address !== undefined) yield* validIn(memory, address, page / ENTRY_SIZE, first);
  }
}

/** Entries of a device's table; no more than MAPD allows a device. */
export const eventCount = ({ eventBits }: DeviceEntry): number => 2 ** Math.min(eventBits, INTID_BITS);

/** The events of a device that are mapped, by EventID. */
export function validEvents(memory: DmaMemory, device: DeviceEntry): Iterable<readonly [number, bigint]> {
  return validIn(memory, device.itt, eventCount(device), 0);
}

function* validIn(
  memory: DmaMemory,
  address: number,
  count: number,
  first: number,
): Iterable<readonly [id: number, entry: bigint]> {
  const bytes = memory.read(address, count * ENTRY_SIZE);
  if (bytes === undefined) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let index = 0; index < count; index++) {
    const entry = view.getBigUint64(index * ENTRY_SIZE, true);
    if (entry & VALID) yield [first + index, entry];
  }
}

export const deviceOf = (entry: bigint): DeviceEntry => ({
  itt: Number(entry & ITT_ADDRESS),
  eventBits: Number(entry & EVENT_BITS) + 1,
});

/** `size` is EventID bits minus one, as MAPD has it. */
export function deviceEntry(itt: bigint, size: number): bigint {
  return VALID | (itt & ITT_ADDRESS) | BigInt(size);
}

/** The number of a collection's redistributor. */
export const redistributorOf = (entry: bigint): number => Number(entry & 0xffffn);

export function collectionEntry(redistributor: number): bigint {
  return VALID | BigInt(redistributor);
}

export const eventOf = (entry: bigint): EventEntry => ({
  intid: Number(entry & 0xffffn),
  icid: Number((entry >> ICID_SHIFT) & 0xffffn),
});

export function eventEntry({ intid, icid }: EventEntry): bigint {
  return VALID | BigInt(intid) | (BigInt(icid) << ICID_SHIFT);
}

/** An entry that is not valid. */
export const NO_ENTRY = 0n;
