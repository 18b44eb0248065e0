/**
 * Pointer authentication as wasm functions (DDI 0487, D8.9 and J1.1: AddPAC, Auth, Strip, with FEAT_PACQARMA5 and none
 * of FEAT_EPAC, FEAT_PAuth2 and FEAT_FPAC: a pointer that fails gets an error code in its upper bits).
 */
import { CpuView } from "../engine/cpu-view.js";
import { qarma5 } from "../engine/crypto/qarma.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import { CPU, KEY_ENABLED, KEY_USE_TRAPPED } from "../engine/layout.js";
import { tagIgnored, translationControl } from "../mmu/walk.js";
import { EC, eretTo, raise, raiseUndefined } from "./exceptions.js";
import { HCR_EL2 as HCR } from "./sysreg/bits.js";

/** The keys by what CPU.pointerAuth enables them with; those for data know no TBID. */
export const KEY = {
  IA: { enabled: KEY_ENABLED.IA, data: false, error: 1, register: "APIAKey" },
  IB: { enabled: KEY_ENABLED.IB, data: false, error: 2, register: "APIBKey" },
  DA: { enabled: KEY_ENABLED.DA, data: true, error: 1, register: "APDAKey" },
  DB: { enabled: KEY_ENABLED.DB, data: true, error: 2, register: "APDBKey" },
} as const;
export type Key = (typeof KEY)[keyof typeof KEY];

const UPPER_HALF_BIT = 55;

/**
 * Where a pointer's code is: bits from `bottom` up to the top, bit 55 left out; the top byte only without a tag in it.
 */
interface Layout {
  readonly tagged: I32;
  /** The bits that are extension in a good pointer, bit 55 too. */
  readonly extension: I64;
}

/** `half` is the bit that chooses between TTBR0 and TTBR1 (CalculateBottomPACBit). */
function layout(fb: FunctionBuilder, cpu: I32, pointer: I64, half: I32, data: I32): Layout {
  const { tcr, twoRanges } = translationControl(new CpuView(fb, cpu));
  const tagged = tagIgnored(tcr, twoRanges, pointer, data.eqz());
  const size = twoRanges.and(half).select(tcr.bits(16, 6), tcr.bits(0, 6)).wrap();
  const atLeast16 = size.ltU(16).select(fb.i32(16), size);
  const used = atLeast16.gtU(48).select(fb.i32(48), atLeast16);
  const above = fb.i64(-1).shl(fb.i32(64).sub(used).toI64U());
  return { tagged, extension: tagged.select(above.and(0x00ff_ffff_ffff_ffffn), above) };
}

/** The pointer with its extension bits all as `half` is. */
const extended = (fb: FunctionBuilder, pointer: I64, { extension }: Layout, half: I32): I64 =>
  half.select(pointer.or(extension), pointer.and(extension.xor(fb.i64(-1))));

/** (cpu, pointer, modifier, key's upper and lower half, 1 for a data pointer) → the pointer with its code. */
export const addPac = defineFunction("addPac", "illlli", "l", (fb, cpu, pointer, modifier, high, low, data) => {
  const { tcr, twoRanges } = translationControl(new CpuView(fb, cpu));
  // With two ranges a tag in either half makes bit 55 the one that chooses.
  const either = (address: bigint): I32 => tagIgnored(tcr, twoRanges, fb.i64(address), data.eqz());
  const anyTag = twoRanges.select(either(0n).or(either(-1n)), either(0n));
  const half = anyTag.select(pointer.bit(UPPER_HALF_BIT), pointer.bit(63));
  const place = layout(fb, cpu, pointer, half, data);
  const { extension, tagged } = place;
  const code = fb.call(qarma5, extended(fb, pointer, place, half), modifier, high, low);
  // A pointer that was none gets a code that is wrong.
  const before = pointer.and(extension);
  const bad = before.ne(0).and(before.ne(extension));
  const spoiled = code.xor(bad.toI64U().shl(tagged.select(fb.i64(54), fb.i64(62))));
  const inserted = extension.and(~(1n << BigInt(UPPER_HALF_BIT)));
  const rest = pointer.and(extension.xor(fb.i64(-1)));
  fb.return(rest.or(spoiled.and(inserted)).or(half.toI64U().shl(UPPER_HALF_BIT)));
});

/**
 * (cpu, pointer, modifier, key's halves, data, error code) → the pointer without its code, or one that cannot be used.
 */
export const authenticate = defineFunction(
  "authenticate",
  "illllii",
  "l",
  (fb, cpu, pointer, modifier, high, low, data, error) => {
    const half = pointer.bit(UPPER_HALF_BIT);
    const place = layout(fb, cpu, pointer, half, data);
    const original = extended(fb, pointer, place, half);
    const code = fb.call(qarma5, original, modifier, high, low);
    const compared = place.extension.and(~(1n << BigInt(UPPER_HALF_BIT)));
    fb.if(code.xor(pointer).and(compared).eqz(), () => fb.return(original));
    const shift = place.tagged.select(fb.i64(53), fb.i64(61));
    const kept = original.and(fb.i64(3).shl(shift).xor(fb.i64(-1)));
    fb.return(kept.or(error.toI64U().shl(shift)));
  },
);

/** (cpu, pointer, data) → the pointer without its code, whatever that was. */
export const strip = defineFunction("strip", "ili", "l", (fb, cpu, pointer, data) => {
  const half = pointer.bit(UPPER_HALF_BIT);
  fb.return(extended(fb, pointer, layout(fb, cpu, pointer, half, data), half));
});

/** TrapPACUse: to EL2 by HCR_EL2.API where that governs, else to EL3 by SCR_EL3.API. */
export const trapPacUse = defineFunction("trapPacUse", "i", "", (fb, cpu) => {
  const c = new CpuView(fb, cpu);
  const hcr = c.sys("HCR_EL2");
  const host = hcr.bit(HCR.TGE).and(hcr.bit(HCR.E2H)).and(c.get32(CPU.el).eqz());
  const to2 = c.get32(CPU.el).leU(1).and(c.get32(CPU.el2Enabled)).and(hcr.bit(HCR.API).eqz()).and(host.eqz());
  fb.call(raise, cpu, to2.select(fb.i32(2), fb.i32(3)), fb.i32(EC.pacTrap), fb.i32(0), c.get64(CPU.pc));
  fb.return();
});

const ELR = ["ELR_EL1", "ELR_EL2", "ELR_EL3"] as const;

/** (cpu, whether the key is enabled, key's halves, error code): ERETAA, ERETAB, with SP as the modifier. */
export const eretAuthenticated = defineFunction(
  "eretAuthenticated",
  "iilli",
  "",
  (fb, cpu, enabled, high, low, error) => {
    const c = new CpuView(fb, cpu);
    fb.if(c.get32(CPU.el).eqz(), () => {
      fb.call(raiseUndefined, cpu);
      fb.return();
    });
    const address = c.sysByEl(ELR, c.get32(CPU.el));
    fb.if(enabled.eqz(), () => {
      fb.call(eretTo, cpu, address);
      fb.return();
    });
    fb.if(c.get32(CPU.pointerAuth).and(KEY_USE_TRAPPED), () => {
      fb.call(trapPacUse, cpu);
      fb.return();
    });
    fb.call(eretTo, cpu, fb.call(authenticate, cpu, address, c.get64(CPU.sp), high, low, fb.i32(0), error));
    fb.return();
  },
);
