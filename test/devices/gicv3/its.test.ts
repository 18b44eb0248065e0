/** The ITS against a plain definition of its mappings; queues that cannot be read; state. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Its } from "../../../src/devices/gicv3/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { TestMemory } from "../memory.js";
import { Rig } from "./rig.js";

const BASE = 0x4000_0000;
const PROPERTIES = BASE;
const QUEUE = BASE + 0x1_0000;
const COLLECTIONS = BASE + 0x1_1000;
const DEVICES = BASE + 0x1_2000;
const LEVEL2 = BASE + 0x1_3000;
const ITTS = BASE + 0x1_4000;
const PENDING = BASE + 0x2_0000;
const CPUS = 2;
const VALID = 1n << 63n;
const INDIRECT = 1n << 62n;
/** GITS_CBASER.Size counts pages of 4 KiB; this is one. */
const QUEUE_SIZE = 0x1000;

class ItsRig {
  readonly memory = new TestMemory(BASE, 0x4_0000);
  readonly gic = new Rig(CPUS, { lpiMemory: this.memory }).enableGroup1();
  readonly log: string[] = [];
  readonly its = new Its({ memory: this.memory, targets: this.gic.gic, log: (line) => this.log.push(line) });
  #write = 0;

  constructor(indirect = false) {
    for (let cpu = 0; cpu < CPUS; cpu++) {
      this.gic.gicr(0x70, PROPERTIES | 13, cpu);
      this.gic.gicr(0x78, PENDING + 0x1_0000 * cpu, cpu);
      this.gic.gicr(0x00, 1, cpu);
    }
    this.reg(0x100, VALID | (indirect ? INDIRECT : 0n) | BigInt(DEVICES));
    if (indirect) this.memory.set64(DEVICES, VALID | BigInt(LEVEL2));
    this.reg(0x108, VALID | BigInt(COLLECTIONS));
    this.reg(0x080, VALID | BigInt(QUEUE));
    this.its.write(0, 4, 1n);
  }

  reg(offset: number, value?: bigint): bigint {
    if (value !== undefined) this.its.write(offset, 8, value);
    return this.its.read(offset, 8);
  }

  command(...words: bigint[]): void {
    for (const n of [0, 1, 2, 3]) this.memory.set64(QUEUE + this.#write + 8 * n, words[n] ?? 0n);
    this.#write = (this.#write + 32) % QUEUE_SIZE;
    this.reg(0x088, BigInt(this.#write));
  }

  mapd(device: number, valid = true, bits = 3): void {
    const itt = BigInt(ITTS + 0x100 * device) | (valid ? VALID : 0n);
    this.command(0x08n | (BigInt(device) << 32n), BigInt(bits - 1), itt);
  }

  mapc(collection: number, cpu: number, valid = true): void {
    this.command(0x09n, 0n, BigInt(collection) | (BigInt(cpu) << 16n) | (valid ? VALID : 0n));
  }

  about(opcode: number, device: number, event: number, intid = 0, collection = 0): void {
    const first = BigInt(opcode) | (BigInt(device) << 32n);
    this.command(first, BigInt(event) | (BigInt(intid) << 32n), BigInt(collection));
  }

  configure(intid: number, byte: number): void {
    this.memory.bytes[PROPERTIES - BASE + intid - 8192] = byte;
  }

  inTable(cpu: number, intid: number): boolean {
    const byte = this.memory.bytes[PENDING - BASE + 0x1_0000 * cpu + (intid >> 3)] as number;
    return ((byte >> (intid & 7)) & 1) === 1;
  }
}

/** What the architecture says, as plainly as it can be said. */
class Model {
  readonly devices = new Map<number, Map<number, { intid: number; collection: number }>>();
  readonly collections = new Map<number, number>();
  readonly pending = Array.from({ length: CPUS }, () => new Set<number>());

  /** The event's mapping and its redistributor, if all of it is mapped. */
  find(device: number, event: number) {
    const found = this.devices.get(device)?.get(event);
    return found && { ...found, cpu: this.collections.get(found.collection) };
  }
}

/** What a debugger is shown of the mappings, as the model has it. */
function shown(rig: ItsRig): Pick<Model, "collections" | "devices"> {
  const { collections, devices } = rig.its.describe(rig.memory);
  const eventsOf = ({ events }: (typeof devices)[number]) =>
    new Map(events.map(({ eventId, intid, icid }) => [eventId, { intid, collection: icid }]));
  return {
    collections: new Map(collections.map(({ icid, cpu }) => [icid, cpu])),
    devices: new Map(devices.map((device) => [device.deviceId, eventsOf(device)])),
  };
}

type Step = (rig: ItsRig, model: Model) => void;

const device = fc.nat(2);
const event = fc.nat(9);
const collection = fc.nat(2);
const cpu = fc.nat(CPUS);
const intid = fc.oneof(
  fc.nat(7).map((n) => 8192 + n),
  fc.constantFrom(0, 8191, 0x1_0000),
);

/** `found` where the event is mapped, and its collection as well. */
const withTarget = (model: Model, d: number, e: number, act: (found: { intid: number; cpu: number }) => void): void => {
  const found = model.find(d, e);
  if (found?.cpu !== undefined) act({ intid: found.intid, cpu: found.cpu });
};

const mapDevice =
  (d: number, valid: boolean): Step =>
  (rig, model) => {
    rig.mapd(d, valid);
    // Mapping a device again shows the table that is there.
    if (!valid) model.devices.delete(d);
    else if (!model.devices.has(d)) model.devices.set(d, new Map());
    if (!valid) rig.memory.bytes.fill(0, ITTS - BASE + 0x100 * d, ITTS - BASE + 0x100 * d + 64);
  };

const mapCollection =
  (c: number, to: number, valid: boolean): Step =>
  (rig, model) => {
    rig.mapc(c, to, valid);
    if (!valid) model.collections.delete(c);
    else if (to < CPUS) model.collections.set(c, to);
  };

const mapEvent =
  (d: number, e: number, lpi: number, c: number): Step =>
  (rig, model) => {
    rig.about(0x0a, d, e, lpi, c);
    if (e < 8 && lpi >= 8192 && lpi < 0x1_0000) model.devices.get(d)?.set(e, { intid: lpi, collection: c });
  };

const send =
  (d: number, e: number, byMessage: boolean): Step =>
  (rig, model) => {
    if (byMessage) rig.its.message(d, e);
    else rig.about(0x03, d, e);
    withTarget(model, d, e, (found) => model.pending[found.cpu]?.add(found.intid));
  };

/** So that most of what follows finds something. */
const START: readonly Step[] = [
  ...[0, 1, 2].map((d) => mapDevice(d, true)),
  ...[0, 1, 2].map((c) => mapCollection(c, c % CPUS, true)),
  ...Array.from({ length: 8 }, (_, n) => mapEvent(n % 3, n, 8192 + n, n % 3)),
];

const steps: fc.Arbitrary<Step>[] = [
  fc.tuple(device, fc.boolean()).map((its) => mapDevice(...its)),
  fc.tuple(collection, cpu, fc.boolean()).map((its) => mapCollection(...its)),
  fc.tuple(device, event, intid, collection).map((its) => mapEvent(...its)),
  fc.tuple(device, event, fc.boolean()).map((its) => send(...its)),
  // The events of START, again and again.
  fc.nat(7).map((n) => send(n % 3, n, true)),
  fc.nat(7).map((n) => send(n % 3, n, false)),
  fc.tuple(device, event).map(([d, e]) => (rig, model) => {
    rig.about(0x04, d, e);
    withTarget(model, d, e, (found) => model.pending[found.cpu]?.delete(found.intid));
  }),
  fc.tuple(device, event).map(([d, e]) => (rig, model) => {
    rig.about(0x0f, d, e);
    withTarget(model, d, e, (found) => {
      model.pending[found.cpu]?.delete(found.intid);
      model.devices.get(d)?.delete(e);
    });
  }),
  fc.tuple(fc.nat(7), collection).map(([e, c]) => (rig, model) => {
    const d = e % 3;
    rig.about(0x01, d, e, 0, c);
    const to = model.collections.get(c);
    withTarget(model, d, e, (found) => {
      if (to === undefined) return;
      model.devices.get(d)?.set(e, { intid: found.intid, collection: c });
      if (model.pending[found.cpu]?.delete(found.intid)) model.pending[to]?.add(found.intid);
    });
  }),
  fc.tuple(cpu, cpu).map(([from, to]) => (rig, model) => {
    rig.command(0x0en, 0n, BigInt(from) << 16n, BigInt(to) << 16n);
    if (from >= CPUS || to >= CPUS || from === to) return;
    for (const lpi of model.pending[from] ?? []) model.pending[to]?.add(lpi);
    model.pending[from]?.clear();
  }),
  fc.nat(CPUS - 1).map((on) => (rig, model) => {
    const lpi = rig.gic.mrs("ICC_IAR1_EL1", undefined, on);
    // All have one priority: the lowest INTID first.
    expect(lpi).toBe(Math.min(...(model.pending[on] as Set<number>), 1 << 20) % (1 << 20) || 1023);
    if (lpi === 1023) return;
    model.pending[on]?.delete(lpi);
    rig.gic.msr("ICC_EOIR1_EL1", lpi, undefined, on);
  }),
  // Where LPIs are disabled none are taken away, and none are put.
  fc.tuple(fc.nat(CPUS - 1), cpu, cpu).map(([off, from, to]) => (rig) => {
    rig.gic.gicr(0x00, 0, off);
    if (from === off || to === off) rig.command(0x0en, 0n, BigInt(from) << 16n, BigInt(to) << 16n);
    rig.gic.gicr(0x00, 1, off);
  }),
];

describe("the ITS", () => {
  it.each([false, true])("maps as the plain definition does, two levels: %s", (indirect) => {
    fc.assert(
      fc.property(fc.array(fc.oneof(...steps), { minLength: 20, maxLength: 80 }), (session) => {
        const rig = new ItsRig(indirect);
        const model = new Model();
        for (let lpi = 8192; lpi < 8200; lpi++) rig.configure(lpi, 0x81);
        for (const step of [...START, ...session]) {
          step(rig, model);
          expect(shown(rig)).toEqual({ collections: model.collections, devices: model.devices });
          for (let on = 0; on < CPUS; on++) {
            const pending = Array.from({ length: 8 }, (_, n) => 8192 + n).filter((lpi) => rig.inTable(on, lpi));
            expect(pending).toEqual([...(model.pending[on] as Set<number>)].sort((a, b) => a - b));
            expect(rig.gic.out(on)).toBe(pending.length > 0 ? "irq" : "");
          }
        }
        expect(rig.reg(0x090)).toBe(rig.reg(0x088));
      }),
      { numRuns: 150, seed: 5 },
    );
  });

  it("is shown with the LPIs that are enabled where it sends them", () => {
    const rig = new ItsRig();
    rig.mapc(0, 0);
    rig.mapc(1, 1);
    rig.mapd(1);
    for (const n of [0, 1, 2]) rig.about(0x0a, 1, n, 8192 + n, n);
    for (const [lpi, byte] of [0x81, 0xa1, 0x81, 0x81].entries()) rig.configure(8192 + lpi, byte);
    rig.its.message(1, 1);
    rig.configure(8193, 0xa0);
    const its = rig.its.describe(rig.memory);
    expect(its.devices[0]?.events.map(({ cpu }) => cpu)).toEqual([0, 1, undefined]);
    const lpis = () => rig.gic.gic.describe({ its, memory: rig.memory }).cpus.map((cpu) => cpu.lpis);
    // Until INV a pending LPI is as it was.
    expect(lpis()).toEqual([
      [{ intid: 8192, enabled: true, pending: false, priority: 0x80 }],
      [{ intid: 8193, enabled: true, pending: true, priority: 0xa0 }],
    ]);
    rig.about(0x0c, 1, 1);
    expect(lpis()[1]).toEqual([{ intid: 8193, enabled: false, pending: true, priority: 0xa0 }]);
    rig.about(0x04, 1, 1);
    expect(lpis()[1]).toEqual([]);
    rig.gic.gicr(0x00, 0, 0);
    expect(lpis()[0]).toEqual([]);
  });

  it("is shown whatever its tables hold, up to a point", () => {
    const rig = new ItsRig();
    rig.memory.bytes.fill(0xff);
    rig.memory.set64(DEVICES, VALID | BigInt(ITTS) | 11n);
    const { devices, more } = rig.its.describe(rig.memory);
    expect(more).toBe(true);
    expect(devices.flatMap(({ events }) => events).length).toBeLessThan(2000);
    rig.memory.bytes.fill(0);
    expect(rig.its.describe(rig.memory)).toEqual({ enabled: true, collections: [], devices: [], more: false });
    // Devices with large tables of nothing: each is read.
    for (let id = 0; id < 64; id++) rig.memory.set64(DEVICES + id * 8, VALID | 15n);
    const empty = rig.its.describe(rig.memory);
    expect(empty.more).toBe(true);
    expect(empty.devices.length).toBeLessThan(64);
  });

  it("stalls at a queue that is not in memory, and goes on when told to retry", () => {
    const rig = new ItsRig();
    rig.its.write(0, 4, 0n);
    rig.reg(0x080, VALID | 0x1000_0000n);
    rig.its.write(0, 4, 1n);
    rig.reg(0x088, 32n);
    expect(rig.reg(0x090)).toBe(1n);
    expect(rig.log.at(-1)).toContain("0x10000000; stalled");
    rig.reg(0x088, 64n);
    expect(rig.reg(0x090)).toBe(1n);
    rig.reg(0x088, 65n);
    expect(rig.reg(0x090)).toBe(1n);
    rig.its.write(0, 4, 0n);
    rig.reg(0x080, VALID | BigInt(QUEUE));
    rig.its.write(0, 4, 1n);
    expect(rig.reg(0x090)).toBe(64n);
  });

  it("says what is wrong with a command", () => {
    const rig = new ItsRig();
    rig.about(0x03, 1, 0);
    rig.mapd(1);
    rig.about(0x03, 1, 0);
    rig.about(0x0a, 1, 0, 100, 0);
    rig.about(0x0a, 1, 8, 8192, 0);
    rig.about(0x0a, 1, 0, 8192, 0);
    rig.about(0x03, 1, 0);
    rig.command(0x55n);
    rig.mapd(2, true, 17);
    rig.its.message(3, 1);
    expect(rig.log).toEqual([
      "its: command at 0x0: INT: DeviceID 1 is not mapped",
      "its: command at 0x40: INT: EventID 0 of DeviceID 1 is not mapped",
      "its: command at 0x60: MAPTI: INTID 100 is no LPI",
      "its: command at 0x80: MAPTI: EventID 8 has more bits than DeviceID 1 was given",
      "its: command at 0xc0: INT: ICID 0 is not mapped",
      "its: command at 0xe0: 0x55 is no command of a GICv3 ITS",
      "its: command at 0x100: MAPD: Size 16 is more than GITS_TYPER.ID_bits",
      "its: message 1 of DeviceID 3: DeviceID 3 is not mapped",
    ]);
  });

  it("keeps its tables and its queue where they are while it is enabled", () => {
    const rig = new ItsRig();
    const before = [0x080, 0x100, 0x108].map((offset) => rig.reg(offset));
    for (const offset of [0x080, 0x100, 0x108]) rig.reg(offset, VALID | 0x7000_0000n);
    expect([0x080, 0x100, 0x108].map((offset) => rig.reg(offset))).toEqual(before);
    rig.its.write(0, 4, 0n);
    rig.reg(0x118, VALID | 0x7000_0000n);
    expect(rig.reg(0x118)).toBe(0n);
  });

  it("has LPIs in the Non-secure half of the priorities where there are two security states", () => {
    const memory = new TestMemory(BASE, 0x4_0000);
    const rig = new Rig(1, { securityExtensions: true, lpiMemory: memory });
    rig.gicd(0, 0x37, 4, true);
    rig.gicr(0x70, PROPERTIES | 13);
    rig.gicr(0x78, PENDING);
    rig.gicr(0x00, 1);
    memory.bytes[0] = 0x41;
    const el3 = { el: 3, secure: false, virtual: false } as const;
    rig.msr("ICC_IGRPEN1_EL3", 1, el3);
    rig.gic.setLpi(0, 8192, true);
    rig.msr("ICC_PMR_EL1", 0xa0, el3);
    expect(rig.mrs("ICC_HPPIR1_EL1", el3)).toBe(8192);
    expect(rig.mrs("ICC_IAR1_EL1", el3)).toBe(1023);
    rig.msr("ICC_PMR_EL1", 0xa8, el3);
    expect(rig.mrs("ICC_IAR1_EL1", el3)).toBe(8192);
    expect(rig.mrs("ICC_RPR_EL1", el3)).toBe(0xa0);
  });
});

statefulSuite("ITS", () => {
  const rig = new ItsRig();
  rig.its.reset();
  return {
    component: rig.its,
    disturb: () => {
      rig.reg(0x100, VALID | (1n << 62n) | (1n << 8n) | BigInt(DEVICES));
      rig.reg(0x108, VALID | BigInt(COLLECTIONS));
      rig.reg(0x080, VALID | BigInt(QUEUE));
      rig.its.write(0, 4, 1n);
      rig.reg(0x088, 0x60n);
    },
    runOn: () => {
      const seen = [0x080, 0x088, 0x090, 0x100, 0x108].map((offset) => rig.reg(offset));
      rig.reg(0x088, rig.reg(0x088) + 0x20n);
      return [...seen, rig.reg(0x090), rig.its.read(0, 4)];
    },
  };
});

statefulSuite("GICv3 with LPIs", () => {
  const memory = new TestMemory(BASE, 0x4_0000);
  const rig = new Rig(2, { lpiMemory: memory });
  // Memory is no part of the GIC: the same in every run.
  memory.bytes.fill(0x61, 0, 8);
  return {
    component: rig.gic,
    disturb: () => {
      rig.enableGroup1();
      for (let cpu = 0; cpu < 2; cpu++) {
        rig.gicr(0x70, PROPERTIES | 13, cpu);
        rig.gicr(0x78, PENDING + 0x1_0000 * cpu, cpu);
        rig.gicr(0x00, 1, cpu);
        rig.gic.setLpi(cpu, 8192 + cpu, true);
      }
      rig.gic.setLpi(1, 8195, true);
    },
    runOn: () => {
      const seen: unknown[] = [rig.out(0), rig.out(1), rig.gic.describe().cpus.map(({ lpis }) => lpis)];
      for (const cpu of [0, 1, 1]) {
        const intid = rig.mrs("ICC_IAR1_EL1", undefined, cpu);
        seen.push(intid);
        rig.msr("ICC_EOIR1_EL1", intid, undefined, cpu);
      }
      rig.gic.setLpi(0, 8194, true);
      return [...seen, rig.out(0), rig.out(1)];
    },
  };
});
