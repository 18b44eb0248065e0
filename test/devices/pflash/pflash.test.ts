import { beforeEach, describe, expect, it } from "vitest";
import type { Width } from "../../../src/bus/contract.js";
import { Pflash } from "../../../src/devices/pflash/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";

const SECTOR = 0x1000;
const SIZE = 0x10_0000;
/** The driver writes a command to both chips at once. */
const both = (value: number): number => value * 0x1_0001;

class Rig {
  readonly bytes = new Uint8Array(SIZE).fill(0xff);
  readable = true;
  readonly changes: [number, number][] = [];
  readonly flash: Pflash;

  constructor(readOnly = false) {
    this.bytes.set([1, 2, 3, 4, 5, 6, 7, 8], 0x100);
    this.flash = new Pflash(
      {
        bytes: this.bytes,
        setReadable: (readable) => {
          this.readable = readable;
        },
        changed: (offset, size) => this.changes.push([offset, size]),
      },
      { sector: SECTOR, readOnly },
    );
  }

  read(offset: number, width: Width = 4): number {
    return Number(this.flash.read(offset, width));
  }

  write(offset: number, value: number, width: Width = 4): void {
    this.flash.write(offset, width, BigInt(value >>> 0));
  }

  command(value: number, offset = 0): void {
    this.write(offset, both(value));
  }

  array(): void {
    this.command(0xff);
  }
}

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});

describe("read modes", () => {
  it("array mode is memory, at any width", () => {
    expect(rig.read(0x100)).toBe(0x04030201);
    expect(rig.read(0x101, 1)).toBe(2);
    expect(rig.flash.read(0x101, 8)).toBe(0xff_08_07_06_05_04_03_02n);
    expect(rig.readable).toBe(true);
  });

  it("a command takes the bank out of memory, and 0xff or 0xf0 bring it back", () => {
    for (const back of [0xff, 0xf0]) {
      rig.command(0x70);
      expect([rig.readable, rig.read(0x100)]).toEqual([false, both(0x80)]);
      rig.command(back);
      expect([rig.readable, rig.read(0x100)]).toEqual([true, 0x04030201]);
    }
  });

  it("answers the CFI query on both chips: size, sectors, command set", () => {
    rig.command(0x98, 0x55 * 4);
    const query = (word: number) => {
      expect(rig.read(word * 4)).toBe(both(rig.read(word * 4, 1)));
      expect(rig.read(word * 4 + 2, 2)).toBe(rig.read(word * 4, 2));
      return rig.read(word * 4, 2);
    };
    expect([0x10, 0x11, 0x12].map(query)).toEqual([..."QRY"].map((letter) => letter.charCodeAt(0)));
    expect(query(0x13)).toBe(1);
    const primary = query(0x15);
    expect([0, 1, 2].map((n) => query(primary + n))).toEqual([..."PRI"].map((letter) => letter.charCodeAt(0)));
    expect(2 * 2 ** query(0x27)).toBe(SIZE);
    const blocks = query(0x2d) + 256 * query(0x2e) + 1;
    const blockSize = 256 * (query(0x2f) + 256 * query(0x30));
    expect([query(0x2c), 2 * blockSize, blocks]).toEqual([1, SECTOR, SIZE / SECTOR]);
  });

  it("identifies itself", () => {
    rig.command(0x90);
    expect([rig.read(0), rig.read(4)]).toEqual([both(0x89), both(0x18)]);
  });
});

describe("program and erase", () => {
  it.each([0x40, 0x10])("0x%s programs a word: ones become zeros, never the other way", (command) => {
    rig.command(command);
    rig.write(0x200, 0xf0f0_1234);
    expect(rig.read(0x200), "status until read array").toBe(both(0x80));
    rig.command(command);
    rig.write(0x200, 0xffff_ff0f);
    rig.array();
    expect(rig.read(0x200)).toBe(0xf0f0_1204);
    expect(rig.changes).toEqual([
      [0x200, 4],
      [0x200, 4],
    ]);
  });

  it("programs the bytes of a narrow write alone", () => {
    rig.write(0x202, 0x40, 2);
    rig.write(0x202, 0x1234, 2);
    rig.array();
    expect(rig.read(0x200)).toBe(0x1234_ffff);
  });

  it("erases one sector once it is confirmed", () => {
    rig.command(0x40);
    rig.write(SECTOR - 4, 0);
    rig.command(0x20, 0x300);
    expect(rig.bytes[0x100]).toBe(1);
    rig.command(0xd0, 0x300);
    expect(rig.read(0)).toBe(both(0x80));
    expect(rig.bytes.subarray(0, SECTOR).every((byte) => byte === 0xff)).toBe(true);
    expect(rig.changes.at(-1)).toEqual([0, SECTOR]);
  });

  it("reports an unconfirmed erase as a sequence error, until the status is cleared", () => {
    rig.command(0x20);
    rig.command(0xff);
    expect([rig.read(0), rig.bytes[0x100]]).toEqual([both(0xb0), 1]);
    rig.command(0x50);
    rig.command(0x70);
    expect(rig.read(0)).toBe(both(0x80));
  });

  it("writes a buffer when it is confirmed", () => {
    rig.command(0xe8, 0x400);
    expect(rig.read(0x400)).toBe(both(0x80));
    rig.command(2, 0x400);
    for (const [index, value] of [0x11, 0x22, 0x33].entries()) rig.write(0x400 + 4 * index, value);
    expect(rig.bytes[0x400]).toBe(0xff);
    rig.command(0xd0, 0x400);
    rig.array();
    expect([0x400, 0x404, 0x408, 0x40c].map((offset) => rig.read(offset))).toEqual([0x11, 0x22, 0x33, 0xffff_ffff]);
  });

  it("drops a buffer that is not confirmed or does not fit", () => {
    rig.command(0xe8);
    rig.command(0);
    rig.write(0x400, 0);
    rig.command(0xff);
    expect(rig.read(0)).toBe(both(0xb0));
    rig.command(0x50);
    rig.command(0xe8);
    rig.command(0x800);
    expect(rig.read(0)).toBe(both(0x90));
    expect(rig.changes).toEqual([]);
  });

  it("refuses both when it is read-only", () => {
    rig = new Rig(true);
    rig.command(0x40);
    rig.write(0x100, 0);
    expect(rig.read(0)).toBe(both(0x90));
    rig.command(0x50);
    rig.command(0x20);
    rig.command(0xd0);
    expect(rig.read(0)).toBe(both(0xa0));
    rig.array();
    expect(rig.read(0x100)).toBe(0x04030201);
    expect(rig.changes).toEqual([]);
  });

  it("lock commands are taken and change nothing", () => {
    rig.command(0x60);
    rig.command(0xd0);
    expect(rig.read(0)).toBe(both(0x80));
    rig.array();
    expect(rig.read(0x100)).toBe(0x04030201);
  });
});

statefulSuite("pflash", () => {
  const rig = new Rig();
  return {
    component: rig.flash,
    disturb: () => {
      rig.command(0x20);
      rig.command(0);
      rig.command(0xe8);
      rig.command(1);
      rig.write(0x500, 0x55);
    },
    runOn: () => {
      rig.bytes.fill(0xff, 0x500, 0x600);
      const seen = [rig.readable, rig.read(0)];
      rig.write(0x504, 0x66);
      rig.command(0xd0);
      return [...seen, rig.read(0), rig.bytes[0x500], rig.bytes[0x504]];
    },
  };
});
