import { describe, expect, it } from "vitest";
import { BusFault } from "../../src/bus/contract.js";
import { type Register, RegisterMap, type RegisterMapOptions } from "../../src/bus/register-map.js";

class Toy {
  control = 0x1122_3344;
  pending = 0;
  wide = 0x0123_4567_89ab_cdefn;
  bank = [1, 2, 3, 4];
  lanes = [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17];
  reads = 0;
}

const ROWS: readonly Register<Toy>[] = [
  {
    name: "CONTROL",
    offset: 0x00,
    width: 4,
    access: "RW",
    fields: { MODE: [31, 24], ENABLE: [2, 2] },
    read: (toy) => {
      toy.reads++;
      return toy.control;
    },
    peek: (toy) => toy.control,
    write: (toy, _, value) => {
      toy.control = value;
    },
  },
  {
    name: "CLEAR",
    offset: 0x04,
    width: 4,
    access: "WO",
    otherBytes: "zero",
    write: (toy, _, value) => {
      toy.pending = value;
    },
  },
  {
    name: "WIDE",
    offset: 0x08,
    width: 8,
    access: "RW",
    narrow: [4],
    read: (toy) => toy.wide,
    write: (toy, _, value) => {
      toy.wide = value;
    },
  },
  {
    name: "BANK<n>",
    offset: 0x20,
    width: 4,
    count: 4,
    stride: 8,
    access: "RW",
    read: (toy, index) => toy.bank[index] ?? 0,
    write: (toy, index, value) => {
      toy.bank[index] = value;
    },
  },
  { name: "HALF", offset: 0x40, width: 2, access: "RO", read: () => 0xbeef },
  {
    name: "LANE<n>",
    offset: 0x48,
    width: 1,
    count: 8,
    access: "RW",
    wide: [4],
    read: (toy, index) => toy.lanes[index] ?? 0,
    write: (toy, index, value) => {
      toy.lanes[index] = value;
    },
  },
];

const OPTIONS: RegisterMapOptions = {
  name: "toy",
  size: 0x100,
  unknown: "RAZ/WI",
  badWidth: "RAZ/WI",
  narrow: [1, 2],
  splitWide: true,
};

const map = new RegisterMap(OPTIONS, ROWS);

describe("RegisterMap", () => {
  it("gives a whole register to an access of its width", () => {
    const toy = new Toy();
    expect(map.read(toy, 0, 4)).toBe(0x1122_3344n);
    map.write(toy, 0, 4, 0xffff_ffff_8000_0000n);
    expect(toy.control, "a value is cut to the width, and unsigned").toBe(0x8000_0000);
    map.write(toy, 8, 8, -1n);
    expect(toy.wide).toBe(0xffff_ffff_ffff_ffffn);
  });

  it("turns narrow accesses into whole-register ones", () => {
    const toy = new Toy();
    expect(map.read(toy, 1, 1)).toBe(0x33n);
    expect(map.read(toy, 2, 2)).toBe(0x1122n);
    expect(map.read(toy, 12, 4)).toBe(0x0123_4567n);
    map.write(toy, 1, 1, 0xaan);
    expect(toy.control).toBe(0x1122_aa44);
    map.write(toy, 2, 2, 0x1_ffffn);
    expect(toy.control).toBe(0xffff_aa44);
    map.write(toy, 8, 4, 0xdead_beefn);
    expect(toy.wide).toBe(0x0123_4567_dead_beefn);
  });

  it("does not read the register for a narrow write", () => {
    const toy = new Toy();
    map.write(toy, 0, 1, 1n);
    expect(toy.reads).toBe(0);
  });

  it("writes zero beside a narrow write to a write-one register", () => {
    const toy = new Toy();
    map.write(toy, 5, 1, 0x80n);
    expect(toy.pending).toBe(0x8000);
  });

  it("splits a wide access over two registers, holes included", () => {
    const toy = new Toy();
    toy.control = 5;
    map.write(toy, 0, 8, 0x0000_0007_0000_0006n);
    expect([toy.control, toy.pending]).toEqual([6, 7]);
    expect(map.read(toy, 0, 8), "the write-only half reads as zero").toBe(6n);
    expect(map.read(toy, 0x20, 8)).toBe(1n);
    expect(map.read(toy, 0x40, 4)).toBe(0xbeefn);
    expect(map.read(toy, 0x42, 2), "beside a short register").toBe(0n);
  });

  it("reaches byte registers one by one, or several at a time where the row allows it", () => {
    const toy = new Toy();
    map.write(toy, 0x4a, 1, 0xffn);
    expect(map.read(toy, 0x48, 4)).toBe(0x13ff_1110n);
    map.write(toy, 0x4c, 4, 0x0403_0201n);
    expect(toy.lanes).toEqual([0x10, 0x11, 0xff, 0x13, 1, 2, 3, 4]);
    expect(map.read(toy, 0x48, 2), "a halfword is not allowed").toBe(0n);
    expect(map.read(toy, 0x48, 8), "nor a doubleword").toBe(0n);
    expect(map.locate(0x4d)?.name).toBe("LANE5");
  });

  it("finds the registers of a bank by stride", () => {
    const toy = new Toy();
    map.write(toy, 0x30, 4, 99n);
    expect(toy.bank).toEqual([1, 2, 99, 4]);
    expect(map.read(toy, 0x38, 4)).toBe(4n);
    expect(map.read(toy, 0x24, 4), "between two of them").toBe(0n);
    expect(map.locate(0x39)).toEqual({ name: "BANK3", offset: 0x38, width: 4, access: "RW" });
  });

  it("reads write-only and ignores writes to read-only registers", () => {
    const toy = new Toy();
    expect(map.read(toy, 4, 4)).toBe(0n);
    map.write(toy, 0x40, 2, 1n);
    expect(map.read(toy, 0x40, 2)).toBe(0xbeefn);
  });

  it("peeks without the side effect of a read", () => {
    const toy = new Toy();
    expect(map.peek(toy, 0, 4)).toBe(0x1122_3344n);
    expect(map.peek(toy, 0, 8)).toBe(0x1122_3344n);
    expect(map.peek(toy, 3, 1)).toBe(0x11n);
    expect(toy.reads).toBe(0);
    map.read(toy, 0, 4);
    expect(toy.reads).toBe(1);
  });

  it("answers unknown offsets and forbidden widths as the map says", () => {
    const toy = new Toy();
    const strict = new RegisterMap<Toy>(
      { ...OPTIONS, unknown: "fault", badWidth: "fault", narrow: [], splitWide: false },
      ROWS,
    );
    expect(map.read(toy, 0x80, 4)).toBe(0n);
    map.write(toy, 0x80, 8, 1n);
    expect(() => strict.read(toy, 0x80, 4)).toThrow(BusFault);
    expect(() => strict.write(toy, 0x80, 4, 1n)).toThrow(/toy: 4-byte write at offset 0x80 \(no register\)/);
    expect(() => strict.read(toy, 0, 1)).toThrow(/CONTROL/);
    expect(() => strict.write(toy, 0, 8, 1n)).toThrow(BusFault);
    const lenient = new RegisterMap<Toy>({ ...OPTIONS, narrow: [], splitWide: false }, ROWS);
    expect(lenient.read(toy, 0, 1)).toBe(0n);
    lenient.write(toy, 0, 8, 1n);
    expect(toy.control).toBe(0x1122_3344);
    expect(() => map.read(toy, 2, 4)).toThrow(/misaligned/);
    expect(() => map.read(toy, 0x100, 4)).toThrow(/outside the window/);
  });

  it("names the fields of a value", () => {
    expect(map.decode(0, 0x8100_0004n)).toEqual({ MODE: 0x81n, ENABLE: 1n });
    expect(map.decode(0x80, 1n)).toEqual({});
  });

  it("refuses broken tables at start-up", () => {
    const row = (offset: number, extra: object = {}): Register<Toy> =>
      ({ name: `R${offset}`, offset, width: 4, access: "RO", read: () => 0, ...extra }) as Register<Toy>;
    const build =
      (...rows: Register<Toy>[]) =>
      () =>
        new RegisterMap(OPTIONS, rows);
    expect(build(row(4), row(0))).toThrow(/order/);
    expect(build(row(0, { count: 2 }), row(4))).toThrow(/overlaps/);
    expect(build(row(2))).toThrow(/misaligned/);
    expect(build(row(0, { count: 2, stride: 6 }))).toThrow(/stride/);
    expect(build(row(0xfc, { count: 2 }))).toThrow(/outside/);
    expect(build(row(0, { access: "RW" }))).toThrow(/check its write/);
    expect(build(row(0, { access: "WO", write: () => {} }))).toThrow(/check its read/);
    expect(build(row(0), row(4))).not.toThrow();
  });
});
