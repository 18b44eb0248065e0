import { describe, expect, it } from "vitest";
import { type AccessFault, AddressMapError, AddressSpace } from "../../src/bus/address-space.js";
import { BusFault, type MmioDevice, type Width } from "../../src/bus/contract.js";

/** Answers a read with its own number and the offset, and keeps the last write. */
class Recorder implements MmioDevice {
  lastReadSecure: boolean | undefined;
  written: [number, Width, bigint, boolean | undefined] | undefined;

  constructor(readonly number: bigint) {}

  read(offset: number, _width: Width, secure?: boolean): bigint {
    this.lastReadSecure = secure;
    if (offset === 0xf0) throw new BusFault("no register");
    if (offset === 0xf8) throw new TypeError("a bug");
    return (this.number << 32n) | BigInt(offset);
  }

  write(offset: number, width: Width, value: bigint, secure?: boolean): void {
    if (offset === 0xf0) throw new BusFault("no register");
    this.written = [offset, width, value, secure];
  }

  peek(offset: number): bigint {
    if (offset === 0xf0) throw new BusFault("no register");
    return 7n;
  }
}

function space() {
  const faults: AccessFault[] = [];
  const bus = new AddressSpace((fault) => faults.push(fault));
  const devices = [1n, 2n, 3n].map((number) => new Recorder(number));
  const [first, second, high] = devices as [Recorder, Recorder, Recorder];
  bus.map({ name: "second", base: 0x900_1000, size: 0x1000, device: second });
  bus.map({ name: "first", base: 0x900_0000, size: 0x100, device: first });
  bus.map({ name: "high", base: 2 ** 48 - 0x1000, size: 0x1000, device: high });
  return { bus, faults, first, second, high };
}

describe("AddressSpace", () => {
  it("hands an access to the window that holds it, with the offset in it", () => {
    const { bus, second } = space();
    expect(bus.read(0x900_0010, 4)).toBe((1n << 32n) | 0x10n);
    expect(bus.read(0x900_1ffc, 4)).toBe((2n << 32n) | 0xffcn);
    expect(bus.read(2 ** 48 - 8, 8)).toBe((3n << 32n) | 0xff8n);
    expect(bus.write(0x900_1008, 2, 5n, true)).toBeUndefined();
    expect(second.written).toEqual([8, 2, 5n, true]);
    bus.write(0x900_1008, 8, 6n);
    expect(second.written, "Non-secure unless it says otherwise").toEqual([8, 8, 6n, false]);
    expect(second.lastReadSecure).toBe(false);
    bus.read(0x900_1008, 4, true);
    expect(second.lastReadSecure).toBe(true);
    expect(bus.peek(0x900_0000, 1)).toBe(7n);
    expect(bus.windows.map((window) => window.name)).toEqual(["first", "second", "high"]);
  });

  it("keeps neighbours apart, whichever was accessed last", () => {
    const { bus, first } = space();
    bus.map({ name: "neighbour", base: 0x900_0100, size: 0x100, device: new Recorder(9n) });
    bus.map({ name: "before", base: 0x8ff_ff00, size: 0x100, device: first });
    const numbers = [0x900_00ec, 0x900_0100, 0x900_0000, 0x8ff_fffc, 0x900_0000, 0x900_01fc].map((address) => {
      const value = bus.read(address, 4);
      return typeof value === "bigint" ? Number(value >> 32n) : value.kind;
    });
    expect(numbers).toEqual([1, 9, 1, 1, 1, 9]);
    expect(bus.find(0x900_0100)?.name).toBe("neighbour");
    expect(bus.find(0x900_00ff)?.name).toBe("first");
    expect(bus.find(0x900_0200)).toBeUndefined();
  });

  it("answers an unmapped access with a fault that says what and where", () => {
    const { bus, faults } = space();
    const fault = { kind: "unmapped", address: 0x900_0100, width: 4 };
    expect(bus.read(0x900_0100, 4)).toMatchObject({
      ...fault,
      access: "read",
      reason: expect.stringContaining("0x9000100"),
    });
    expect(bus.write(0x900_0100, 4, 0n)).toMatchObject({ ...fault, access: "write" });
    expect(bus.read(0, 1)).toMatchObject({ kind: "unmapped", address: 0 });
    expect(bus.read(0x900_00fe, 4), "the end of the window lies within the access").toMatchObject({ kind: "unmapped" });
    expect(faults).toHaveLength(4);
    expect(bus.peek(0x900_0100, 4)).toMatchObject({ access: "peek" });
    expect(faults, "a debugger's look is not a guest's mistake").toHaveLength(4);
  });

  it("passes a device's refusal on, and nothing else", () => {
    const { bus, faults } = space();
    expect(bus.read(0x900_00f0, 4)).toMatchObject({ kind: "device", reason: expect.stringContaining("first") });
    expect(bus.write(0x900_00f0, 4, 1n)).toMatchObject({ kind: "device", access: "write" });
    expect(bus.peek(0x900_00f0, 4)).toMatchObject({ kind: "device" });
    expect(faults).toHaveLength(2);
    expect(() => bus.read(0x900_00f8, 8)).toThrow(TypeError);
  });

  it("refuses windows that overlap or leave the address space", () => {
    const { bus, first } = space();
    const map = (base: number, size: number) => () => bus.map({ name: "late", base, size, device: first });
    expect(map(0x900_00ff, 1)).toThrow(/late \(0x90000ff, 0x1 bytes\) overlaps first/);
    expect(map(0x8ff_ffff, 2)).toThrow(AddressMapError);
    expect(map(0x8ff_0000, 0x100_0000)).toThrow(AddressMapError);
    expect(map(2 ** 48, 0x1000)).toThrow(AddressMapError);
    expect(map(-1, 0x1000)).toThrow(AddressMapError);
    expect(map(0x1000, 0)).toThrow(AddressMapError);
    expect(map(0x900_0100, 0xf00)).not.toThrow();
  });
});
