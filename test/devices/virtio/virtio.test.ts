/** Virtqueues and the devices behind them: with a driver that keeps to the rules, and with one that does not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Block, Console, Entropy, type VirtioKind, VirtioMmio } from "../../../src/devices/virtio/index.js";
import { memoryDisk, pattern } from "../../boot/disks.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { Wire } from "../../bus/wires.js";
import { TestMemory } from "../memory.js";
import { BASE, Driver, MEMORY_SIZE, type Piece } from "./driver.js";

const header = (type: number, sector: number): Uint8Array => {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(type, 0);
  bytes.writeBigUInt64LE(BigInt(sector), 8);
  return bytes;
};
const IN = 0;
const OUT = 1;
const GET_ID = 8;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;

/** Cuts bytes, or room, into pieces at the places given. */
function cut(piece: Piece, places: readonly number[]): Piece[] {
  const size = "out" in piece ? piece.out.length : piece.room;
  const ends = [...new Set([...places.map((place) => place % size), size])]
    .filter((at) => at > 0)
    .sort((a, b) => a - b);
  return ends.map((end, n) => {
    const start = ends[n - 1] ?? 0;
    return "out" in piece ? { out: piece.out.subarray(start, end) } : { room: end - start };
  });
}

const options = { size: 16, eventIndex: false, indirect: false };

describe("a disk", () => {
  it("reads, writes and refuses as a disk of plain bytes would, whatever the chains look like", () => {
    const request = fc.record({
      type: fc.constantFrom(IN, OUT),
      sector: fc.nat(20),
      sectors: fc.integer({ min: 0, max: 4 }),
      cuts: fc.array(fc.nat(4000), { maxLength: 3 }),
      indirect: fc.boolean(),
      seed: fc.nat(255),
    });
    const session = fc.record({
      size: fc.constantFrom(8, 16),
      eventIndex: fc.boolean(),
      readOnly: fc.boolean(),
      rounds: fc.array(fc.array(request, { minLength: 1, maxLength: 2 }), { maxLength: 20 }),
    });
    fc.assert(
      fc.property(session, ({ size, eventIndex, readOnly, rounds }) => {
        const disk = memoryDisk(pattern(16 * 512), readOnly);
        const model = Buffer.from(disk.bytes);
        const driver = new Driver(new Block(disk), { size, eventIndex, indirect: true });
        for (const requests of rounds) {
          const expected = requests.map(({ type, sector, sectors, cuts, indirect, seed }, n) => {
            const bytes = Buffer.alloc(512 * sectors, seed);
            const data: Piece = type === OUT ? { out: bytes } : { room: bytes.length };
            const pieces = sectors === 0 ? [] : cut(data, indirect ? cuts : []);
            driver.add(4 * n, [{ out: header(type, sector) }, ...pieces, { room: 1 }], indirect);
            const at = 512 * sector;
            const refused = at + bytes.length > model.length || (type === OUT && readOnly);
            if (refused) return { head: 4 * n, written: 1, result: IOERR, data: undefined };
            if (type === OUT) model.set(bytes, at);
            const data_ = type === IN ? Buffer.from(model.subarray(at, at + bytes.length)) : Buffer.alloc(0);
            return { head: 4 * n, written: data_.length + 1, result: OK, data: data_ };
          });
          if (eventIndex) driver.interruptAfter(requests.length);
          driver.notify();
          const done = driver.take();
          expect(done.map(({ head, written }) => ({ head, written }))).toEqual(
            expected.map(({ head, written }) => ({ head, written })),
          );
          for (const [n, { bytes }] of done.entries()) {
            const { result, data } = expected[n] as (typeof expected)[number];
            expect(bytes.at(-1)).toBe(result);
            if (data !== undefined) expect(Buffer.from(bytes.subarray(0, -1)).equals(data)).toBe(true);
          }
          expect(driver.interrupted()).toBe(true);
          expect(driver.needsReset).toBe(false);
        }
        expect(disk.bytes.equals(model)).toBe(true);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it("says who it is, and that it does not know a request", () => {
    const driver = new Driver(new Block(memoryDisk(pattern(512))), options);
    driver.add(0, [{ out: header(GET_ID, 0) }, { room: 20 }, { room: 1 }]);
    driver.add(4, [{ out: header(99, 0) }, { room: 1 }]);
    driver.notify();
    const [id, unknown] = driver.take();
    expect(Buffer.from(id?.bytes ?? []).toString("latin1")).toBe(`memory${"\0".repeat(15)}`);
    expect(unknown?.bytes).toEqual(Buffer.of(UNSUPP));
  });

  it("gives the guest an I/O error when the host has one", () => {
    const broken = {
      ...memoryDisk(pattern(512)),
      read() {
        throw Object.assign(new Error("EIO: i/o error, read"), { syscall: "read" });
      },
    };
    const log: string[] = [];
    const driver = new Driver(new Block(broken, (line) => log.push(line)), options);
    driver.add(0, [{ out: header(IN, 0) }, { room: 512 }, { room: 1 }]);
    driver.notify();
    expect(driver.take()[0]?.bytes.at(-1)).toBe(IOERR);
    expect(log).toEqual(["virtio-blk: EIO: i/o error, read; the guest gets an I/O error"]);
  });

  it("interrupts when it is asked to", () => {
    const driver = new Driver(new Block(memoryDisk(pattern(512))), options);
    const go = (): boolean => {
      driver.add(0, [{ out: header(IN, 0) }, { room: 512 }, { room: 1 }]);
      driver.notify();
      driver.take();
      return driver.interrupted();
    };
    expect(go()).toBe(true);
    driver.suppressInterrupts(true);
    expect(go()).toBe(false);
    const indexed = new Driver(new Block(memoryDisk(pattern(512))), { ...options, eventIndex: true });
    indexed.interruptAfter(2);
    const seen = [0, 4].map((head) => {
      indexed.add(head, [{ out: header(IN, 0) }, { room: 512 }, { room: 1 }]);
      indexed.notify();
      return indexed.interrupted();
    });
    expect(seen).toEqual([false, true]);
  });
});

describe("a console", () => {
  it("sends and receives as far as there are buffers", () => {
    const sent: number[] = [];
    const port = { transmit: (byte: number) => sent.push(byte) };
    const out = new Driver(new Console(port), options, 1);
    out.add(0, [{ out: Buffer.from("hello, ") }, { out: Buffer.from("guest") }]);
    out.notify();
    expect(Buffer.from(sent).toString()).toBe("hello, guest");

    const console = new Console(port);
    const driver = new Driver(console, options, 0);
    expect(console.roomForInput()).toBe(0);
    driver.add(0, [{ room: 4 }]);
    driver.add(4, [{ room: 2 }, { room: 2 }]);
    driver.notify();
    expect(console.roomForInput()).toBeGreaterThan(0);
    expect(console.receive(Buffer.from("0123456789"))).toBe(8);
    expect(driver.take().map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(["0123", "4567"]);
    expect(console.roomForInput()).toBe(0);
  });
});

const KINDS: Record<string, () => VirtioKind> = {
  disk: () => new Block(memoryDisk(pattern(4096))),
  entropy: () => new Entropy(5n),
  console: () => new Console({ transmit() {} }),
};

describe.each(Object.keys(KINDS))("a driver that breaks the rules, with a %s", (name) => {
  const kind = KINDS[name] as () => VirtioKind;

  it("gets a device that needs a reset, and has it again after one", () => {
    const driver = new Driver(kind(), options);
    driver.descriptor(BASE, BASE + MEMORY_SIZE, 16, 1, 2);
    driver.descriptor(BASE + 32, BASE + 0x8000, 1, 2, 0);
    driver.descriptor(BASE + 16, BASE + 0x8000, 16, 1, 1);
    const wrong = [1, 999];
    for (const head of name === "disk" ? [0, ...wrong] : wrong) {
      driver.memory.set16(BASE + 0x1004, head);
      driver.memory.set16(BASE + 0x1002, 1);
      driver.reg(0x050, 0);
      if (driver.mmio.kind instanceof Console) driver.mmio.kind.receive(Buffer.from("x"));
      expect(driver.needsReset, `descriptor ${head}`).toBe(true);
      expect(driver.log.at(-1)).toContain("the device needs a reset");
      driver.memory.bytes.fill(0, 0x1000, 0x3000);
      driver.start();
      expect(driver.needsReset).toBe(false);
    }
  });

  it("never makes it throw, loop or write where the driver did not say", () => {
    const descriptor = fc.record({
      address: fc.oneof(
        fc.nat(MEMORY_SIZE + 64).map((at) => BASE + at),
        fc.constantFrom(0, 2 ** 47, 2 ** 48),
      ),
      length: fc.oneof(fc.nat(64), fc.constantFrom(0x1_0000, 0xffff_ffff)),
      flags: fc.nat(7),
      next: fc.nat(9),
    });
    const chaos = fc.record({
      descriptors: fc.array(descriptor, { minLength: 8, maxLength: 8 }),
      heads: fc.array(fc.nat(9), { minLength: 8, maxLength: 8 }),
      index: fc.oneof(fc.nat(8), fc.nat(0xffff)),
      places: fc.array(fc.oneof(fc.constantFrom(0x0, 0x1000, 0x2000), fc.nat(MEMORY_SIZE)), {
        minLength: 3,
        maxLength: 3,
      }),
      indirect: fc.boolean(),
      eventIndex: fc.boolean(),
    });
    fc.assert(
      fc.property(chaos, ({ descriptors, heads, index, places, indirect, eventIndex }) => {
        const driver = new Driver(kind(), { size: 8, indirect, eventIndex });
        const [table = 0, available = 0, used = 0] = places.map((place) => BASE + place);
        driver.reg(0x044, 0);
        driver.place(table, available, used);
        driver.reg(0x044, 1);
        for (const [n, { address, length, flags, next }] of descriptors.entries()) {
          if (table + 16 * n + 16 <= BASE + MEMORY_SIZE)
            driver.descriptor(table + 16 * n, address, length, flags, next);
        }
        for (const [n, head] of heads.entries()) {
          if (available + 8 + 2 * n <= BASE + MEMORY_SIZE) driver.memory.set16(available + 4 + 2 * n, head);
        }
        if (available + 4 <= BASE + MEMORY_SIZE) driver.memory.set16(available + 2, index);
        driver.reg(0x050, 0);
        if (driver.mmio.kind instanceof Console) driver.mmio.kind.receive(Buffer.from("some input"));
      }),
      { numRuns: 400, seed: 9 },
    );
  });
});

statefulSuite("virtio over MMIO", () => {
  const memory = new TestMemory(BASE, MEMORY_SIZE);
  const irq = new Wire();
  const mmio = new VirtioMmio(new Entropy(7n), { irq, memory });
  const reg = (offset: number, value: number): void => mmio.write(offset, 4, BigInt(value));
  memory.set64(BASE, BigInt(BASE + 0x8000));
  memory.set32(BASE + 8, 32);
  memory.set16(BASE + 12, 2);
  const go = (): unknown => {
    const next = (memory.get16(BASE + 0x1002) + 1) & 0xffff;
    memory.set16(BASE + 0x1002, next);
    reg(0x050, 0);
    return [Buffer.from(memory.read(BASE + 0x8000, 32) as Uint8Array).toString("hex"), irq.level];
  };
  return {
    component: mmio,
    disturb: () => {
      reg(0x070, 3);
      reg(0x024, 1);
      reg(0x020, 1);
      reg(0x070, 11);
      reg(0x038, 8);
      for (const [offset, at] of [
        [0x080, BASE],
        [0x090, BASE + 0x1000],
        [0x0a0, BASE + 0x2000],
      ] as const) {
        reg(offset, at);
      }
      reg(0x044, 1);
      reg(0x070, 15);
      go();
    },
    runOn: () => {
      // The ring is the driver's, who goes on from where the device stands.
      memory.set16(BASE + 0x1002, mmio.device?.queues[0]?.save().nextAvailable ?? 0);
      return [go(), go(), Number(mmio.read(0x060, 4))];
    },
  };
});
