/**
 * QARMA5 (Avanzi, "The QARMA Block Cipher Family", ToSC 2017/1, with 64-bit blocks and σ2), as ComputePAC has it (DDI
 * 0487, J1.1.3). The sixteen cells of four bits are kept in the bytes of a vector, cell 0 being bits 3–0: four cells are
 * one row of the paper's matrix, and one 32-bit lane here.
 */
import type { FunctionBuilder } from "../ir/function.js";
import { defineFunction } from "../ir/module.js";
import type { I64, V128 } from "../ir/value.js";

/** Which cell goes to each place (PACCellShuffle), and the way back. */
const CELLS = [13, 6, 11, 0, 7, 12, 1, 10, 8, 3, 14, 5, 2, 9, 4, 15] as const;
const CELLS_BACK = inverse(CELLS);
/** The same for the tweak (TweakShuffle). */
const TWEAK = [4, 5, 6, 7, 11, 2, 3, 8, 12, 13, 14, 15, 0, 1, 10, 9] as const;
/** Cells of the shuffled tweak that go through the LFSR (TweakCellRot). */
const TWEAK_LFSR = [2, 4, 7, 11, 12, 14, 15] as const;

/** σ2, and what undoes it. */
const SUBSTITUTE = [11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10] as const;
const SUBSTITUTE_BACK = inverse(SUBSTITUTE);

const ROUND_CONSTANTS = [
  0n,
  0x1319_8a2e_0370_7344n,
  0xa409_3822_299f_31d0n,
  0x082e_fa98_ec4e_6c89n,
  0x4528_21e6_38d0_1377n,
] as const;
const ALPHA = 0xc0ac_29b7_c97c_50ddn;

const NIBBLES = Array.from({ length: 16 }, (_, value) => value);
const rotated = (by: number): number[] => NIBBLES.map((cell) => ((cell << by) | (cell >> (4 - by))) & 15);
const ROTATED_1 = rotated(1);
const ROTATED_2 = rotated(2);
/** One step of the LFSR: bit 0 XOR bit 1 comes in at the top. */
const LFSR = NIBBLES.map((cell) => (cell >> 1) | (((cell ^ (cell >> 1)) & 1) << 3));

function inverse(places: readonly number[]): number[] {
  return places.map((_, i) => places.indexOf(i));
}

const cellsOf = (value: bigint): number[] => NIBBLES.map((cell) => Number((value >> BigInt(4 * cell)) & 15n));

/** Each byte of `v`, 0 to 15, by the table. */
const lookUp = (fb: FunctionBuilder, table: readonly number[], v: V128): V128 => fb.v128(table).op("i8x16.swizzle", v);

const arranged = (v: V128, places: readonly number[]): V128 => v.shuffle(v, places);

/** The cells of a 64-bit value: even ones from the low halves of its bytes, odd ones from the high halves. */
function spread(fb: FunctionBuilder, value: I64): V128 {
  const mask = 0x0f0f_0f0f_0f0f_0f0fn;
  const halves = fb.v128Zero().withElement(64, 0, value.and(mask)).withElement(64, 1, value.shrU(4).and(mask));
  return arranged(
    halves,
    NIBBLES.map((cell) => (cell >> 1) + 8 * (cell & 1)),
  );
}

function gathered(v: V128): I64 {
  const halves = arranged(
    v,
    NIBBLES.map((place) => 2 * (place & 7) + (place >> 3)),
  );
  return halves.i64(0).or(halves.i64(1).shl(4));
}

/** PACMult after the cells were arranged by `before`: row r becomes ρ(r + 1) + ρ²(r + 2) + ρ(r + 3). */
function mixed(fb: FunctionBuilder, v: V128, before: readonly number[] = NIBBLES): V128 {
  const once = lookUp(fb, ROTATED_1, v);
  const twice = lookUp(fb, ROTATED_2, v);
  const rows = (by: number): number[] => NIBBLES.map((cell) => before[(cell + 4 * by) & 15] as number);
  return arranged(once, rows(1))
    .xor(arranged(once, rows(3)))
    .xor(arranged(twice, rows(2)));
}

function nextTweak(fb: FunctionBuilder, tweak: V128): V128 {
  const shuffled = arranged(tweak, TWEAK);
  const through = fb.v128(NIBBLES.map((cell) => ((TWEAK_LFSR as readonly number[]).includes(cell) ? 0xff : 0)));
  return through.bitselect(lookUp(fb, LFSR, shuffled), shuffled);
}

/** (data, modifier, bits 127–64 of the key, bits 63–0) → ComputePAC. */
export const qarma5 = defineFunction("qarma5", "llll", "l", (fb, data, modifier, whitening, core) => {
  const key0 = spread(fb, whitening);
  const key1 = spread(fb, core);
  const lastWhitening = spread(fb, whitening.rotr(1).xor(whitening.shrU(63)));
  const tweaks = [spread(fb, modifier)];
  for (const _ of ROUND_CONSTANTS) tweaks.push(nextTweak(fb, tweaks.at(-1) as V128));

  let state = spread(fb, data).xor(key0);
  ROUND_CONSTANTS.forEach((constant, i) => {
    const keyed = state
      .xor(key1)
      .xor(tweaks[i] as V128)
      .xor(fb.v128(cellsOf(constant)));
    state = lookUp(fb, SUBSTITUTE, i === 0 ? keyed : mixed(fb, keyed, CELLS));
  });
  const last = tweaks.at(-1) as V128;
  state = lookUp(fb, SUBSTITUTE, mixed(fb, state.xor(lastWhitening).xor(last), CELLS));
  // The reflector.
  state = mixed(fb, state, CELLS).xor(key1);
  state = lookUp(fb, SUBSTITUTE_BACK, arranged(state, CELLS_BACK));
  state = arranged(mixed(fb, state), CELLS_BACK).xor(key0).xor(last);

  for (let i = ROUND_CONSTANTS.length - 1; i >= 0; i--) {
    state = lookUp(fb, SUBSTITUTE_BACK, state);
    if (i > 0) state = arranged(mixed(fb, state), CELLS_BACK);
    const constant = (ROUND_CONSTANTS[i] as bigint) ^ ALPHA;
    state = state
      .xor(key1)
      .xor(tweaks[i] as V128)
      .xor(fb.v128(cellsOf(constant)));
  }
  fb.return(gathered(state.xor(lastWhitening)));
});
