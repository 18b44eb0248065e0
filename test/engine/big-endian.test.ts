/**
 * Big-endian data at a page's end: what an access does is what the same access does in little-endian order where the
 * bytes of each element are the other way round (DDI 0487, B2.6.2 "Data endianness"). The two pages are nowhere near
 * each other.
 */
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import {
  CODE,
  DATA,
  type Machine,
  machine,
  mapByPages,
  pageEntry,
  Random,
  slice,
  start,
  state,
  TABLES,
  turnTables,
  untilCompiled,
  writeDoubleword,
} from "./rig.js";

const PAGE = 0x1000n;
const BORDER = DATA + 100n * PAGE;
/** Of the pages before and behind the border, from DATA on. */
const [BEFORE, BEHIND] = [5n, 2n];
/** Normal memory, EL0's as well. */
const NORMAL = 0x743n;

/** With X25 as their base: bytes, and bytes of each element. */
const ACCESSES: readonly (readonly [string, number, number, number])[] = [
  ["ldr x1", 0xf9400321, 8, 8],
  ["str x1", 0xf9000321, 8, 8],
  ["ldr w1", 0xb9400321, 4, 4],
  ["str w1", 0xb9000321, 4, 4],
  ["ldrsw x1", 0xb9800321, 4, 4],
  ["ldrh w1", 0x79400321, 2, 2],
  ["ldrsh x1", 0x79800321, 2, 2],
  ["strh w1", 0x79000321, 2, 2],
  ["ldp x1, x2", 0xa9400b21, 16, 8],
  ["stp x1, x2", 0xa9000b21, 16, 8],
  ["ldp w1, w2", 0x29400b21, 8, 4],
  ["stp w1, w2", 0x29000b21, 8, 4],
  ["ldpsw x1, x2", 0x69400b21, 8, 4],
  ["ldtr x1", 0xf8400b21, 8, 8],
  ["sttr w1", 0xb8000b21, 4, 4],
  ["ldr q1", 0x3dc00321, 16, 16],
  ["str q1", 0x3d800321, 16, 16],
  ["ldr d1", 0xfd400321, 8, 8],
  ["str s1", 0xbd000321, 4, 4],
  ["ldr h1", 0x7d400321, 2, 2],
  ["ldp q1, q2", 0xad400b21, 32, 16],
  ["stp q1, q2", 0xad000b21, 32, 16],
  ["ldp d1, d2", 0x6d400b21, 16, 8],
  ["stp s1, s2", 0x2d000b21, 8, 4],
  ["ld1 {v1.16b}", 0x4c407321, 16, 1],
  ["ld1 {v1.4s}", 0x4c407b21, 16, 4],
  ["st1 {v1.8h}", 0x4c007721, 16, 2],
  ["st1 {v1.2d, v2.2d}", 0x4c00af21, 32, 8],
  ["ld2 {v1.4s, v2.4s}", 0x4c408b21, 32, 4],
  ["st3 {v1.8h, v2.8h, v3.8h}", 0x4c004721, 48, 2],
  ["ld1 {v1.s}[2]", 0x4d408321, 4, 4],
  ["st1 {v1.d}[1]", 0x4d008721, 8, 8],
  ["ld1r {v1.4s}", 0x4d40cb21, 4, 4],
];
const AGAIN = 0x17ffffff; // b, to the access

/** Where a byte from the border on is in physical memory, or before it. */
const physical = (offset: number): bigint => DATA + (offset < 0 ? BEFORE + 1n : BEHIND) * PAGE + BigInt(offset);

/** Turns round the bytes of each element that an access at `offset` from the border has. */
function turnRound({ engine }: Machine, offset: number, size: number, element: number): void {
  const places = Array.from({ length: size }, (_, i) => engine.hostAddress(physical(offset + i)) as number);
  const bytes = places.map((at) => engine.bytes[at] as number);
  for (const [i, at] of places.entries()) engine.bytes[at] = bytes[i ^ (element - 1)] as number;
}

/** EL1 with SCTLR_EL1.EE, by which its tables are read as well, or EL0 with E0E. */
type Order = "little" | "big at EL1" | "big at EL0";

function begin(m: Machine, word: number, order: Order): void {
  const { engine, vcpu } = m;
  start(m, [word, AGAIN], 5);
  mapByPages(m);
  // What EL0 may write EL1 cannot execute.
  if (order === "big at EL0") writeDoubleword(m, TABLES + PAGE, CODE | 0x741n);
  for (const [i, page] of [BEFORE, BEHIND].entries()) {
    writeDoubleword(m, pageEntry(BORDER + BigInt(i - 1) * PAGE), (DATA + page * PAGE) | NORMAL);
  }
  if (order === "big at EL1") turnTables(m);
  const bit = { little: 0n, "big at EL1": 1n << 25n, "big at EL0": 1n << 24n }[order];
  vcpu.setSysreg("SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | bit);
  if (order === "big at EL0") vcpu.pstate = 0x3c0;
  vcpu.recomputeModes();
  engine.exports.flushCpu(vcpu.base);
}

/** Registers and memory are what they are before each access. */
function fill({ engine, vcpu }: Machine, offset: number): void {
  const random = new Random(77);
  engine.bytes.set(
    Uint8Array.from({ length: 8 * Number(PAGE) }, () => random.next()),
    engine.hostAddress(DATA),
  );
  for (let n = 0; n < 4; n++) {
    vcpu.setX(n, (BigInt(random.next()) << 32n) | BigInt(random.next()));
    for (let i = 0; i < 16; i++) vcpu.v(n)[i] = random.next();
  }
  vcpu.setX(25, BORDER + BigInt(offset));
}

/** What an access leaves: PC, syndrome, registers, vectors, memory. SP and PSTATE are each level's own. */
function left(m: Machine): unknown[] {
  const [pc, _sp, _pstate, ...rest] = JSON.parse(state(m)) as unknown[];
  const data = createHash("sha1").update(String(rest.pop())).digest("hex");
  return [pc, ...rest, data];
}

let plain: Machine;
let compiling: readonly (readonly [string, Machine])[];
beforeAll(async () => {
  plain = await machine(false);
  compiling = [
    ["compiled", await machine("all")],
    ["compiled to fill the TLB itself", await machine("all", { touches: true })],
  ];
});

describe.each(["big at EL1", "big at EL0"] as const)("%s", (order) => {
  it.each(ACCESSES)("%s", async (_, word, size, element) => {
    const offsets = Array.from({ length: size + 1 }, (_, i) => i - size);
    begin(plain, word, "little");
    const expected = offsets.map((offset) => {
      fill(plain, offset);
      turnRound(plain, offset, size, element);
      slice(plain, 2);
      turnRound(plain, offset, size, element);
      return left(plain);
    });
    const check = (m: Machine, how: string): void => {
      offsets.forEach((offset, i) => {
        fill(m, offset);
        slice(m, 2);
        expect(left(m), `${how}, ${offset} from the border`).toEqual(expected[i]);
      });
    };
    begin(plain, word, order);
    check(plain, "interpreted");
    for (const [how, m] of compiling) {
      begin(m, word, order);
      fill(m, -size);
      const { regions } = m.engine.compiled;
      slice(m, 20);
      await untilCompiled(m);
      expect(m.engine.compiled.regions).toBeGreaterThan(regions);
      check(m, how);
    }
  });
});
