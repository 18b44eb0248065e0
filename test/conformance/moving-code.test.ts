/**
 * Code that does not stay as and where it is: functions that call each other over pages, branch into each other's
 * middle and write each other's instructions, while their pages are mapped elsewhere, copied and written from outside.
 * Compiled in every way there is, the run must be the interpreter's.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  COUNTER,
  type Machine,
  machine,
  machineThatKeeps,
  RAM,
  Random,
  slice,
  start,
  state,
  TABLES,
} from "../engine/rig.js";

const POOL = RAM + 0x40_0000n;
const PHYSICAL_PAGES = 12;
/** Mapped from address 0 on; calls begin in the middle, and no depth of them comes to an end of it. */
const VIRTUAL_PAGES = 32;
const FIRST_CALLED = VIRTUAL_PAGES / 2;
/** The same follows once more for EL0 to read and write. */
const EL0_MAY = 1n << 6n;
const PAGE = 4096n;
const MAX_CALLS = 4;

/** Numbers of instructions at which all pages have the same. */
const AT = {
  loop: 17,
  write: 48,
  call: 60,
  join: 70,
  cells: 71,
  callAgain: 80,
  visitor: 128,
  out: 200,
  leaf: 212,
  nest: 224,
  veneer: 236,
  fast: 240,
  end: 300,
} as const;
const CELLS = 8;
const NOP = 0xd503201f;

/** What computes, and two that access memory: X0–X15, V0–V15, and what X21 points to. */
function operation(random: Random): number {
  const [d, n, m] = [random.below(16), random.below(16), random.below(16)];
  const registers = (m << 16) | (n << 5) | d;
  const forms = [
    0x91000000 | (random.below(4096) << 10) | (n << 5) | d, // add immediate
    0xca000000 | registers, // eor
    0xab000000 | registers, // adds
    0xeb000000 | registers, // subs
    0x9a800000 | (random.below(14) << 12) | registers, // csel
    0x9b000000 | (d << 10) | registers, // madd
    0x1e602800 | registers, // fadd
    0x4ea08400 | registers, // add of words
    0xf9000000 | (random.below(64) << 10) | (21 << 5) | d, // str
    0xf9400000 | (random.below(64) << 10) | (21 << 5) | d, // ldr
  ];
  return (forms[random.below(forms.length)] as number) >>> 0;
}

const branch = (opcode: number, from: number, to: number): number => (opcode | ((to - from) & 0x3ffffff)) >>> 0;
const branchIf = (opcode: number, from: number, to: number): number => (opcode | (((to - from) & 0x7ffff) << 5)) >>> 0;
const [B, BL, B_NE, CBZ_X26, CBNZ_X24, TBZ_X0] = [
  0x14000000, 0x94000000, 0x54000001, 0xb400001a, 0xb5000018, 0x36000000,
];
const neighbour = (random: Random): number => (random.below(2) * 2 - 1) * 1024;
const adr = (register: number, from: number, to: number): number =>
  (0x10000000 | register | (((to - from) & 0x7ffff) << 5)) >>> 0;
/** A small function of a page, or of one up to four before or behind it. */
const small = (random: Random): number =>
  ([AT.leaf, AT.nest, AT.veneer, AT.fast][random.below(4)] as number) + (random.below(9) - 4) * 1024;

/**
 * Small functions, which the compiler may put in the place of their calls: one that calls nothing, and may skip an
 * instruction behind the call; one that calls another; one that goes to another by X16; and one of which only what it
 * does most times is small: else it calls another, and returns or goes on to a third.
 */
function smallFunctions(random: Random): [number, number[]][] {
  const leafNearby = AT.leaf + (random.below(7) - 3) * 1024;
  const slow = AT.fast + 4;
  const skips = random.below(3) === 0 ? 0x910013de : NOP; // add x30, x30, #4
  return [
    [AT.leaf + 4, [TBZ_X0 | (random.below(32) << 19) | (2 << 5), skips, 0xd65f03c0]], // ret
    [AT.nest, [0xf81f0ffe, branch(BL, AT.nest + 1, leafNearby), operation(random), NOP, 0xf84107fe, 0xd65f03c0]],
    [AT.veneer, [adr(16, AT.veneer, leafNearby), 0xd61f0200]], // br x16
    [AT.fast, [0xf240179f, 0x54000000 | (3 << 5), operation(random), 0xd65f03c0]], // tst x28, #63; b.eq
    [slow, [0xf81f0ffe, branch(BL, slow + 1, leafNearby), ...Array.from({ length: 42 }, () => operation(random))]],
    [slow + 44, [0xf84107fe, random.below(2) ? 0xd65f03c0 : branch(B, slow + 45, leafNearby)]],
  ];
}

/** A page: a function at its beginning, in the middle of which other pages' functions come and go. */
function codePage(random: Random): number[] {
  const words = Array.from({ length: AT.end }, () => (random.below(3) > 0 ? operation(random) : NOP));
  const put = (at: number, ...code: number[]): void => {
    words.splice(at, code.length, ...code);
  };
  put(0, 0xf81f0ffe, 0xd100075a, branchIf(CBZ_X26, 2, AT.out)); // str x30, [sp, #-16]!; sub x26, x26, #1; cbz
  put(AT.loop - 1, 0xd2800018 | ((1 + random.below(6)) << 5)); // movz x24
  // adr x17; tbz x0, #bit; adr x17; blr x17; bl
  const { loop } = AT;
  put(loop, adr(17, loop, small(random)), TBZ_X0 | (random.below(32) << 19) | (2 << 5));
  put(loop + 2, adr(17, loop + 2, small(random)), 0xd63f0220, NOP);
  put(loop + 5, branch(BL, loop + 5, small(random)), NOP);
  put(loop + 8, 0xd1000718, branchIf(CBNZ_X24, loop + 9, loop)); // sub x24, x24, #1; cbnz
  for (const [at, code] of smallFunctions(random)) put(at, ...code);
  // tst x28, #mask; b.ne; adr x23, a cell; mov w22, add x<d>, x<n>, #0; bfi w22, w28, #10, #12
  const { write } = AT;
  const written = random.below(2) ? AT.cells + random.below(CELLS) : AT.leaf + random.below(4);
  const cell = (random.below(3) - 1) * 1024 + written - (write + 2);
  const word = (0x91000000 | (random.below(16) << 5) | random.below(16)) >>> 0;
  put(write, 0xf240039f | ((3 + random.below(5)) << 10), branchIf(B_NE, write + 1, write + 8));
  put(write + 2, (0x10000017 | ((cell & 0x7ffff) << 5)) >>> 0);
  put(write + 3, 0x52800016 | ((word & 0xffff) << 5), 0x72a00016 | ((word >>> 16) << 5), 0x33162f96);
  // str w22, [x23]; or, which the interpreter does in the middle of a region, sttr where EL0 may write
  if (random.below(2)) put(write + 6, NOP, 0xb90002f6);
  else put(write + 6, 0x91400000 | (VIRTUAL_PAGES << 10) | (23 << 5) | 23, 0xb8000af6);
  put(AT.call, branch(BL, AT.call, neighbour(random)));
  // tbz x0, #bit; b to where visitors come in
  const away = AT.join - 2;
  put(away, TBZ_X0 | (random.below(32) << 19) | (2 << 5), branch(B, away + 1, neighbour(random) + AT.visitor));
  if (random.below(2)) put(AT.callAgain, branch(BL, AT.callAgain, neighbour(random)));
  put(AT.callAgain + 1, branch(B, AT.callAgain + 1, AT.out));
  put(AT.visitor + 4, branch(B, AT.visitor + 4, neighbour(random) + AT.join));
  put(AT.out, 0x9100075a, 0xf84107fe, 0xd65f03c0); // add x26, x26, #1; ldr x30, [sp], #16; ret
  return words;
}

/** Calls the function of page FIRST_CALLED until X28 is 0. */
const caller = (calls: number): number[] => [
  0xd280001a | ((calls + 1) << 5), // movz x26
  0xd2a00013 | ((FIRST_CALLED >> 4) << 5), // movz x19, lsl #16
  0xd2a80415, // movz x21, #0x4020, lsl #16
  0xd63f0260, // blr x19
  0xd1000400 | (COUNTER << 5) | COUNTER,
  branchIf(0xb5000000 | COUNTER, 5, 0),
  B,
];

const bytesOf = (words: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const physical = (n: number): bigint => POOL + BigInt(n) * PAGE;

/** What happens to both machines alike. */
type Change = (m: Machine) => void;

function map(mapping: readonly number[]): Change {
  const table = BigUint64Array.from([
    ...mapping.map((n) => physical(n) | 0x703n),
    ...mapping.map((n) => physical(n) | 0x703n | EL0_MAY),
  ]);
  return ({ engine, vcpu }) => {
    engine.writePhysical(TABLES + 2n * PAGE, new Uint8Array(table.buffer));
    engine.exports.flushCpu(vcpu.base);
  };
}

const anyPage = (random: Random): number => random.below(PHYSICAL_PAGES);

function change(random: Random, mapping: number[]): Change {
  const kind = random.below(6);
  if (kind === 0) {
    for (let i = random.below(8); i >= 0; i--) mapping[random.below(VIRTUAL_PAGES)] = anyPage(random);
    return map([...mapping]);
  }
  if (kind === 1) {
    const at = physical(anyPage(random)) + BigInt(4 * (AT.cells + random.below(CELLS)));
    const word = bytesOf([operation(random)]);
    return ({ engine }) => engine.writePhysical(at, word);
  }
  if (kind === 2) {
    const [from, to] = [physical(anyPage(random)), physical(anyPage(random))];
    return ({ engine }) => {
      const host = engine.hostAddress(from) as number;
      engine.writePhysical(to, engine.bytes.slice(host, host + Number(PAGE)));
    };
  }
  if (kind === 3) {
    const [to, code] = [physical(anyPage(random)), bytesOf(codePage(random))];
    return ({ engine }) => engine.writePhysical(to, code);
  }
  return () => {};
}

function codeOf({ engine }: Machine): string {
  const host = engine.hostAddress(POOL) as number;
  return Buffer.from(engine.bytes.subarray(host, host + PHYSICAL_PAGES * Number(PAGE))).toString("base64");
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, milliseconds);
  });

interface Rig {
  readonly compiled: Machine;
  readonly plain: Machine;
  /** Milliseconds that the compiler gets at every turn. */
  readonly wait: number;
}

async function compare({ compiled, plain, wait }: Rig, seed: number, programs: number): Promise<void> {
  const random = new Random(seed);
  for (let i = 0; i < programs; i++) {
    const distinct = Array.from({ length: 1 + random.below(PHYSICAL_PAGES) }, () => bytesOf(codePage(random)));
    const pages = Array.from({ length: PHYSICAL_PAGES }, () => distinct[random.below(distinct.length)] as Uint8Array);
    const mapping = Array.from({ length: VIRTUAL_PAGES }, () => anyPage(random));
    const calls = 1 + random.below(MAX_CALLS);
    const data = random.next() | 1;
    for (const m of [compiled, plain]) {
      start(m, caller(calls), data);
      const tables = (...entries: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(entries).buffer);
      m.engine.writePhysical(TABLES, tables((TABLES + PAGE) | 3n));
      m.engine.writePhysical(TABLES + PAGE, tables((TABLES + 2n * PAGE) | 3n));
      pages.forEach((page, n) => {
        m.engine.writePhysical(physical(n), page);
      });
      map(mapping)(m);
      if (random.below(2)) m.engine.dropCode();
    }
    for (let turn = 0; turn < 12; turn++) {
      const budget = 1 + random.below(turn < 6 ? 60_000 : 4_000);
      expect(slice(compiled, budget)).toBe(slice(plain, budget));
      const where = `seed ${seed}, program ${i}, turn ${turn}`;
      expect(state(compiled), where).toBe(state(plain));
      expect(codeOf(compiled), where).toBe(codeOf(plain));
      compiled.engine.compileHot();
      await pause(wait);
      const happens = change(random, mapping);
      for (const m of [compiled, plain]) happens(m);
      if (random.below(20) === 0) compiled.engine.dropCode();
    }
    // It went where it was meant to, and nothing has faulted.
    expect(plain.vcpu.sysreg("ESR_EL1")).toBe(0n);
  }
}

describe("code that is written, copied and mapped elsewhere while it runs", () => {
  it("is compiled to the same run", async () => {
    const compiled = await machine(true);
    await compare({ compiled, plain: await machine(false), wait: 0 }, 0x5eed1, 60);
    expect(compiled.engine.compiled.regions).toBeGreaterThan(100);
  }, 120_000);

  it("is so with --engine compile-all", async () => {
    const compiled = await machine("all");
    await compare({ compiled, plain: await machine(false), wait: 0 }, 0x5eed2, 40);
    expect(compiled.engine.compiled.regions).toBeGreaterThan(100);
  }, 120_000);

  it("is so with code that an earlier run has kept", async () => {
    const keepCode = mkdtempSync(join(tmpdir(), "trapframe-moving-"));
    try {
      for (const run of [0, 1, 2]) {
        const compiled = await machineThatKeeps(keepCode);
        await compare({ compiled, plain: await machine(false), wait: 10 }, 0x5eed3, 20);
        const { regions, kept } = compiled.engine.compiled;
        expect(regions, `run ${run}`).toBeGreaterThan(50);
        if (run > 0) expect(kept, `run ${run}`).toBeGreaterThan(20);
        compiled.engine.saveCode();
      }
    } finally {
      rmSync(keepCode, { recursive: true });
    }
  }, 120_000);
});
