/** Resource descriptors, what a device's _CRS is made of (ACPI 6.4, section 6.4 "Resource Data Types for ACPI"). */
import { type Aml, buffer, little, name } from "./aml.js";

/** Large items: the tag and the length of what follows. */
const item = (tag: number, content: readonly number[]): number[] => [tag, ...little(content.length, 2), ...content];

const TAG = {
  memory32: 0x86,
  dwordSpace: 0x87,
  wordSpace: 0x88,
  interrupt: 0x89,
  qwordSpace: 0x8a,
  gpio: 0x8c,
} as const;
/** The end tag; a checksum of 0 is none. */
const END = [0x79, 0] as const;

const READ_WRITE = 1;
/** Resource type and general flags of an address space. */
const SPACE = { memory: 0, io: 1, bus: 2 } as const;
const CONSUMER = 1;
const FIXED = 0b1100;
/** Every port of the range decodes. */
const ENTIRE_RANGE = 3;

export interface Range {
  readonly base: number;
  readonly size: number;
}

/** A device's registers. */
export function registers({ base, size }: Range): number[] {
  if (base + size <= 2 ** 32) return item(TAG.memory32, [READ_WRITE, ...little(base, 4), ...little(size, 4)]);
  return addressSpace(TAG.qwordSpace, SPACE.memory, FIXED | CONSUMER, READ_WRITE, base, size, 0);
}

/** A level, active high, of one device; or an edge. */
export function interrupt(intid: number, trigger: "level" | "edge" = "level"): number[] {
  return item(TAG.interrupt, [CONSUMER | (trigger === "edge" ? 2 : 0), 1, ...little(intid, 4)]);
}

/** A window of a bridge onto its bus; the CPU's address is the bus's plus `translation`. */
export function memoryWindow({ base, size }: Range): number[] {
  const tag = base + size <= 2 ** 32 ? TAG.dwordSpace : TAG.qwordSpace;
  return addressSpace(tag, SPACE.memory, FIXED, READ_WRITE, base, size, 0);
}
export function ioWindow(size: number, translation: number): number[] {
  return addressSpace(TAG.dwordSpace, SPACE.io, FIXED, ENTIRE_RANGE, 0, size, translation);
}
export function busNumbers(count: number): number[] {
  return addressSpace(TAG.wordSpace, SPACE.bus, FIXED, 0, 0, count, 0);
}

function addressSpace(
  tag: typeof TAG.wordSpace | typeof TAG.dwordSpace | typeof TAG.qwordSpace,
  type: number,
  general: number,
  specific: number,
  base: number,
  size: number,
  translation: number,
): number[] {
  const bytes = { [TAG.wordSpace]: 2, [TAG.dwordSpace]: 4, [TAG.qwordSpace]: 8 }[tag];
  const granularity = 0;
  const fields = [granularity, base, base + size - 1, translation, size];
  return item(tag, [type, general, specific, ...fields.flatMap((value) => little(value, bytes))]);
}

/** A GPIO line as an interrupt at its rising edge, which wakes the system. */
export function gpioInterrupt(controller: string, line: number): number[] {
  const revision = 1;
  const connection = 0;
  const edgeAndWake = (1 << 0) | (1 << 4);
  const pullUp = 1;
  // Offsets count from the tag.
  const pins = 23;
  const source = pins + 2;
  const end = source + controller.length + 1;
  return item(TAG.gpio, [
    ...[revision, connection, ...little(CONSUMER, 2), ...little(edgeAndWake, 2), pullUp],
    ...[
      ...little(0, 2),
      ...little(0, 2),
      ...little(pins, 2),
      0,
      ...little(source, 2),
      ...little(end, 2),
      ...little(0, 2),
    ],
    ...little(line, 2),
    ...Buffer.from(`${controller}\0`, "latin1"),
  ]);
}

/** `_CRS` and its like. */
export function resources(called: string, ...descriptors: readonly (readonly number[])[]): Aml {
  return name(called, buffer([...descriptors.flat(), ...END]));
}
