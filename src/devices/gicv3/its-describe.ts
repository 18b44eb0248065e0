/**
 * What an ITS maps, as plain data for debuggers: read from its tables in guest memory (Arm IHI 0069H, section 5.2),
 * which can hold anything, so there is an end to how much is listed.
 */
import type { Translation } from "./its-commands.js";
import { deviceOf, eventCount, eventOf, redistributorOf, validEntries, validEvents } from "./its-tables.js";

export interface ItsDescription {
  readonly enabled: boolean;
  readonly collections: readonly CollectionDescription[];
  readonly devices: readonly DeviceMappings[];
  /** There is more than is listed here. */
  readonly more: boolean;
}

export interface CollectionDescription {
  readonly icid: number;
  /** The vCPU that it is mapped to. */
  readonly cpu: number;
}

export interface DeviceMappings {
  readonly deviceId: number;
  /** Where its Interrupt Translation Table is. */
  readonly itt: number;
  readonly eventBits: number;
  readonly events: readonly EventMapping[];
}

export interface EventMapping {
  readonly eventId: number;
  readonly intid: number;
  readonly icid: number;
  /** Undefined where the collection is not mapped. */
  readonly cpu: number | undefined;
}

/** Events in all; a device without any, and a collection, count as one each. */
const MOST = 1024;
/** Entries of devices' tables that are looked at in all, valid or not. */
const MOST_READ = 2 ** 20;

export function describeIts(
  enabled: boolean,
  { memory, targets, deviceTable, collectionTable }: Translation,
): ItsDescription {
  let left = MOST;
  let unread = MOST_READ;
  const room = (): boolean => left-- > 0;
  const collections: CollectionDescription[] = [];
  for (const [icid, entry] of validEntries(memory, collectionTable)) {
    const cpu = redistributorOf(entry);
    if (cpu >= targets.cpuCount) continue;
    if (!room()) break;
    collections.push({ icid, cpu });
  }
  const cpus = new Map(collections.map(({ icid, cpu }) => [icid, cpu]));
  const devices: DeviceMappings[] = [];
  for (const [deviceId, entry] of validEntries(memory, deviceTable)) {
    const device = deviceOf(entry);
    unread -= eventCount(device);
    if (!room() || unread < 0) break;
    const events: EventMapping[] = [];
    for (const [eventId, found] of validEvents(memory, device)) {
      if (!room()) break;
      const { intid, icid } = eventOf(found);
      events.push({ eventId, intid, icid, cpu: cpus.get(icid) });
    }
    devices.push({ deviceId, ...device, events });
  }
  return { enabled, collections, devices, more: left < 0 || unread < 0 };
}
