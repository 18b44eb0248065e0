/**
 * The host bridge and functions on it: configuration, BARs, INTx, MSI-X, and what the command register switches off.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { Msi, PcieHost, PciFunction } from "../../../src/devices/pcie/index.js";
import { Entropy, VirtioPci } from "../../../src/devices/virtio/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { Wire } from "../../bus/wires.js";
import { TestMemory } from "../memory.js";

const BASE = 0x4000_0000;
const SLOT = 6;
const WINDOW = 0x1000_0000;
const HIGH = 0x80_0000_0000;
const COMMAND = 0x04;
const MEMORY_AND_MASTER = 6;
const INTERRUPT_DISABLE = 0x400;

class Rig {
  readonly memory = new TestMemory(BASE, 0x1_0000);
  readonly wires = [0, 1, 2, 3].map(() => new Wire());
  readonly messages: (readonly [requester: number, address: bigint, data: number])[] = [];
  readonly host = new PcieHost({
    interrupts: this.wires,
    memory: this.memory,
    message: (...message) => this.messages.push(message),
  });
  readonly device = new VirtioPci(new Entropy(1n));
  readonly low = this.host.window(WINDOW);
  readonly high = this.host.window(HIGH);

  constructor() {
    this.host.add(SLOT, this.device.function);
  }

  config(offset: number, width: 1 | 2 | 4 = 4, value?: number): number {
    const at = SLOT * 0x8000 + offset;
    if (value !== undefined) this.host.ecam.write(at, width, BigInt(value >>> 0));
    return Number(this.host.ecam.read(at, width));
  }

  /** BARs where the guest wants them, memory and DMA on; the offset of the capability with an ID. */
  assign(): this {
    this.config(0x14, 4, WINDOW + 0x2000);
    this.config(0x20, 4, 0x4000);
    this.config(0x24, 4, HIGH / 2 ** 32);
    this.config(COMMAND, 2, MEMORY_AND_MASTER);
    return this;
  }

  capability(id: number): number {
    let at = this.config(0x34, 1);
    while (at !== 0 && this.config(at, 1) !== id) at = this.config(at + 1, 1);
    return at;
  }

  /** Entry 0 of the MSI-X table. */
  msixEntry(control: number): void {
    for (const [offset, value] of [
      [0, 0x0809_0040],
      [4, 0],
      [8, 0x2a],
      [12, control],
    ] as const) {
      this.low.write(0x2000 + offset, 4, BigInt(value));
    }
  }

  registers(offset: number, width: 1 | 2 | 4, value?: number): number {
    const at = 0x4000 + offset;
    if (value !== undefined) this.high.write(at, width, BigInt(value));
    return Number(this.high.read(at, width));
  }

  /** The driver's part of virtio, up to a queue of one buffer of 16 bytes. */
  startDriver(): void {
    this.registers(0x14, 1, 3);
    this.registers(0x08, 4, 1);
    this.registers(0x0c, 4, 1);
    this.registers(0x14, 1, 11);
    this.registers(0x18, 2, 4);
    for (const [offset, at] of [
      [0x20, BASE],
      [0x28, BASE + 0x1000],
      [0x30, BASE + 0x2000],
    ] as const) {
      this.registers(offset, 4, at);
    }
    this.registers(0x1a, 2, 0);
    this.registers(0x1c, 2, 1);
    this.registers(0x14, 1, 15);
    this.describeBuffer();
  }

  describeBuffer(): void {
    this.memory.set64(BASE, BigInt(BASE + 0x3000));
    this.memory.set32(BASE + 8, 16);
    this.memory.set16(BASE + 12, 2);
  }

  /** The buffer once more; whether the device has filled it. */
  offerBuffer(): boolean {
    const used = this.memory.get16(BASE + 0x2002);
    this.memory.set16(BASE + 0x1002, (this.memory.get16(BASE + 0x1002) + 1) & 0xffff);
    this.registers(0x3000, 2, 0);
    return this.memory.get16(BASE + 0x2002) !== used;
  }
}

describe("a function on the bus", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it("is where it was put, and nothing is anywhere else", () => {
    expect(rig.config(0)).toBe(0x1044_1af4);
    expect(Number(rig.host.ecam.read(0, 4))).toBe(0x0008_1b36);
    expect(Number(rig.host.ecam.read(0x8000, 4))).toBe(0xffff_ffff);
    expect(Number(rig.host.ecam.read(SLOT * 0x8000 + 0x1000, 4))).toBe(0xffff_ffff);
    expect(Number(rig.host.ecam.read(0x10_0000, 2))).toBe(0xffff);
    expect(rig.config(0x100)).toBe(0);
  });

  it("says how large its BARs are, and is decoded where the guest puts them", () => {
    expect(rig.config(0x14, 4, 0xffff_ffff)).toBe(0xffff_f000);
    expect(rig.config(0x20, 4, 0xffff_ffff)).toBe(0xffff_c00c);
    expect(rig.config(0x24, 4, 0xffff_ffff)).toBe(0xffff_ffff);
    expect(rig.config(0x10, 4, 0xffff_ffff)).toBe(0);
    rig.assign();
    expect(rig.registers(0x12, 2)).toBe(1);
    rig.config(COMMAND, 2, 4);
    expect(rig.registers(0x12, 2)).toBe(0xffff);
    rig.config(COMMAND, 2, 6);
    rig.config(0x20, 4, 0x8000);
    expect(rig.registers(0x12, 2)).toBe(0xffff);
    expect(Number(rig.high.read(0x8012, 2))).toBe(1);
  });

  it("keeps what cannot be written", () => {
    for (const offset of [0x00, 0x08, 0x2c, 0x34]) {
      const before = rig.config(offset);
      expect(rig.config(offset, 4, ~before)).toBe(before);
    }
    expect(rig.config(0x3c, 4, 0xffff_ffff)).toBe(0x1ff);
  });

  it("interrupts by the pin that its slot rotates, until it is told not to", () => {
    rig.assign().startDriver();
    expect(rig.offerBuffer()).toBe(true);
    expect(rig.wires.map(({ level }) => level)).toEqual([false, false, true, false]);
    expect(rig.config(0x06, 2) & 8).toBe(8);
    rig.config(COMMAND, 2, MEMORY_AND_MASTER | INTERRUPT_DISABLE);
    expect(rig.wires[2]?.level).toBe(false);
    expect(rig.config(0x06, 2) & 8).toBe(8);
    rig.config(COMMAND, 2, MEMORY_AND_MASTER);
    expect(rig.wires[2]?.level).toBe(true);
    expect(Number(rig.high.peek(0x5000, 1))).toBe(1);
    expect(rig.wires[2]?.level).toBe(true);
    expect(rig.registers(0x1000, 1)).toBe(1);
    expect(rig.registers(0x1000, 1)).toBe(0);
    expect(rig.wires[2]?.level).toBe(false);
  });

  it("sends messages instead of that with MSI-X, and keeps those that are masked", () => {
    rig.assign();
    const msix = rig.capability(0x11);
    rig.msixEntry(0);
    rig.config(msix + 2, 2, 0x8000);
    rig.startDriver();
    rig.offerBuffer();
    const message = [SLOT * 8, 0x0809_0040n, 0x2a];
    expect(rig.messages).toEqual([message]);
    expect(rig.wires.some(({ level }) => level)).toBe(false);
    expect(rig.registers(0x1000, 1)).toBe(0);

    rig.msixEntry(1);
    rig.offerBuffer();
    rig.offerBuffer();
    expect(rig.messages).toHaveLength(1);
    expect(Number(rig.low.read(0x2800, 4))).toBe(1);
    rig.low.write(0x200c, 4, 0n);
    expect(rig.messages).toEqual([message, message]);
    expect(Number(rig.low.read(0x2800, 4))).toBe(0);

    rig.config(msix + 2, 2, 0xc000);
    rig.offerBuffer();
    expect(rig.messages).toHaveLength(2);
    rig.config(msix + 2, 2, 0x8000);
    expect(rig.messages).toHaveLength(3);
  });

  it("sends its one message with MSI, where the guest has told it to", () => {
    const plain = new PciFunction({
      ...{ name: "plain", vendor: 0x1b36, device: 5, revision: 0, classCode: 0xff_0000 },
      ...{ subsystemVendor: 0, subsystem: 0, interrupts: true, bars: [] },
    });
    const msi = new Msi(plain);
    rig.host.add(SLOT + 1, plain);
    const config = (offset: number, width: 1 | 2 | 4, value?: number): number =>
      rig.config(0x8000 + offset, width, value);
    let at = config(0x34, 1);
    while (config(at, 1) !== 5) at = config(at + 1, 1);
    expect(config(at + 2, 2), "one vector, 64-bit address, off").toBe(0x80);
    config(at + 4, 4, 0x0809_0043);
    config(at + 8, 4, 1);
    config(at + 12, 2, 0x2a);
    expect(config(at + 4, 4), "a word's address").toBe(0x0809_0040);

    config(COMMAND, 2, MEMORY_AND_MASTER);
    expect(msi.notify(), "off").toBe(false);
    plain.setInterrupt(true);
    expect(rig.wires.filter(({ level }) => level)).toHaveLength(1);
    config(at + 2, 2, 0xffff);
    expect(config(at + 2, 2), "enabled, still one vector").toBe(0x81);
    expect(
      rig.wires.every(({ level }) => !level),
      "no INTx with messages",
    ).toBe(true);
    expect(msi.notify()).toBe(true);
    expect(rig.messages).toEqual([[(SLOT + 1) << 3, 0x1_0809_0040n, 0x2a]]);
    config(COMMAND, 2, 2);
    msi.notify();
    expect(rig.messages, "no bus master").toHaveLength(1);
  });

  it("does nothing by itself while it may not be bus master", () => {
    rig.assign().startDriver();
    rig.config(COMMAND, 2, 2);
    expect(rig.offerBuffer()).toBe(false);
    expect(rig.registers(0x14, 1)).toBe(15);
    rig.config(COMMAND, 2, MEMORY_AND_MASTER);
    expect(rig.offerBuffer()).toBe(true);
  });

  it("is reached through configuration space too", () => {
    rig.assign();
    let at = rig.config(0x34, 1);
    while (rig.config(at, 1) !== 9 || rig.config(at + 3, 1) !== 5) at = rig.config(at + 1, 1);
    rig.config(at + 4, 1, 4);
    rig.config(at + 8, 4, 0x12);
    rig.config(at + 12, 4, 2);
    expect(rig.config(at + 16, 2)).toBe(1);
    rig.config(at + 8, 4, 0x14);
    rig.config(at + 12, 4, 1);
    rig.config(at + 16, 1, 3);
    expect(rig.registers(0x14, 1)).toBe(3);
  });
});

statefulSuite("virtio over PCIe", () => {
  const rig = new Rig();
  return {
    component: rig.device,
    disturb: () => {
      rig.assign();
      rig.msixEntry(1);
      rig.startDriver();
      rig.offerBuffer();
      rig.config(rig.capability(0x11) + 2, 2, 0x8000);
      rig.offerBuffer();
    },
    runOn: () => {
      rig.messages.length = 0;
      // Memory is no part of the device: as the driver has it, who goes on from where the device stands.
      const { nextAvailable = 0, nextUsed = 0 } = rig.device.device.queues[0]?.save() ?? {};
      rig.describeBuffer();
      rig.memory.set16(BASE + 0x1002, nextAvailable);
      rig.memory.set16(BASE + 0x2002, nextUsed);
      const seen = [rig.wires[2]?.level, rig.config(0x24), rig.offerBuffer()];
      const bytes = Buffer.from(rig.memory.read(BASE + 0x3000, 16) ?? []).toString("hex");
      rig.low.write(0x200c, 4, 0n);
      return [...seen, bytes, rig.messages.map(String), rig.registers(0x14, 1), rig.registers(0x1000, 1)];
    },
  };
});
