/**
 * Random loops for compiled regions against the interpreter: run on both, in slices of odd lengths, they must leave the
 * same state at every slice's end (docs/engine.md, "Time": the run does not depend on which engine ran the code). Tests
 * have a fixed seed, scripts/fuzz-regions others.
 */
import { expand, type Form } from "../../src/isa/pattern.js";
import { branches } from "../../src/isa/table/branches.js";
import { TABLE } from "../../src/isa/table/index.js";
import { system } from "../../src/isa/table/system.js";
import { COUNTER, machine, model, Random, sliceAlike, start } from "./rig.js";

const BASE = 27;

const EXCLUDED = new Set([...system, ...branches].map((row) => row.name));
const MEMORY = /^(LD|ST|CAS|SWP|PRF)/;
/** BRAA, BLRAA and RETAA, to where nobody knows. */
const AUTHENTICATED_BRANCH = /^(BL?R|RET)A/;
const forms = TABLE.flatMap(expand).filter(
  (form) =>
    !EXCLUDED.has(form.row.name) &&
    !AUTHENTICATED_BRANCH.test(form.row.name) &&
    form.features.every((f) => model.features.has(f)),
);
const computing = forms.filter((form) => !MEMORY.test(form.row.name));
const accessing = forms.filter((form) =>
  /^(LDR|STR|LDP|STP|LD1|ST1|LDUR|STUR|LDADD|SWP|LDXR|STXR)/.test(form.row.name),
);

const field = (form: Form, name: string) => form.row.fields.find((f) => f.name === name);

/** A random word of a form that leaves the counter and the base register alone. */
function instance(form: Form, random: Random): number {
  for (;;) {
    let word = (random.next() & ~form.mask) | form.value;
    for (const name of ["Rd", "Rt", "Rt2", "Ra", "Rs"]) {
      const f = field(form, name);
      if (f) word = (word & ~(31 << f.lo)) | (random.below(27) << f.lo);
    }
    if (MEMORY.test(form.row.name)) {
      const n = field(form, "Rn");
      if (!n || field(form, "Rm")) return 0xd503201f;
      word = (word & ~(31 << n.lo)) | (BASE << n.lo);
    }
    return word >>> 0;
  }
}

/** Instructions that a program is made of: seven of ten compute, two access memory. */
interface Pools {
  readonly computing: readonly Form[];
  readonly accessing: readonly Form[];
  /** All go by the same four registers, but for addresses. */
  readonly few?: true;
  /** Registers and memory begin with numbers that are rare otherwise: infinities, NaN, denormals. */
  readonly rareNumbers?: true;
}

/** The same instruction of the first four registers. */
function byFewRegisters(form: Form, word: number): number {
  const names = ["Rd", "Rt", "Rt2", "Ra", "Rm", ...(MEMORY.test(form.row.name) ? [] : ["Rn"])];
  const upper = names.reduce((mask, name) => mask | (0b11100 << (field(form, name)?.lo ?? 32 - 5)), 0);
  return (word & ~(upper & 0x1fffff)) >>> 0;
}

/** FMOV of small numbers to the four registers, as singles, doubles or pairs: without them all becomes NaN soon. */
function ordinaryNumbers(random: Random): number[] {
  return [0, 1, 2, 3].map((n) => {
    const [kind, high, low] = [random.below(3), random.below(8), random.below(32)];
    const scalar = (high << 18) | (low << 13);
    return [0x1e201000 | scalar | n, 0x1e601000 | scalar | n, 0x6f00f400 | (high << 16) | (low << 5) | n][
      kind
    ] as number;
  });
}

function drawn(pool: readonly Form[], random: Random, { few }: Pools): number {
  const form = pool[random.below(pool.length)] as Form;
  const word = instance(form, random);
  return few && word !== 0xd503201f ? byFewRegisters(form, word) : word;
}
const everything: Pools = { computing, accessing };
const floats: Pools = {
  computing: computing.filter(({ row }) => row.options.fp && /^([SU]CVTF|F|MOVI|DUP|INS|ORR_vector)/.test(row.name)),
  accessing: accessing.filter(({ row }) => row.options.fp && /^(LD|ST)[UPR]/.test(row.name)),
  rareNumbers: true,
};
/** Scalars beside vectors of the same registers, of which some have nothing else in them. */
const scalars: Pools = {
  computing: [
    ...computing.filter(({ row }) => /^(F(ADD|SUB|MUL)_float|FN?M(ADD|SUB)|FMOV_float)$/.test(row.name)),
    ...computing.filter(({ row }) =>
      /^(F(DIV|SQRT|NEG|ABS|CVT|MAX)_float|FCSEL|FADD_vector|INS_general)$/.test(row.name),
    ),
  ],
  accessing: floats.accessing,
  few: true,
  rareNumbers: true,
};
/** What one instruction leaves in a register's upper half is what another one need not clear. */
const integers: Pools = {
  computing: computing.filter(
    ({ row }) =>
      /^(AND|BIC|OR|EO|ADD|SUB|[SU]BFM|EXTR|CSEL|MOV|MADD|REV|CL)/.test(row.name) &&
      !row.options.fp &&
      row.fields.some(({ name }) => name === "Rd"),
  ),
  accessing: accessing.filter(({ row }) => /^LDU?R/.test(row.name) && !row.options.fp),
};
const crypto: Pools = {
  computing: computing.filter(({ row }) => /^(AES|SHA|SM[34]|CRC|PMULL|EOR3|BCAX|RAX1|XAR)/.test(row.name)),
  accessing: floats.accessing,
};

function program(random: Random, pools: Pools): number[] {
  const length = 1 + random.below(24);
  const body = pools.few ? ordinaryNumbers(random) : [];
  for (let i = 0; i < length; i++) {
    const kind = random.below(10);
    const pool = kind < 7 ? pools.computing : pools.accessing;
    if (kind === 9) {
      // A forward branch over the next instruction or two.
      body.push((0x54000000 | ((1 + random.below(Math.min(3, length - i))) << 5) | random.below(15)) >>> 0);
    } else {
      body.push(drawn(pool, random, pools));
    }
  }
  // The interpreter ends each slice, and would leave nothing else of what the region had done in so few registers.
  if (pools.few) for (const n of [0, 1, 2, 3]) body.push(0x3d800000 | (n << 10) | (BASE << 5) | n); // str qn, [x27, #16n]
  // The base is set anew in every round, since write-back moves it: movz x27, #0x4020, lsl #16.
  const round = [0xd2a00000 | (0x4020 << 5) | BASE, 0x91400000 | (2 << 10) | (BASE << 5) | BASE, ...body];
  const back = -(round.length + 1);
  return [
    ...round,
    (0xd1000400 | (COUNTER << 5) | COUNTER) >>> 0,
    (0xb5000000 | ((back & 0x7ffff) << 5) | COUNTER) >>> 0,
    0x14000000,
  ];
}

const SETS_FLAGS = /^(ADDS|SUBS|ANDS|BICS|CCMP|CCMN|FCMP|FCCMP)/;
const comparing = computing.filter(({ row }) => SETS_FLAGS.test(row.name));

/**
 * A short loop within another one: flags come into it, and its accesses go over a page's end now and then, which is the
 * interpreter's work. What the loop had not stored by then must be there.
 */
function straddling(random: Random, pools: Pools): number[] {
  const [ROUNDS, ADDRESS] = [24, 25];
  const mine = (word: number, form: Form): boolean =>
    ["Rd", "Rt", "Rt2", "Ra", "Rs"].every((name) => {
      const f = field(form, name);
      return f === undefined || ((word >>> f.lo) & 31) < ROUNDS;
    });
  const pick = (pool: readonly Form[]): number => {
    for (;;) {
      const form = pool[random.below(pool.length)] as Form;
      const word = instance(form, random);
      if (!mine(word, form) || word === 0xd503201f) continue;
      if (!MEMORY.test(form.row.name)) return word;
      // At the address itself.
      const offset = form.row.fields.find(({ name }) => name.startsWith("imm"));
      const [n, bits] = [field(form, "Rn")?.lo ?? 0, offset ? ((1 << offset.width) - 1) << offset.lo : 0];
      return ((word & ~(31 << n) & ~bits) | (ADDRESS << n)) >>> 0;
    }
  };
  const back = (length: number): number => (-length & 0x7ffff) << 5;
  const again = (counter: number, length: number): number => (0xb5000000 | back(length) | counter) >>> 0; // cbnz
  // Of most, registers say what the flags come of that the next round finds.
  const endings = [
    [0xd1000718], // sub x24, x24, #1, and cbnz
    [0xf1000718, 0x54000001], // subs x24, x24, #1; b.ne
    [0x71000718, 0x54000001], // subs w24, w24, #1; b.ne
    [0xd1000718, 0xf1007f1f, 0x54000003, 0xd2800018], // sub x24, x24, #1; cmp x24, #31; b.lo, until it wraps; mov x24, #0
    [0xd1000718, 0x0b180306, 0x6b18001f, 0x54000001], // sub x24, x24, #1; add w6, w24, w24; cmp w0, w24; b.ne
    [0xb1000718, 0xd1000b18, 0xf240131f, 0x54000001], // adds x24, x24, #1; sub x24, x24, #2; tst x24, #0x1f; b.ne
    [0xd1000718, 0x12001305, 0x72000f18, 0x54000001], // sub x24, x24, #1; and w5, w24, #0x1f; ands w24, w24, #0xf; b.ne
    [0xab1802e7, 0xd1000718, 0xeb0602df, 0xeb180000, 0x54000001], // adds x7, x23, x24; sub x24, …; cmp x22, x6; subs x0, x0, x24; b.ne
  ];
  const selecting = computing.filter(({ row }) => row.name.startsWith("CS"));
  const round = [
    ...[0x9100175a, 0x92401759, 0x8b1b0339], // add x26, x26, #5; and x25, x26, #0x3f; add x25, x25, x27
    ...Array.from({ length: random.below(4) }, () => pick(random.below(2) === 0 ? pools.accessing : pools.computing)),
    // What comes between two comparisons, of one kind or of two, wants to know the first one's flags.
    ...[comparing, pools.accessing, selecting, comparing].map(pick),
  ];
  const ending = endings[random.below(endings.length)] as readonly number[];
  const at = ending.findIndex((word) => word >>> 24 === 0x54);
  const inner = [
    0xd2800198, // movz x24, #12
    ...round,
    ...ending.map((word, i) => (i === at ? (word | back(round.length + at)) >>> 0 : word)),
    ...(at < 0 ? [again(ROUNDS, round.length + ending.length)] : []),
  ];
  const outer = [pick(comparing), ...inner, 0xd100079c]; // sub x28, x28, #1
  // movz x27, #0x4020, lsl #16; add x27, x27, #2, lsl #12; add x27, x27, #0xfc0
  return [0xd2a8041b, 0x91400b7b, 0x913f037b, ...outer, again(COUNTER, outer.length), 0x14000000];
}

/**
 * Blocks that go on at random ones, both ways, by flags that other blocks may have set; many begin with such a branch.
 */
function tangle(random: Random): number[] {
  const count = 2 + random.below(9);
  // Of one form, so that what several blocks leave is alike.
  const compares = [comparing[random.below(comparing.length)] as Form];
  const pick = (pool: readonly Form[]): number => instance(pool[random.below(pool.length)] as Form, random);
  const BRANCH = -1;
  const blocks = Array.from({ length: count }, () => [
    ...(random.below(2) === 0 ? [BRANCH] : []),
    ...(random.below(2) === 0 ? [pick(compares)] : []),
    ...Array.from({ length: random.below(2) }, () => pick(computing)),
    ...[0xd100079c, 0xb400001c, BRANCH], // sub x28, x28, #1; cbz x28, the end
  ]);
  const starts = blocks.map((_, i) => blocks.slice(0, i).flat().length);
  const words = blocks.flat();
  const end = words.length + 1;
  words.forEach((word, at) => {
    const to = (starts[random.below(count)] as number) - at;
    if (word === BRANCH) words[at] = (0x54000000 | ((to & 0x7ffff) << 5) | random.below(15)) >>> 0;
    else if (word === 0xb400001c) words[at] = (word | ((end - at) << 5)) >>> 0;
  });
  return [...words, (0x14000000 | (-words.length & 0x3ffffff)) >>> 0, 0x14000000]; // b the first; b .
}

/** FPCR at its default twice, then other roundings, FZ, DN, FZ16, AHP, and some together. */
const MODES = [
  ...[0, 0, 1 << 22, 3 << 22, 1 << 24, 1 << 25, 1 << 19, (1 << 24) | (1 << 25), 1 << 26],
  ...[2 << 22, (1 << 24) | (2 << 22)],
];

/** Programs of a kind: what they are made of, how many a test runs, in which modes, and how they are written. */
interface Part {
  readonly pools: Pools;
  readonly programs: number;
  readonly modes?: readonly number[];
  readonly write?: (random: Random, pools: Pools) => number[];
}

/** By what they are. */
export const LOOPS: Readonly<Record<string, readonly Part[]>> = {
  "of all instructions": [{ pools: everything, programs: 150 }],
  "where flags come from one block or another": [{ pools: everything, programs: 200, write: tangle }],
  "of integers in registers of both widths": [{ pools: integers, programs: 150 }],
  "whose accesses go over a page's end now and then": [
    { pools: integers, programs: 200, write: straddling },
    { pools: floats, programs: 50, modes: MODES, write: straddling },
  ],
  "of cryptographic instructions": [{ pools: crypto, programs: 60 }],
  "of floating point in all modes, whatever the numbers are": [{ pools: floats, programs: 180, modes: MODES }],
  "of scalars and vectors in the same registers": [
    { pools: scalars, programs: 180, modes: MODES },
    { pools: scalars, programs: 50, write: straddling },
  ],
};

/** Runs the programs of a kind, drawn from a seed. Throws where compiled code leaves another state. */
export async function compareLoops(parts: readonly Part[], seed: number): Promise<void> {
  for (const part of parts) await comparePart(part, seed);
}

async function comparePart({ pools, programs, modes = [0], write = program }: Part, seed: number): Promise<void> {
  const leaving = await machine(true);
  // Regions know where the block of an only vCPU is; of several each says which it is.
  const touching = await machine(true, { touches: true, cpus: 2 });
  const plain = await machine(false);
  const random = new Random(seed);
  for (let i = 0; i < programs; i++) {
    const compiled = i % 2 === 0 ? leaving : touching;
    const words = write(random, pools);
    const registers = random.next() | 1;
    const fpcr = modes[i % modes.length] as number;
    for (const m of [compiled, plain]) {
      start(m, words, registers, { fpcr, special: pools.rareNumbers ?? false });
      m.engine.dropCode();
    }
    const listing = words.map((w) => w.toString(16).padStart(8, "0")).join(" ");
    for (let turn = 0; turn < 8; turn++) {
      const budget = 1 + random.below(turn < 3 ? 40_000 : 3_000);
      sliceAlike(compiled, plain, budget, `program ${i}, turn ${turn}: ${listing}`);
      compiled.engine.compileHot();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
  }
  for (const { engine } of [leaving, touching]) {
    if (engine.compiled.regions <= programs / 6) throw new Error(`${engine.compiled.regions} regions: too few`);
  }
}
