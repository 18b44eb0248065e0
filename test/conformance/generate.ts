/**
 * Draws tests: an instance of a form of the table with random operands, and a state in which it can be observed. All
 * registers are random; a base register is set so that the address falls into the window (or, now and then, where it
 * faults).
 */
import { expand, type Form, type Row } from "../../src/isa/pattern.js";
import { TABLE } from "../../src/isa/table/index.js";
import { pointerAuthentication } from "../../src/isa/table/pointer-authentication.js";
import { system } from "../../src/isa/table/system.js";
import { CORRECTIONS } from "./compare.js";
import {
  armingLoad,
  branchOffset,
  isLiteral,
  isRegisterBranch,
  isStoreExclusive,
  memoryOperand,
  unpredictable,
} from "./encoding.js";
import type { Random } from "./random.js";
import {
  addressOf,
  DATA,
  DATA_END,
  DATA_TAIL,
  PAGE,
  READ_ONLY,
  STATE,
  type Test,
  WINDOW,
  WINDOW_SIZE,
} from "./state.js";

/** Accesses begin this far inside the window, which keeps the longest ones (64 bytes) in it. */
const MARGIN = 128;
/** A displacement this short would land on the test's own words. */
const SHORTEST_BRANCH = 16;

const EDGES = [
  0n,
  1n,
  2n,
  0x7fn,
  0x80n,
  0xffn,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

function general(r: Random): bigint {
  switch (r.below(6)) {
    case 0:
      return r.pick(EDGES);
    case 1:
      return BigInt(r.below(130)) - 65n;
    case 2:
      return BigInt.asIntN(64, r.bits64()) >> BigInt(r.below(64));
    default:
      return r.bits64();
  }
}

/** Interesting floating-point numbers by element size in bytes, as bits. */
const FLOATS: Readonly<Record<2 | 4 | 8, readonly bigint[]>> = {
  2: [0n, 0x3c00n, 0x4000n, 0x3800n, 0x7c00n, 0x7e00n, 0x7d01n, 0x0001n, 0x03ffn, 0x0400n, 0x7bffn, 0x3555n],
  4: [
    0n,
    0x3f80_0000n,
    0x4000_0000n,
    0x3f00_0000n,
    0x7f80_0000n,
    0x7fc0_0000n,
    0x7f80_0001n,
    1n,
    0x007f_ffffn,
    0x0080_0000n,
    0x7f7f_ffffn,
    0x4f00_0000n,
    0x5f00_0000n,
    0x3eaa_aaabn,
  ],
  8: [
    0n,
    0x3ff0_0000_0000_0000n,
    0x4000_0000_0000_0000n,
    0x3fe0_0000_0000_0000n,
    0x7ff0_0000_0000_0000n,
    0x7ff8_0000_0000_0000n,
    0x7ff0_0000_0000_0001n,
    1n,
    0x000f_ffff_ffff_ffffn,
    0x0010_0000_0000_0000n,
    0x7fef_ffff_ffff_ffffn,
    0x41e0_0000_0000_0000n,
    0x43e0_0000_0000_0000n,
    0x3fd5_5555_5555_5555n,
  ],
};

/** Fills 16 bytes: raw bits, small integers, or floating-point values of one element size. */
function vector(r: Random, view: DataView, at: number): void {
  const size = r.pick([2, 4, 8] as const);
  const kind = r.below(4);
  for (let i = 0; i < 16; i += 4) view.setUint32(at + i, kind === 3 && r.oneIn(2) ? 0 : r.next(), true);
  if (kind === 0 || kind === 3) return;
  for (let i = 0; i < 16; i += size) {
    const bits = kind === 1 ? special(r, size) : general(r);
    if (size === 2) view.setUint16(at + i, Number(bits & 0xffffn), true);
    else if (size === 4) view.setUint32(at + i, Number(bits & 0xffff_ffffn), true);
    else view.setBigUint64(at + i, BigInt.asUintN(64, bits), true);
  }
}

/** A special number, or a random one whose exponent is in the middle of the range, of either sign. */
function special(r: Random, size: 2 | 4 | 8): bigint {
  const sign = BigInt(r.below(2)) << BigInt(8 * size - 1);
  if (r.oneIn(2)) return r.pick(FLOATS[size]) | sign;
  const middle = FLOATS[size][1]!;
  const exponentLow = size === 2 ? 10n : size === 4 ? 23n : 52n;
  const exponent = BigInt(r.below(16)) - 8n;
  return (middle + (exponent << exponentLow)) | (r.bits64() & ((1n << exponentLow) - 1n)) | sign;
}

const FPCR_BITS = { FZ16: 1 << 19, RMode: 3 << 22, FZ: 1 << 24, DN: 1 << 25, AHP: 1 << 26 } as const;
const FPCR_MASK = Object.values(FPCR_BITS).reduce((a, b) => a | b);
const FPSR_MASK = 0x0800_009f;

/** X, V, flags, FPCR and FPSR and the window, all random. */
export function randomState(r: Random): Uint8Array {
  const state = new Uint8Array(STATE.size);
  const view = new DataView(state.buffer);
  for (let n = 0; n < 31; n++) view.setBigUint64(STATE.x + 8 * n, BigInt.asUintN(64, general(r)), true);
  view.setBigUint64(STATE.sp, BigInt(WINDOW + 256), true);
  view.setUint32(STATE.nzcv, r.below(16) << 28, true);
  view.setUint32(STATE.fpcr, r.oneIn(2) ? 0 : r.next() & FPCR_MASK, true);
  view.setUint32(STATE.fpsr, r.oneIn(3) ? 0 : r.oneIn(2) ? 0x10 : r.next() & FPSR_MASK, true);
  for (let n = 0; n < 32; n++) vector(r, view, STATE.v + 16 * n);
  for (let i = 0; i < WINDOW_SIZE; i += 4) view.setUint32(STATE.window + i, r.next(), true);
  return state;
}

/** The form's word with its open bits random; register fields prefer number 31 a little, immediates their ends. */
function randomWord(r: Random, form: Form): number {
  let word = (form.value | (r.next() & ~form.mask)) >>> 0;
  for (const f of form.row.fields) {
    if (f.variant || !r.oneIn(10)) continue;
    const ones = (2 ** f.width - 1) * 2 ** f.lo;
    word = (r.oneIn(2) && !/^R/.test(f.name) ? word & ~ones : word | ones) >>> 0;
  }
  return word;
}

/**
 * Rows whose accesses are drawn aligned, by reason. With FEAT_LSE2 alignment is only asked for within 16 bytes, without
 * it always; QEMU 7.2 has no LSE2 but does not ask LDAPR.
 */
const ALIGNED_ONLY = /^LDAPR$/;

/**
 * Where a base may point besides the window: nowhere, at what cannot be written, at a tagged address of the window, at
 * the end of memory, across the border of pages.
 */
function target(r: Random, row: Row): bigint {
  const unaligned = r.oneIn(3) && !ALIGNED_ONLY.test(row.name);
  const inWindow = BigInt(WINDOW + MARGIN + (unaligned ? r.below(256) : 16 * r.below(16)));
  const before = BigInt(unaligned ? 1 + r.below(DATA_TAIL) : 16 * (1 + r.below(DATA_TAIL / 16)));
  switch (r.below(40)) {
    case 0:
      return BigInt.asUintN(47, r.bits64()) & (unaligned ? -1n : -16n);
    case 1:
      return BigInt(READ_ONLY + 16 * r.below(64));
    case 2:
      return inWindow | (BigInt(r.below(256)) << 56n);
    case 3:
      return BigInt(DATA_END) - before;
    case 4:
    case 5:
      return BigInt(DATA + PAGE) - before;
    default:
      return inWindow;
  }
}

function registerOffset(value: bigint, option: number, shift: number): bigint {
  const wide = option === 2 ? value & 0xffff_ffffn : option === 6 ? BigInt.asIntN(32, value) : value;
  return wide << BigInt(shift);
}

/** Sets the base register so that the access goes to `target`. False where the word allows no such choice. */
function aim(r: Random, view: DataView, word: number, row: Row): boolean {
  const memory = memoryOperand(word);
  if (memory === undefined || memory.base === "pc") return true;
  let offset = BigInt(memory.offset);
  if (memory.index) {
    const { register, option, shift } = memory.index;
    if (register === memory.base) return false;
    const value = register === 31 ? 0n : view.getBigUint64(STATE.x + 8 * register, true);
    offset += registerOffset(value, option, shift);
  }
  const at = memory.base === 31 ? STATE.sp : STATE.x + 8 * memory.base;
  view.setBigUint64(at, BigInt.asUintN(64, target(r, row) - offset), true);
  return true;
}

/** The literal's offset replaced by one that leads from `pc` into the window. */
function aimLiteral(r: Random, word: number, pc: number): number {
  const words = (WINDOW + MARGIN + 4 * r.below(64) - pc) / 4;
  return ((word & ~0x00ff_ffe0) | ((words & 0x7ffff) << 5)) >>> 0;
}

/** Rows that win over a row where they overlap. */
const winners = new Map<string, Row[]>();
for (const row of TABLE)
  for (const name of row.options.over ?? []) winners.set(name, [...(winners.get(name) ?? []), row]);

const isOfAnotherRow = (row: Row, word: number): boolean =>
  winners.get(row.name)?.some((w) => (word & w.mask) >>> 0 === w.value) ?? false;

const isPlain = (word: number): boolean =>
  memoryOperand(word) === undefined && branchOffset(word) === undefined && !isRegisterBranch(word);

const plainForms: readonly Form[] = TABLE.filter(
  (row) =>
    !system.includes(row) &&
    !pointerAuthentication.includes(row) &&
    isPlain(row.value) &&
    !CORRECTIONS.some((c) => c.row.test(row.name)),
).flatMap(expand);

/**
 * The words to run: the one drawn; before a store-exclusive mostly a load that arms the monitor, before what neither
 * branches nor accesses memory sometimes another such instruction, whose flags and registers it may take.
 */
function sequence(r: Random, word: number): number[] {
  if (isPlain(word) && r.oneIn(4)) {
    const form = r.pick(plainForms);
    const first = randomWord(r, form);
    if (!isOfAnotherRow(form.row, first)) return [first, word];
  }
  if (!isStoreExclusive(word) || r.oneIn(4)) return [word];
  const others = [...Array(31).keys()].filter((n) => n !== ((word >>> 5) & 31));
  const rt = r.pick(others);
  const isPair = (word & 0x0020_0000) !== 0;
  return [armingLoad(word, rt, isPair ? r.pick(others.filter((n) => n !== rt)) : 31), word];
}

/** A test of one of a row's forms, as number `index` of its batch. */
export function drawTest(r: Random, forms: readonly Form[], index: number): Test {
  for (;;) {
    const form = r.pick(forms);
    let word = randomWord(r, form);
    if (unpredictable(word) !== undefined || isOfAnotherRow(form.row, word)) continue;
    const offset = branchOffset(word);
    if (offset !== undefined && Math.abs(offset) < SHORTEST_BRANCH) continue;
    const isolated = offset !== undefined || isRegisterBranch(word);
    const state = randomState(r);
    const view = new DataView(state.buffer);
    if (isLiteral(word)) word = aimLiteral(r, word, addressOf({ isolated } as Test, index));
    if (!aim(r, view, word, form.row)) continue;
    if (isRegisterBranch(word)) {
      const rn = (word >>> 5) & 31;
      if (rn !== 31)
        view.setBigUint64(STATE.x + 8 * rn, BigInt.asUintN(47, r.bits64()) & ~(r.oneIn(8) ? 0n : 3n), true);
    }
    return { row: form.row.name, words: sequence(r, word), isolated, state };
  }
}
