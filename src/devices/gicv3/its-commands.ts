/**
 * The commands of a GICv3 ITS (Arm IHI 0069H, section 5.3), one row each. A command with an error is ignored and the
 * queue goes on, as section 5.3.2 allows; what was wrong is returned for the log.
 */
import { type DmaMemory, writeDoubleword } from "../../bus/dma.js";
import { ID_BITS, type LpiTargets } from "./its-spec.js";
import {
  collectionEntry,
  type DeviceEntry,
  deviceEntry,
  deviceOf,
  type EventEntry,
  entryAddress,
  eventEntry,
  eventOf,
  NO_ENTRY,
  readEntry,
  redistributorOf,
} from "./its-tables.js";
import { FIRST_LPI, INTID_BITS } from "./spec.js";

/** What commands and translations work on. */
export interface Translation {
  readonly memory: DmaMemory;
  readonly targets: LpiTargets;
  /** GITS_BASER<n> of the device table and of the collection table. */
  readonly deviceTable: bigint;
  readonly collectionTable: bigint;
}

/** What went wrong, in words; undefined when nothing did. */
type Outcome = string | undefined;

interface Command {
  readonly name: string;
  run(its: Translation, words: readonly bigint[]): Outcome;
}

/** An event that is mapped, and its entry's address. */
interface Mapped {
  readonly address: number;
  readonly event: EventEntry;
  /** The redistributor of its collection, if that is mapped. */
  readonly target: number | undefined;
}

/** Fields of the four doublewords. */
const deviceIdOf = (w: readonly bigint[]): number => Number((w[0] as bigint) >> 32n);
const eventIdOf = (w: readonly bigint[]): number => Number((w[1] as bigint) & 0xffff_ffffn);
const intidOf = (w: readonly bigint[]): number => Number((w[1] as bigint) >> 32n);
const icidOf = (w: readonly bigint[]): number => Number((w[2] as bigint) & 0xffffn);
const validOf = (w: readonly bigint[]): boolean => (w[2] as bigint) >> 63n === 1n;
const targetOf = (word: bigint): number => Number((word >> 16n) & 0x7_ffff_ffffn);

const ROWS: Readonly<Record<number, Command>> = {
  1: {
    name: "MOVI",
    run: (its, w) =>
      withEvent(its, deviceIdOf(w), eventIdOf(w), ({ address, event, target }) => {
        if (target === undefined) return noCollection(event.icid);
        const to = collection(its, icidOf(w));
        if (to === undefined) return noCollection(icidOf(w));
        its.targets.moveLpis(target, to, event.intid);
        return write(its, address, eventEntry({ ...event, icid: icidOf(w) }));
      }),
  },
  3: { name: "INT", run: (its, w) => translate(its, deviceIdOf(w), eventIdOf(w)) },
  4: {
    name: "CLEAR",
    run: (its, w) =>
      withEvent(its, deviceIdOf(w), eventIdOf(w), ({ event, target }) => {
        if (target === undefined) return noCollection(event.icid);
        its.targets.setLpi(target, event.intid, false);
        return undefined;
      }),
  },
  // Every command has its effect before the next one: nothing is left to wait for.
  5: { name: "SYNC", run: () => undefined },
  8: {
    name: "MAPD",
    run: (its, w) => {
      const size = Number((w[1] as bigint) & 0x1fn);
      if (validOf(w) && size >= INTID_BITS) return `Size ${size} is more than GITS_TYPER.ID_bits`;
      const address = entryAddress(its.memory, its.deviceTable, deviceIdOf(w));
      if (address === undefined) return `the device table has no room for DeviceID ${deviceIdOf(w)}`;
      return write(its, address, validOf(w) ? deviceEntry(w[2] as bigint, size) : NO_ENTRY);
    },
  },
  9: {
    name: "MAPC",
    run: (its, w) => {
      const redistributor = targetOf(w[2] as bigint);
      if (validOf(w) && redistributor >= its.targets.cpuCount) return `there is no redistributor ${redistributor}`;
      const address = entryAddress(its.memory, its.collectionTable, icidOf(w));
      if (address === undefined) return `the collection table has no room for ICID ${icidOf(w)}`;
      return write(its, address, validOf(w) ? collectionEntry(redistributor) : NO_ENTRY);
    },
  },
  10: { name: "MAPTI", run: (its, w) => map(its, w, intidOf(w)) },
  11: { name: "MAPI", run: (its, w) => map(its, w, eventIdOf(w)) },
  12: {
    name: "INV",
    run: (its, w) =>
      withEvent(its, deviceIdOf(w), eventIdOf(w), ({ event, target }) => {
        if (target === undefined) return noCollection(event.icid);
        its.targets.invalidateLpi(target, event.intid);
        return undefined;
      }),
  },
  13: {
    name: "INVALL",
    run: (its, w) => {
      const target = collection(its, icidOf(w));
      if (target === undefined) return noCollection(icidOf(w));
      its.targets.invalidateLpi(target);
      return undefined;
    },
  },
  14: {
    name: "MOVALL",
    run: (its, w) => {
      const [from, to] = [targetOf(w[2] as bigint), targetOf(w[3] as bigint)];
      const missing = [from, to].find((number) => number >= its.targets.cpuCount);
      if (missing !== undefined) return `there is no redistributor ${missing}`;
      its.targets.moveLpis(from, to);
      return undefined;
    },
  },
  15: {
    name: "DISCARD",
    run: (its, w) =>
      withEvent(its, deviceIdOf(w), eventIdOf(w), ({ address, event, target }) => {
        if (target === undefined) return noCollection(event.icid);
        its.targets.setLpi(target, event.intid, false);
        return write(its, address, NO_ENTRY);
      }),
  },
};

/** Carries out a command of four doublewords. Returns what was wrong with it, for the log. */
export function runCommand(its: Translation, words: readonly bigint[]): Outcome {
  const opcode = Number((words[0] as bigint) & 0xffn);
  const row = ROWS[opcode];
  if (row === undefined) return `0x${opcode.toString(16)} is no command of a GICv3 ITS`;
  const problem = row.run(its, words);
  return problem && `${row.name}: ${problem}`;
}

/** An event becomes an LPI: INT, and what arrives at GITS_TRANSLATER. Returns what was wrong, for the log. */
export function translate(its: Translation, deviceId: number, eventId: number): Outcome {
  return withEvent(its, deviceId, eventId, ({ event, target }) => {
    if (target === undefined) return noCollection(event.icid);
    its.targets.setLpi(target, event.intid, true);
    return undefined;
  });
}

function map(its: Translation, w: readonly bigint[], intid: number): Outcome {
  if (intid < FIRST_LPI || intid >= 2 ** INTID_BITS) return `INTID ${intid} is no LPI`;
  // The collection need not be mapped yet.
  if (icidOf(w) >= 2 ** ID_BITS || !hasRoom(its, icidOf(w))) return `there is no room for ICID ${icidOf(w)}`;
  const address = eventAddress(its, deviceIdOf(w), eventIdOf(w));
  return typeof address === "number" ? write(its, address, eventEntry({ intid, icid: icidOf(w) })) : address;
}

function hasRoom(its: Translation, icid: number): boolean {
  return entryAddress(its.memory, its.collectionTable, icid) !== undefined;
}

function withEvent(its: Translation, deviceId: number, eventId: number, act: (found: Mapped) => Outcome): Outcome {
  const address = eventAddress(its, deviceId, eventId);
  if (typeof address !== "number") return address;
  const event = readEntry(its.memory, address, eventOf);
  if (event === undefined) return `EventID ${eventId} of DeviceID ${deviceId} is not mapped`;
  return act({ address, event, target: collection(its, event.icid) });
}

/** Where an event's entry is, or why it is nowhere. */
function eventAddress(its: Translation, deviceId: number, eventId: number): number | string {
  const device = findDevice(its, deviceId);
  if (device === undefined) return `DeviceID ${deviceId} is not mapped`;
  if (eventId >= 2 ** device.eventBits) return `EventID ${eventId} has more bits than DeviceID ${deviceId} was given`;
  return device.itt + 8 * eventId;
}

function findDevice(its: Translation, deviceId: number): DeviceEntry | undefined {
  const address = entryAddress(its.memory, its.deviceTable, deviceId);
  return address === undefined ? undefined : readEntry(its.memory, address, deviceOf);
}

function collection(its: Translation, icid: number): number | undefined {
  const address = entryAddress(its.memory, its.collectionTable, icid);
  const target = address === undefined ? undefined : readEntry(its.memory, address, redistributorOf);
  return target !== undefined && target < its.targets.cpuCount ? target : undefined;
}

function write(its: Translation, address: number, entry: bigint): Outcome {
  return writeDoubleword(its.memory, address, entry) ? undefined : `no memory at 0x${address.toString(16)}`;
}

function noCollection(icid: number): string {
  return `ICID ${icid} is not mapped`;
}
