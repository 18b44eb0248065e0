/** Stage 2 tables, read back by a walker that follows DDI 0487 (D8.2, D8.3) and nothing of ours. */
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { type Stage2Attributes, Stage2Error, Stage2Tables, stage2Geometry } from "../../../src/hosted/el2/stage2.js";

const BASE = 0x1_2340_0000;
const RW: Stage2Attributes = { memory: "normal", read: true, write: true, execute: true };
const KB4 = 0x1000;
const MB2 = 0x20_0000;
const GB1 = 0x4000_0000;

interface Leaf {
  pa: bigint;
  level: number;
  bits: bigint;
}

/** AArch64.S2Walk for a 4 KiB granule, from VTCR_EL2 and VTTBR_EL2 as the hypervisor programs them. */
function walk(memory: Uint8Array, vtcr: bigint, vttbr: bigint, ipa: bigint): Leaf | undefined {
  const view = new DataView(memory.buffer);
  const ipaBits = 64n - (vtcr & 0x3fn);
  if (ipa >> ipaBits !== 0n) return undefined;
  let level = 2 - Number((vtcr >> 6n) & 3n);
  let table = vttbr & 0xffff_ffff_fffen;
  for (;;) {
    const shift = BigInt(39 - 9 * level);
    const descriptor = view.getBigUint64(Number(table - BigInt(BASE)) + 8 * Number((ipa >> shift) & 0x1ffn), true);
    if ((descriptor & 1n) === 0n) return undefined;
    const type = descriptor & 3n;
    if (level < 3 && type === 3n) {
      table = descriptor & 0xffff_ffff_f000n;
      level++;
      continue;
    }
    if (level === 0 || (level === 3 && type !== 3n)) throw new Error(`bad descriptor at level ${level}`);
    const offset = (1n << shift) - 1n;
    const address = descriptor & 0xffff_ffff_f000n;
    if ((address & offset) !== 0n) throw new Error("RES0 address bits of a block");
    return { pa: address | (ipa & offset), level, bits: descriptor & ~0xffff_ffff_f003n };
  }
}

describe.each([
  { paBits: 44, t0sz: 20n, sl0: 2n, ps: 4n },
  { paBits: 40, t0sz: 25n, sl0: 1n, ps: 2n },
])("stage 2 with $paBits physical address bits", ({ paBits, t0sz, sl0, ps }) => {
  let memory: Uint8Array;
  let tables: Stage2Tables;
  let invalidated: [number, number][];
  const at = (ipa: number): Leaf | undefined => walk(memory, tables.vtcr, tables.vttbr(0), BigInt(ipa));

  beforeEach(() => {
    memory = new Uint8Array(32 * KB4).fill(0xff);
    invalidated = [];
    const invalidate = (ipa: number, size: number): void => void invalidated.push([ipa, size]);
    tables = new Stage2Tables({ memory, base: BASE, paBits, invalidate });
  });

  it("VTCR_EL2: levels, physical size, inner shareable write-back walks, 4 KiB granule, RES1", () => {
    const { vtcr } = tables;
    expect(vtcr & 0x3fn).toBe(t0sz);
    expect((vtcr >> 6n) & 3n).toBe(sl0);
    expect((vtcr >> 8n) & 0xffn).toBe(0b00_11_01_01n);
    expect((vtcr >> 16n) & 7n).toBe(ps);
    expect((vtcr >> 31n) & 1n).toBe(1n);
    expect(vtcr >> 32n).toBe(0n);
    expect(tables.vttbr(5) >> 48n).toBe(5n);
  });

  it("maps RAM with the largest leaves that alignment allows, Normal write-back, accessed, inner shareable", () => {
    tables.map(GB1 - KB4, GB1 - KB4, KB4 + GB1 + MB2 + KB4);
    expect(at(GB1 - KB4)).toMatchObject({ level: 3 });
    expect(at(GB1 + 0x1234_5678)).toEqual({ pa: BigInt(GB1 + 0x1234_5678), level: 1, bits: 0x7fcn });
    expect(at(2 * GB1 + 5)).toMatchObject({ level: 2, pa: BigInt(2 * GB1 + 5) });
    expect(at(2 * GB1 + MB2)).toMatchObject({ level: 3 });
    expect(at(2 * GB1 + MB2 + KB4)).toBeUndefined();
    expect(at(GB1 - KB4 - 1)).toBeUndefined();
    expect(at(0x900_0000)).toBeUndefined();
  });

  it("uses no block where the physical address is not aligned like the IPA", () => {
    tables.map(GB1, GB1 + KB4, MB2);
    expect(at(GB1 + MB2 - 1)).toEqual({ pa: BigInt(GB1 + KB4 + MB2 - 1), level: 3, bits: 0x7fcn });
  });

  it.each([
    { what: "read-only", attributes: { ...RW, write: false }, bits: 0x77cn },
    { what: "never executed", attributes: { ...RW, execute: false }, bits: 0x7fcn | (1n << 54n) },
    { what: "Device-nGnRE", attributes: { ...RW, memory: "device" as const }, bits: 0x4c4n },
  ])("$what", ({ attributes, bits }) => {
    tables.map(0, 0, KB4, attributes);
    expect(at(0)?.bits).toBe(bits);
    expect(tables.query(0)).toMatchObject({ mapped: true, attributes });
  });

  it("agrees with the walker after any sequence of map and unmap, and gives every table back", () => {
    const step = fc.record({
      map: fc.boolean(),
      page: fc.integer({ min: 0, max: 3 * 512 + 7 }),
      pages: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(512, 1024, 513)),
      shift: fc.constantFrom(0, 0, 512, 1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const fresh = new Stage2Tables({ memory, base: BASE, paBits });
        tables = fresh;
        const model = new Map<number, number>();
        const start = GB1 / KB4;
        for (const { map, page, pages, shift } of steps) {
          const range = Array.from({ length: pages }, (_, n) => page + n);
          const free = range.every((n) => !model.has(n));
          if (map && free) {
            fresh.map((start + page) * KB4, (start + page + shift) * KB4, pages * KB4);
            for (const n of range) model.set(n, n + shift);
          } else if (map) {
            expect(() => fresh.map((start + page) * KB4, 0, pages * KB4)).toThrow(Stage2Error);
          } else {
            fresh.unmap((start + page) * KB4, pages * KB4);
            for (const n of range) model.delete(n);
          }
        }
        const wrong: string[] = [];
        for (let n = 0; n < 5 * 512; n++) {
          const ipa = (start + n) * KB4 + 0x123;
          const pa = model.get(n);
          const wanted = pa === undefined ? -1 : (start + pa) * KB4 + 0x123;
          const walked = at(ipa);
          const query = fresh.query(ipa);
          const same = query.mapped ? query.level === walked?.level && query.pa === wanted : wanted < 0;
          if (!same || Number(walked?.pa ?? -1n) !== wanted) wrong.push(ipa.toString(16));
        }
        expect(wrong).toEqual([]);
        fresh.unmap(0, 4 * GB1);
        expect(fresh.tablesInUse).toBe(1);
      }),
      { numRuns: 25 },
    );
  });

  it("splits a block when a part of it is unmapped, keeping attributes, and says what to invalidate", () => {
    tables.map(GB1, GB1, GB1, { ...RW, execute: false });
    tables.unmap(GB1 + MB2 + KB4, KB4);
    expect(at(GB1)).toMatchObject({ level: 2, bits: 0x7fcn | (1n << 54n) });
    expect(at(GB1 + MB2)).toMatchObject({ level: 3, bits: 0x7fcn | (1n << 54n) });
    expect(at(GB1 + MB2 + KB4)).toBeUndefined();
    expect(at(GB1 + MB2 + 2 * KB4)?.pa).toBe(BigInt(GB1 + MB2 + 2 * KB4));
    expect(invalidated).toEqual([[GB1 + MB2 + KB4, KB4]]);
  });

  it("refuses what is misaligned, too high, or mapped already", () => {
    const { ipaBits } = stage2Geometry(paBits);
    const code = (act: () => void): string => {
      try {
        act();
      } catch (error) {
        return (error as Stage2Error).code;
      }
      return "none";
    };
    expect(code(() => tables.map(1, 0, KB4))).toBe("RANGE");
    expect(code(() => tables.map(0, 0, 100))).toBe("RANGE");
    expect(code(() => tables.map(0, 8, KB4))).toBe("RANGE");
    expect(code(() => tables.map(2 ** ipaBits - KB4, 0, 2 * KB4))).toBe("RANGE");
    tables.map(MB2, 0, MB2);
    expect(code(() => tables.map(0, 0, MB2 + KB4))).toBe("MAPPED");
    expect(at(0), "nothing is mapped by a refused call").toBeUndefined();
  });

  it("stays within its memory, and says so when it is full", () => {
    const small = new Stage2Tables({ memory: new Uint8Array(3 * KB4), base: BASE, paBits });
    expect(() => {
      for (let n = 0; n < 8; n++) small.map(n * GB1, 0, KB4);
    }).toThrow(/all 3 pages/);
    expect(() => new Stage2Tables({ memory: new Uint8Array(100), base: BASE, paBits })).toThrow(Stage2Error);
  });
});
