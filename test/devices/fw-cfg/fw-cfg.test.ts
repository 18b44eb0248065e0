import { beforeEach, describe, expect, it } from "vitest";
import type { Width } from "../../../src/bus/contract.js";
import { FwCfg, fileFault, machineItems } from "../../../src/devices/fw-cfg/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";

const DATA = 0x00;
const SELECTOR = 0x08;
const DMA = 0x10;
const RAM = 0x4000_0000;
const KERNEL = Uint8Array.from({ length: 300 }, (_, n) => n & 0xff);

const FILES = [
  { name: "opt/second", bytes: new Uint8Array([1, 2, 3]) },
  { name: "etc/first", bytes: new Uint8Array(0x123456) },
];

class Rig {
  readonly ram = new Uint8Array(0x1000).fill(0xee);
  readonly device: FwCfg;

  constructor() {
    const items = machineItems({
      memory: 0x1_4000_0000,
      cpus: 3,
      kernel: KERNEL,
      initrd: new Uint8Array([7]),
      append: "quiet é",
      files: FILES,
    });
    const fits = (address: number, size: number) => address >= RAM && address + size <= RAM + this.ram.length;
    this.device = new FwCfg(items, {
      read: (address, size) => (fits(address, size) ? this.ram.slice(address - RAM, address - RAM + size) : undefined),
      write: (address, bytes, size) => {
        if (!fits(address, size)) return false;
        this.ram.set(bytes, address - RAM);
        this.ram.fill(0, address - RAM + bytes.length, address - RAM + size);
        return true;
      },
    });
  }

  /** The registers are big-endian: the guest swaps. */
  select(key: number): void {
    this.device.write(SELECTOR, 2, BigInt(((key & 0xff) << 8) | (key >>> 8)));
  }

  bytes(count: number): number[] {
    return Array.from({ length: count }, () => Number(this.device.read(DATA, 1)));
  }

  data(width: Width): bigint {
    return this.device.read(DATA, width);
  }

  /** Runs a descriptor at the start of RAM; its control word afterwards. */
  dma(control: number, length: number, target: number, how: "whole" | "halves" = "whole"): number {
    const view = new DataView(this.ram.buffer);
    view.setUint32(0, control);
    view.setUint32(4, length);
    view.setBigUint64(8, BigInt(target));
    const register = Buffer.alloc(8);
    register.writeBigUInt64BE(BigInt(RAM));
    if (how === "whole") {
      this.device.write(DMA, 8, register.readBigUInt64LE());
    } else {
      this.device.write(DMA, 4, BigInt(register.readUInt32LE(0)));
      this.device.write(DMA + 4, 4, BigInt(register.readUInt32LE(4)));
    }
    return view.getUint32(0);
  }
}

const text = (bytes: number[]): string => Buffer.from(bytes).toString("utf8");
let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe("the data register", () => {
  it("gives an item's bytes in order at any width, and zeros behind it", () => {
    expect(text(rig.bytes(4))).toBe("QEMU");
    rig.select(0x11);
    expect([rig.data(1), rig.data(2), rig.data(4), rig.data(8)]).toEqual([
      0n,
      0x0201n,
      0x0605_0403n,
      0x0e0d_0c0b_0a09_0807n,
    ]);
    rig.bytes(300 - 16);
    expect(rig.data(4)).toBe(BigInt(299 & 0xff));
    expect(rig.data(8)).toBe(0n);
    rig.select(0x11);
    expect(rig.data(2), "selecting starts over").toBe(0x0100n);
  });

  it("is not moved on by a debugger, and takes no writes", () => {
    expect(rig.device.peek(DATA, 4)).toBe(rig.device.peek(DATA, 4));
    rig.device.write(DATA, 1, 0xffn);
    expect(text(rig.bytes(4))).toBe("QEMU");
  });

  it.each([
    ["id: traditional and DMA", 0x01, [3, 0, 0, 0]],
    ["RAM size", 0x03, [0, 0, 0, 0x40, 1, 0, 0, 0]],
    ["CPUs", 0x05, [3, 0]],
    ["kernel size", 0x08, [0x2c, 1, 0, 0]],
    ["initrd size", 0x0b, [1, 0, 0, 0]],
    ["initrd", 0x12, [7]],
    ["command line size, with its NUL", 0x14, [9, 0, 0, 0]],
    ["command line", 0x15, [...Buffer.from("quiet é\0")]],
    ["the number of files", 0x19, [0, 0, 0, 2]],
    ["the second file", 0x21, [1, 2, 3, 0]],
    ["what is not there", 0x1234, [0, 0]],
  ])("%s", (_, key, bytes) => {
    rig.select(key);
    expect(rig.bytes(bytes.length)).toEqual(bytes);
  });
});

describe("files", () => {
  it("are in the directory by name, with size and key", () => {
    rig.select(0x19);
    const entry = (size: number[], key: number, name: string) => [
      ...[...size, 0, key, 0, 0],
      ...Buffer.from(name.padEnd(56, "\0")),
    ];
    expect(rig.bytes(4 + 128)).toEqual([
      ...[0, 0, 0, 2],
      ...entry([0, 0x12, 0x34, 0x56], 0x20, "etc/first"),
      ...entry([0, 0, 0, 3], 0x21, "opt/second"),
    ]);
  });

  it.each([
    [["a", "b"], undefined],
    [["x".repeat(55)], undefined],
    [["x".repeat(56)], `"${"x".repeat(56)}" is no name of a file: 1 to 55 letters, digits and signs, no spaces`],
    [[""], '"" is no name of a file'],
    [["a b"], '"a b" is no name of a file'],
    [["a", "b", "a"], 'two files are called "a"'],
    [Array.from({ length: 20_000 }, (_, n) => `f${n}`), "20000 files; there is room for 16352"],
  ])("have names that the directory can hold", (names, fault) => {
    const found = fileFault(names.map((name) => ({ name, bytes: new Uint8Array(0) })));
    if (fault === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(fault);
  });

  it("are not there where none were given", () => {
    expect(machineItems({ memory: 1, cpus: 1 }).get(0x19)).toEqual(new Uint8Array(4));
  });
});

describe("DMA", () => {
  it("says that it is there", () => {
    const signature = Buffer.alloc(8);
    signature.writeBigUInt64LE(rig.device.read(DMA, 8));
    expect(signature.toString("latin1")).toBe("QEMU CFG");
  });

  it.each(["whole", "halves"] as const)("selects and reads, the address written %s", (how) => {
    expect(rig.dma(0x0011_000a, 298, RAM + 0x100, how)).toBe(0);
    expect(rig.ram.slice(0x100, 0x100 + 298)).toEqual(KERNEL.slice(0, 298));
    expect(rig.dma(2, 4, RAM + 0x300)).toBe(0);
    expect([...rig.ram.slice(0x300, 0x305)], "goes on, then zeros").toEqual([298 & 0xff, 299 & 0xff, 0, 0, 0xee]);
  });

  it("skips", () => {
    expect(rig.dma(0x0011_000c, 5, 0)).toBe(0);
    expect(rig.data(2)).toBe(0x0605n);
  });

  it.each([
    ["a write", 0x0011_0018, RAM + 0x100],
    ["memory that is not there", 0x0011_000a, RAM + 0x1000],
    ["an address above all memory", 0x0011_000a, 2 ** 52],
  ])("reports %s as an error and moves nothing", (_, control, target) => {
    expect(rig.dma(control, 4, target)).toBe(1);
    expect(rig.data(1)).toBe(0n);
  });

  it("forgets a descriptor that is nowhere", () => {
    rig.device.write(DMA, 8, 0n);
    expect(rig.ram.every((byte) => byte === 0xee)).toBe(true);
  });
});

statefulSuite("fw_cfg", () => {
  const rig = new Rig();
  return {
    component: rig.device,
    disturb: () => {
      rig.select(0x11);
      rig.bytes(3);
      rig.device.write(DMA, 4, 0x1234n);
    },
    runOn: () => {
      const seen = rig.bytes(4);
      rig.device.write(DMA, 4, 0n);
      return seen;
    },
  };
});
