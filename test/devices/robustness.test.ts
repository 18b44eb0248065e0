/** No guest can make a device throw: any access is answered, or refused with a BusFault. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressSpace } from "../../src/bus/address-space.js";
import type { MmioDevice, Width } from "../../src/bus/contract.js";
import { FwCfg, machineItems } from "../../src/devices/fw-cfg/index.js";
import { GIC_SYSTEM_REGISTERS, type GicRegister, Its } from "../../src/devices/gicv3/index.js";
import { PcieHost } from "../../src/devices/pcie/index.js";
import { Pflash } from "../../src/devices/pflash/index.js";
import { Pl011 } from "../../src/devices/pl011/index.js";
import { Pl031 } from "../../src/devices/pl031/index.js";
import { Pl061 } from "../../src/devices/pl061/index.js";
import { Block, Console, Entropy, VirtioMmio, VirtioPci } from "../../src/devices/virtio/index.js";
import { ManualAlarm, ManualClock, Wire } from "../bus/wires.js";
import { Rig } from "./gicv3/rig.js";
import { TestMemory } from "./memory.js";

const value = fc.oneof(
  fc.constantFrom(0n, 1n, 0xffff_ffffn, 0xffff_ffff_ffff_ffffn),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const width = fc.constantFrom<Width>(1, 2, 4, 8);

interface Specimen {
  readonly device: MmioDevice;
  readonly size: number;
}

const SPECIMENS: Record<string, () => Specimen> = {
  pl011: () => ({ device: new Pl011({ irq: new Wire(), backend: { transmit() {} } }), size: 0x1000 }),
  pl031: () => ({
    device: new Pl031({ irq: new Wire(), clock: new ManualClock(), alarm: new ManualAlarm() }, { epoch: 1 }),
    size: 0x1000,
  }),
  pl061: () => ({ device: new Pl061(new Wire()), size: 0x1000 }),
  "fw-cfg": () => ({
    device: new FwCfg(machineItems({ memory: 1, cpus: 1, append: "console=ttyAMA0" }), {
      read: (address, size) => (address % 3 === 0 ? new Uint8Array(size).fill(address & 0xff) : undefined),
      write: (address) => address % 2 === 0,
    }),
    size: 0x18,
  }),
  flash: () => {
    const memory = { bytes: new Uint8Array(0x1_0000), setReadable() {}, changed() {} };
    return { device: new Pflash(memory, { sector: 0x1000, readOnly: false }), size: 0x1_0000 };
  },
  GICD: () => ({ device: new Rig(2).gic.distributor, size: 0x1_0000 }),
  "GICD, two security states": () => ({
    device: new Rig(2, { securityExtensions: true, spis: 32 }).gic.distributor,
    size: 0x1_0000,
  }),
  GITS: () => {
    const memory = new TestMemory(0, 0x1_0000);
    return { device: new Its({ memory, targets: new Rig(2, { lpiMemory: memory }).gic }), size: 0x2_0000 };
  },
  "GICR with LPIs": () => ({
    device: new Rig(2, { lpiMemory: new TestMemory(0, 0x1_0000) }).gic.redistributorFrames,
    size: 0x4_0000,
  }),
  ECAM: () => ({ device: pcie().ecam, size: 0x2_0000 }),
  "the window of virtio over PCIe": () => {
    const host = pcie();
    host.ecam.write(0x8004, 2, 6n);
    host.ecam.write(0x8014, 4, 0x8000n);
    host.ecam.write(0x8020, 4, 0x1_0000n);
    return { device: host.window(0x8000), size: 0xc000 };
  },
  "virtio over MMIO": () => {
    const console = new Console({ transmit() {} });
    return { device: new VirtioMmio(console, { irq: new Wire(), memory: new TestMemory(0, 0x1000) }), size: 0x200 };
  },
  "an empty slot of virtio over MMIO": () => ({
    device: new VirtioMmio(undefined, { irq: new Wire(), memory: new TestMemory(0, 0x1000) }),
    size: 0x200,
  }),
  GICR: () => ({ device: new Rig(2).gic.redistributorFrames, size: 0x6_0000 }),
};

function pcie(): PcieHost {
  const wires = [0, 1, 2, 3].map(() => new Wire());
  const host = new PcieHost({ interrupts: wires, memory: new TestMemory(0, 0x1_0000), message() {} });
  const disk = { size: 4096, readOnly: false, serial: "x", read() {}, write() {}, flush() {} };
  host.add(1, new VirtioPci(new Block(disk)).function);
  host.add(2, new VirtioPci(new Entropy(1n)).function);
  return host;
}

describe.each(Object.keys(SPECIMENS))("%s", (name) => {
  it("answers or refuses every access, gives values of the width asked for, and peeks without a trace", () => {
    const { device, size } = (SPECIMENS[name] as () => Specimen)();
    const bus = new AddressSpace();
    bus.map({ name, base: 0, size, device });
    const offset = fc.oneof(
      fc.nat(size - 1),
      fc.nat(0x1ff).map((word) => 4 * word),
    );
    const access = fc.record({ offset, width, value, secure: fc.boolean(), write: fc.boolean() });
    fc.assert(
      fc.property(access, ({ offset, width, value, secure, write }) => {
        if (write) bus.write(offset, width, value, secure);
        const peeked = bus.peek(offset, width, secure);
        expect(bus.peek(offset, width, secure)).toEqual(peeked);
        const read = bus.read(offset, width, secure);
        if (typeof read !== "bigint") return;
        expect(read >= 0n && read < 1n << BigInt(8 * width)).toBe(true);
        expect(read).toBe(peeked);
      }),
      { numRuns: 600, seed: 7 },
    );
  });
});

describe("GIC system registers", () => {
  const registers = Object.keys(GIC_SYSTEM_REGISTERS) as GicRegister[];

  it("take any value from anywhere", () => {
    const rig = new Rig(2, { securityExtensions: true, listRegisters: 16 }).enableGroup1();
    for (let intid = 0; intid < 64; intid++) rig.enable(intid);
    const context = fc.record({
      el: fc.constantFrom<1 | 2 | 3>(1, 2, 3),
      secure: fc.boolean(),
      virtual: fc.boolean(),
      fiqToEl3: fc.boolean(),
      irqToEl3: fc.boolean(),
    });
    const access = fc.record({
      register: fc.constantFrom(...registers),
      context,
      value,
      spi: fc.nat(31),
      level: fc.boolean(),
    });
    fc.assert(
      fc.property(access, ({ register, context, value, spi, level }) => {
        const cpu = rig.gic.cpuInterface(0);
        rig.gic.spi(spi).set(level);
        cpu.write(register, context, value);
        const peeked = cpu.peek(register, context);
        expect(cpu.read(register, context)).toBe(peeked);
        expect(peeked >= 0n && peeked < 1n << 64n).toBe(true);
        rig.gic.describe();
      }),
      { numRuns: 600, seed: 11 },
    );
  });
});
