/**
 * The translation table walk as wasm functions: stage 1 of every regime, stage 2, their faults, attributes and
 * permissions (DDI 0487, D8 "The AArch64 Virtual Memory System Architecture"; AArch64.S1Translate, S2Translate).
 */
import { HCR_EL2 as HCR } from "../cpu/sysreg/bits.js";
import { CpuView } from "../engine/cpu-view.js";
import { announceWrite } from "../engine/interpreter/code-pages.js";
import type { FunctionBuilder } from "../engine/ir/function.js";
import { defineFunction } from "../engine/ir/module.js";
import type { I32, I64 } from "../engine/ir/value.js";
import {
  CACHE_CONTEXT,
  CONTEXT,
  CPU,
  CPU_FEATURE,
  GLOBAL,
  PAGE_SIZE,
  REGION,
  REGION_READ_ONLY,
  REGION_SECURE,
  SECURE_ADDRESS,
  TLB_ENTRY,
} from "../engine/layout.js";
import { chooseBank, entryOf, entryToFill } from "./banks.js";
import { controlOf, registerOf } from "./regime.js";

/** Kinds of access. */
export const ACCESS = { read: 0, write: 1, execute: 2 } as const;

/** Fault status codes (ESR_ELx.ISS.DFSC/IFSC); the level is added to the first five. */
export const FSC = {
  addressSize: 0x00,
  translation: 0x04,
  accessFlag: 0x08,
  permission: 0x0c,
  externalOnWalk: 0x14,
  external: 0x10,
  alignment: 0x21,
  unsupportedAtomic: 0x35,
} as const;
/** Whether a fault status code is of an External abort, on a walk or not. */
export const isExternalAbort = (fault: I32): I32 => fault.and(0x38).eq(FSC.external);
/** Bits above the fault status code in a walk's fault word. No fault is 0: FSC 0 with `valid`. */
export const FAULT = { valid: 0x800, stage2: 0x100, onWalk: 0x200 } as const;

/** Bits of CPU.walkAttributes. */
export const ATTRIBUTE = { read: 1, write: 2, execute: 4, device: 8, notGlobal: 16, guarded: 64 } as const;

/** Where `walkStage2` gets that the access is as from EL0: the bit above the kind. */
const USER = 4;

/** In walkAttributes after stage 2: MemAttr[3:0] and SH[1:0] of its descriptor. */
const MEM_ATTR = 8;
const S2_SH = 12;
const SHAREABLE = { outer: 2, inner: 3 } as const;
/** MAIR byte of Normal memory, Inner and Outer Non-cacheable. */
const NON_CACHEABLE = 0x44;
/** The same as MemAttr of stage 2. */
const MEM_ATTR_NON_CACHEABLE = 5;

const ADDRESS_MASK = (1n << 48n) - 1n;
/** ID_AA64MMFR0_EL1.PARange of every CPU model. */
export const PHYSICAL_BITS = 44;

/**
 * Host address of a guest physical address in RAM or ROM, or 0. Bit 0 of the result: read-only. What is not Secure
 * alone is at the same address in both address spaces.
 */
export const physicalToHost = defineFunction("physicalToHost", "l", "i", (fb, address) => {
  const pa = address.and(SECURE_ADDRESS - 1n);
  const secure = address.and(SECURE_ADDRESS).ne(0);
  const count = fb.load("i32.load", fb.i32(0), GLOBAL.regionCount) as I32;
  const row = fb.variable(fb.i32(GLOBAL.regions));
  const end = count.mul(REGION.rowSize).add(GLOBAL.regions);
  fb.loop((again) => {
    const r = row.get();
    const offset = pa.sub(fb.load("i64.load", r, REGION.base) as I64);
    const flags = fb.load("i32.load", r, REGION.flags) as I32;
    const allowed = secure.or(flags.and(REGION_SECURE).eqz());
    fb.if(offset.ltU(fb.load("i64.load", r, REGION.size) as I64).and(allowed), () => {
      const host = (fb.load("i32.load", r, REGION.host) as I32).add(offset.wrap());
      const readOnly = flags.and(REGION_READ_ONLY);
      // Regions are page-aligned, and callers pass page addresses or use the low bits only for 8-byte descriptors.
      fb.return(host.or(readOnly));
    });
    row.set(r.add(REGION.rowSize));
    fb.brIf(again, row.get().ltU(end));
  });
  fb.return(fb.i32(0));
});

export const swapBytes = defineFunction("swapBytes", "l", "l", (fb, value) => {
  const swap = (v: I64, mask: bigint, by: number): I64 => v.shrU(by).and(mask).or(v.and(mask).shl(by));
  const bytes = swap(value, 0x00ff00ff00ff00ffn, 8);
  fb.return(swap(bytes, 0x0000ffff0000ffffn, 16).rotl(32));
});

/** A descriptor at a physical address, or −1n … with 0 returned in `ok` scratch: −2 stands for "no memory there". */
const NO_DESCRIPTOR = -2n;
const readDescriptor = defineFunction("readDescriptor", "li", "l", (fb, pa, bigEndian) => {
  const host = fb.call(physicalToHost, pa);
  fb.if(host.eqz(), () => fb.return(fb.i64(NO_DESCRIPTOR)));
  const raw = fb.load("i64.load", host.and(-8)) as I64;
  fb.if(bigEndian, () => fb.return(fb.call(swapBytes, raw)));
  fb.return(raw);
});

/** Writes a descriptor back with its flags updated (FEAT_HAFDBS). It was read there just now. */
const updateDescriptor = defineFunction("updateDescriptor", "lli", "", (fb, pa, value, bigEndian) => {
  const host = fb.call(physicalToHost, pa).and(-8);
  const swapped = fb.call(swapBytes, value);
  announceWrite(fb, host, fb.i32(8));
  fb.store("i64.store", host, bigEndian.select(swapped, value));
  fb.return();
});

/** log2 of the granule from TG0 or TG1. */
function granuleBits(fb: FunctionBuilder, tg: I32, isTg1: I32): I32 {
  const tg0 = tg.eq(1).select(fb.i32(16), tg.eq(2).select(fb.i32(14), fb.i32(12)));
  const tg1 = tg.eq(1).select(fb.i32(14), tg.eq(3).select(fb.i32(16), fb.i32(12)));
  return isTg1.select(tg1, tg0);
}

/** Physical address bits from IPS/PS, cut to those the CPU has. */
function outputBits(fb: FunctionBuilder, ips: I32): I32 {
  const bits = ips
    .eqz()
    .select(
      fb.i32(32),
      ips.eq(1).select(fb.i32(36), ips.eq(2).select(fb.i32(40), ips.eq(3).select(fb.i32(42), fb.i32(PHYSICAL_BITS)))),
    );
  return bits;
}

/**
 * Whether TnSZ is out of bounds: below 16, or above 39, which FEAT_TTST makes 48, 47 with the granule of 64K. Of what
 * is allowed then, ours is a Translation fault of level 0 (DDI 0487, AArch64.S1TxSZFaults, S2TxSZFaults).
 */
function sizeOutOfBounds(c: CpuView, tsz: I32, granule: I32): I32 {
  const { fb } = c;
  const small = c.get32(CPU.features).and(CPU_FEATURE.TTST).ne(0);
  const most = small.select(fb.i32(48).sub(granule.eq(16)), fb.i32(39));
  return tsz.ltU(16).or(tsz.gtU(most));
}

type Fault = (code: I32) => void;

/**
 * Stage 2: (cpu, IPA, access, and bit 4 of that as from EL0) → fault word or 0; writes walkPa, walkAttributes
 * (R/W/X/device). S1PTW and the address for HPFAR are the caller's.
 */
export const walkStage2 = defineFunction("walkStage2", "ili", "i", (fb, cpu, ipa, packed) => {
  const c = new CpuView(fb, cpu);
  const access = packed.and(15);
  const user = packed.shrU(USER);
  const vtcr = c.sys("VTCR_EL2");
  const vttbr = c.sys("VTTBR_EL2");
  const granule = granuleBits(fb, vtcr.bits(14, 2).wrap(), fb.i32(0));
  const stride = granule.sub(3);
  const tsz = vtcr.wrap().and(63);
  const inputSize = fb.i32(64).sub(tsz);
  const sl0 = vtcr.bits(6, 2).wrap();
  const startLevel = granule.eq(12).select(sl0.eq(3).select(fb.i32(3), fb.i32(2).sub(sl0)), fb.i32(3).sub(sl0));
  const outBits = outputBits(fb, vtcr.bits(16, 3).wrap());
  const level = fb.variable(startLevel);
  const fault: Fault = (code) => {
    c.set64(CPU.walkIpa, ipa);
    fb.return(code.add(level.get()).or(FAULT.valid | FAULT.stage2));
  };
  // Too large an IPA; or VTCR_EL2 whose SL0 does not exist or does not go with T0SZ (S2InvalidSL, S2InconsistentSL), or
  // whose IPAs have more bits than PS has, which may fault.
  const few = fb.i32(3).sub(startLevel).mul(stride).add(granule).add(1);
  const fits = inputSize
    .geU(few)
    .and(inputSize.leU(few.add(stride).add(3)))
    .and(inputSize.leU(outBits));
  const small = c.get32(CPU.features).and(CPU_FEATURE.TTST).ne(0);
  const invalid = sl0
    .eq(3)
    .and(granule.ne(12).or(small.eqz()))
    .or(sizeOutOfBounds(c, tsz, granule));
  fb.if(ipa.shrU(inputSize.toI64U()).ne(0).or(fits.eqz()).or(invalid), () => {
    level.set(fb.i32(0));
    fault(fb.i32(FSC.translation));
  });
  const bigEndian = c.sys("SCTLR_EL2").bit(25);
  const shift = fb.variable(granule.add(fb.i32(3).sub(startLevel).mul(stride)));
  const firstBits = inputSize.sub(shift.get());
  const base = fb.variable(vttbr.and(ADDRESS_MASK).shrU(firstBits.add(3).toI64U()).shl(firstBits.add(3).toI64U()));
  const indexBits = fb.variable(firstBits);
  const descriptor = fb.variable(fb.i64(0));
  const place = fb.variable(fb.i64(0));
  fb.block((leaf) => {
    fb.loop((next) => {
      const index = ipa.shrU(shift.get().toI64U()).and(fb.i64(1).shl(indexBits.get().toI64U()).sub(1));
      place.set(base.get().add(index.shl(3)));
      descriptor.set(fb.call(readDescriptor, place.get(), bigEndian));
      const d = descriptor.get();
      fb.if(d.eq(NO_DESCRIPTOR), () => fault(fb.i32(FSC.externalOnWalk)));
      const type = d.wrap().and(3);
      const last = level.get().eq(3);
      fb.if(isInvalid(d, type, last), () => fault(fb.i32(FSC.translation)));
      fb.brIf(leaf, last.or(type.eq(1)));
      base.set(d.and(ADDRESS_MASK).shrU(granule.toI64U()).shl(granule.toI64U()));
      level.set(level.get().add(1));
      shift.set(shift.get().sub(stride));
      indexBits.set(stride);
      fb.br(next);
    });
  });
  const d = descriptor.get();
  fb.if(allowsBlock(fb, level.get(), granule).eqz(), () => fault(fb.i32(FSC.translation)));
  const pa = outputOf(fb, d, shift.get(), ipa);
  fb.if(pa.shrU(outBits.toI64U()).ne(0), () => fault(fb.i32(FSC.addressSize)));
  const noAccessFlag = d.bit(10).eqz();
  fb.if(noAccessFlag.and(vtcr.bit(21).eqz()), () => fault(fb.i32(FSC.accessFlag)));
  // HD is of effect with HA alone.
  const hardwareDirty = vtcr.bit(21).and(vtcr.bit(22));
  const becomesDirty = access.eq(ACCESS.write).and(d.bit(7).eqz()).and(hardwareDirty).and(d.bit(51));
  const canRead = d.bit(6);
  const canWrite = d.bit(7).or(becomesDirty);
  // XN[1:0]: neither, not EL1, not both, not EL0 (FEAT_XNX); bit 1 alone before it.
  const hasXnx = c.get32(CPU.features).and(CPU_FEATURE.XNX).ne(0);
  const canExecute = d
    .bit(54)
    .xor(1)
    .xor(hasXnx.and(d.bit(53)).and(user.xor(1)));
  const device = d.bits(4, 2).eqz();
  const attributes = canRead.or(canWrite.shl(1)).or(canExecute.shl(2)).or(device.shl(3));
  const wanted = fb.i32(1).shl(access);
  fb.if(attributes.and(wanted).eqz(), () => fault(fb.i32(FSC.permission)));
  fb.if(noAccessFlag.or(becomesDirty).and(c.get32(CPU.walkQuiet).eqz()), () => {
    const dirty = becomesDirty.toI64U().shl(7);
    fb.call(updateDescriptor, place.get(), d.or(1n << 10n).or(dirty), bigEndian);
  });
  c.set64(CPU.walkPa, pa);
  c.set32(CPU.walkAttributes, attributes.or(d.bits(2, 4).wrap().shl(MEM_ATTR)).or(d.bits(8, 2).wrap().shl(S2_SH)));
  fb.return(fb.i32(0));
});

/** Inner or Outer Cacheability of both stages: a MAIR nibble and two bits of MemAttr (S2CombineS1AttrHints). */
function combineCacheability(fb: FunctionBuilder, first: I32, second: I32): I32 {
  const nonCacheable = first.eq(4).or(second.eq(1));
  const firstWriteThrough = first.and(4).eqz();
  const writeThrough = firstWriteThrough.select(first, second.eq(2).select(first.and(3).or(8), first));
  return nonCacheable.select(fb.i32(4), writeThrough);
}

/** (MAIR byte and SH of stage 1, attributes word of stage 2) → the same of both stages together (D8.5.5). */
const combineMemory = defineFunction("combineMemory", "iii", "i", (fb, cpu, first, stage2) => {
  const byte = first.and(0xff);
  const written = stage2.shrU(MEM_ATTR).and(15);
  const firstDevice = byte.and(0xf0).eqz();
  const secondDevice = written.and(12).eqz();
  // HCR_EL2.CD: stage 2 makes Normal memory Non-cacheable for data, which all is that asks for attributes.
  const disabled = new CpuView(fb, cpu).sys("HCR_EL2").bit(HCR.CD).and(secondDevice.eqz());
  const second = disabled.select(fb.i32(MEM_ATTR_NON_CACHEABLE), written);
  fb.if(firstDevice.or(secondDevice), () => {
    // The type with less freedom: Normal counts as more than any.
    const a = firstDevice.select(byte.and(12), fb.i32(16));
    const b = secondDevice.select(second.and(3).shl(2), fb.i32(16));
    fb.return(
      a
        .ltU(b)
        .select(a, b)
        .or(SHAREABLE.outer << 8),
    );
  });
  const outer = combineCacheability(fb, byte.shrU(4), second.shrU(2));
  const inner = combineCacheability(fb, byte.and(15), second.and(3));
  const result = outer.shl(4).or(inner);
  const sh1 = first.shrU(8);
  const sh2 = stage2.shrU(S2_SH).and(3);
  const anyOuter = result.eq(NON_CACHEABLE).or(sh1.eq(SHAREABLE.outer)).or(sh2.eq(SHAREABLE.outer));
  const anyInner = sh1.eq(SHAREABLE.inner).or(sh2.eq(SHAREABLE.inner));
  const shareability = anyOuter.select(fb.i32(SHAREABLE.outer), anyInner.select(fb.i32(SHAREABLE.inner), fb.i32(0)));
  fb.return(result.or(shareability.shl(8)));
});

/** MemAttr[2:0] with HCR_EL2.FWB; below them the Device types. */
const FWB = { nonCacheable: 5, writeBack: 6 } as const;

/** As `combineMemory` with HCR_EL2.FWB (D8.5.6): stage 2 forces the type, or takes that of stage 1. */
const forceMemory = defineFunction("forceMemory", "ii", "i", (fb, first, stage2) => {
  const byte = first.and(0xff);
  const attr = stage2.shrU(MEM_ATTR).and(7);
  const shareability = stage2.shrU(S2_SH).and(3);
  const firstDevice = byte.and(0xf0).eqz();
  const normal = (type: I32): I32 => {
    const outer = type.eq(NON_CACHEABLE);
    return type.or(outer.select(fb.i32(SHAREABLE.outer), shareability).shl(8));
  };
  fb.if(attr.ltU(4), () => fb.return(attr.shl(2).or(SHAREABLE.outer << 8)));
  fb.if(attr.eq(FWB.writeBack), () => {
    // Stage 1's allocation hints are kept where it is cacheable.
    const cacheable = firstDevice.eqz().and(byte.ne(NON_CACHEABLE));
    fb.return(normal(cacheable.select(byte.or(0xcc), fb.i32(0xff))));
  });
  fb.if(firstDevice, () => fb.return(byte.and(12).or(SHAREABLE.outer << 8)));
  fb.return(normal(attr.eq(FWB.nonCacheable).select(fb.i32(NON_CACHEABLE), byte)));
});

/** A descriptor by its bits 1 and 0, at level 3 or before it: bit 0 clear, or a block at level 3. */
const isInvalid = (d: I64, type: I32, last: I32): I32 =>
  d
    .bit(0)
    .eqz()
    .or(last.and(type.eq(1)));

/** Whether a block, or a page, may be at a level: none is at level 0, and of 16K and 64K granules none at level 1. */
const allowsBlock = (fb: FunctionBuilder, level: I32, granule: I32): I32 =>
  level.geU(granule.eq(12).select(fb.i32(1), fb.i32(2)));

/** The address that a descriptor of a page or block of 1 << shift bytes gives for `input`. */
function outputOf(fb: FunctionBuilder, d: I64, shift: I32, input: I64): I64 {
  const wide = shift.toI64U();
  return d
    .and(ADDRESS_MASK)
    .shrU(wide)
    .shl(wide)
    .or(input.and(fb.i64(1).shl(wide).sub(1)));
}

/**
 * The physical address of something at an IPA of stage 1 (a descriptor or the output), through stage 2 where it is on.
 * Returns a fault word; writes walkPa and, when stage 2 is on, its attributes.
 */
const throughStage2 = defineFunction("throughStage2", "ilii", "i", (fb, cpu, ipa, access, on) => {
  const c = new CpuView(fb, cpu);
  fb.if(on.eqz(), () => {
    c.set64(CPU.walkPa, ipa);
    c.set32(CPU.walkAttributes, ATTRIBUTE.read | ATTRIBUTE.write | ATTRIBUTE.execute);
    fb.return(fb.i32(0));
  });
  // Whether it may be executed depends on the level that asks (FEAT_XNX), which the bank does not know.
  fb.if(access.eq(ACCESS.execute), () => fb.return(fb.call(walkStage2, cpu, ipa, access)));
  const bank = fb.call(chooseBank, cpu, fb.i32(CACHE_CONTEXT.stage2));
  const entry = entryOf(bank, ipa);
  const page = ipa.and(-BigInt(PAGE_SIZE));
  const known = (fb.load("i64.load", entry, TLB_ENTRY.page) as I64).eq(page);
  const attributes = fb.load("i32.load", entry, TLB_ENTRY.flags) as I32;
  fb.if(known.and(attributes.shrU(access).and(1)), () => {
    const base = fb.load("i64.load", entry, STAGE2_ENTRY.pa) as I64;
    c.set64(CPU.walkPa, base.or(ipa.and(PAGE_SIZE - 1)));
    c.set32(CPU.walkAttributes, attributes);
    fb.return(fb.i32(0));
  });
  const fault = fb.call(walkStage2, cpu, ipa, access);
  fb.if(fault, () => fb.return(fault));
  const filled = entryToFill(fb, bank, ipa);
  fb.store("i64.store", filled, c.get64(CPU.walkPa).and(-BigInt(PAGE_SIZE)), STAGE2_ENTRY.pa);
  fb.store("i32.store", filled, c.get32(CPU.walkAttributes), TLB_ENTRY.flags);
  fb.store("i64.store", filled, page, TLB_ENTRY.page);
  fb.return(fb.i32(0));
});

/** What an entry of the stage-2 bank has in place of a tag. */
const STAGE2_ENTRY = { pa: TLB_ENTRY.read } as const;

/** Whether a context's regime is Secure: EL3's, and EL1&0 while SCR_EL3.NS is 0. There is no Secure EL2. */
export function secureRegime(c: CpuView, context: I32): I32 {
  const secureState = c.get32(CPU.hasEl3).and(c.sys("SCR_EL3").bit(0).eqz());
  return context.eq(CONTEXT.el3).or(context.leU(CONTEXT.el10Pan).and(secureState));
}

/** (cpu, context) → `secureRegime`. */
export const inSecureRegime = defineFunction("inSecureRegime", "ii", "i", (fb, cpu, context) => {
  fb.return(secureRegime(new CpuView(fb, cpu), context));
});

const TOP_BYTE_MASK = (1n << 56n) - 1n;

/** TCR_ELx of a regime, and whether that has two ranges of addresses, chosen by bit 55. */
interface TranslationControl {
  readonly tcr: I64;
  readonly twoRanges: I32;
}

/** That of the regime that translates for a context; by default the one in use. */
export function translationControl(c: CpuView, context = c.get32(CPU.context)): TranslationControl {
  const el10 = context.leU(CONTEXT.el10Pan);
  const el20 = context.geU(CONTEXT.el20User).and(context.leU(CONTEXT.el20Pan));
  return { tcr: registerOf(c, context, ["TCR_EL1", "TCR_EL2", "TCR_EL3"]), twoRanges: el10.or(el20) };
}

/**
 * EffectiveTBI: TCR_ELx.TBI of the range that holds `va`; not for instructions' addresses where TCR_ELx.TBID says so
 * (FEAT_PAuth; the bits are 0 without it).
 */
export function tagIgnored(tcr: I64, twoRanges: I32, va: I64, isInstruction: I32): I32 {
  const upper = va.bit(55);
  const tbi = twoRanges.select(upper.select(tcr.bit(38), tcr.bit(37)), tcr.bit(20));
  const tbid = twoRanges.select(upper.select(tcr.bit(52), tcr.bit(51)), tcr.bit(29));
  return tbi.and(tbid.and(isInstruction).xor(1));
}

/**
 * (cpu, context, address) → where a branch to the address leads: the tag goes where it is ignored (AArch64.BranchAddr).
 */
export const branchAddress = defineFunction("branchAddress", "iil", "l", (fb, cpu, context, va) => {
  const { tcr, twoRanges } = translationControl(new CpuView(fb, cpu), context);
  fb.if(tagIgnored(tcr, twoRanges, va, fb.i32(1)).eqz(), () => fb.return(va));
  fb.return(twoRanges.select(va.shl(8).shrS(8), va.and(TOP_BYTE_MASK)));
});

/** Whether stage 2 applies to a context now (HCR_EL2.VM or DC, EL2 enabled, not a host's). */
function stage2On(c: CpuView, el10: I32): I32 {
  const hcr = c.sys("HCR_EL2");
  return el10
    .and(c.get32(CPU.el2Enabled))
    .and(hcr.bit(HCR.VM).or(hcr.bit(HCR.DC)))
    .and(hcr.bit(HCR.TGE).eqz());
}

/**
 * The whole walk: (cpu, context, VA, access) → fault word or 0. On success walkPa is the physical address, with
 * SECURE_ADDRESS set in the Secure address space, walkAttributes the combined permissions of the context and the memory
 * type, walkLevelSize log2 of what the leaf of stage 1 covers (0 where that is off), walkIpa the intermediate address.
 * With walkStage1Only walkPa is what stage 1 makes of it.
 */
export const walk = defineFunction("walk", "iili", "i", (fb, cpu, context, rawVa, access) => {
  const c = new CpuView(fb, cpu);
  c.count(CPU.statTlbMiss);
  const el10 = context.leU(CONTEXT.el10Pan);
  const el20 = context.geU(CONTEXT.el20User).and(context.leU(CONTEXT.el20Pan));
  const twoRanges = el10.or(el20);
  const el2 = context.eq(CONTEXT.el2).or(el20);
  const sctlr = controlOf(c, context);
  const hcr = c.sys("HCR_EL2");
  const el2Enabled = c.get32(CPU.el2Enabled);
  const dc = el10.and(el2Enabled).and(hcr.bit(HCR.DC));
  const s2 = stage2On(c, el10);
  const user = context.eq(CONTEXT.el10User).or(context.eq(CONTEXT.el20User));
  const isExecute = access.eq(ACCESS.execute);

  const level = fb.variable(fb.i32(0));
  const fault: Fault = (code) => fb.return(code.add(level.get()).or(FAULT.valid));
  // Physical address space of what comes next: descriptors' NSTable and NS leave the Secure one for good (D8.4.3).
  const secure = fb.variable(fb.call(inSecureRegime, cpu, context));
  const space = (): I64 => secure.get().select(fb.i64(SECURE_ADDRESS), fb.i64(0));
  const endOfStage1 = (output: I64): void => {
    fb.if(c.get32(CPU.walkStage1Only), () => {
      c.set64(CPU.walkPa, output.or(space()));
      fb.return(fb.i32(0));
    });
  };

  const forced = hcr.bit(HCR.FWB);
  const ofBothStages = (first: I32, second: I32): I32 =>
    forced.select(fb.call(forceMemory, first, second), fb.call(combineMemory, cpu, first, second));
  // With FWB stage 2 may make Normal memory of what stage 1 calls Device.
  const staysDevice = (device: I32, second: I32): I32 =>
    device.and(s2.and(forced).and(second.shrU(MEM_ATTR).and(7).eq(FWB.writeBack)).eqz());

  // Stage 1 off: flat, Device for data unless HCR_EL2.DC (D8.2.10).
  const tcr = registerOf(c, context, ["TCR_EL1", "TCR_EL2", "TCR_EL3"]);
  const tbi = tagIgnored(tcr, twoRanges, rawVa, isExecute);
  const off = sctlr
    .bit(0)
    .eqz()
    .or(dc)
    .or(el10.and(el2Enabled).and(hcr.bit(HCR.TGE)).and(hcr.bit(HCR.E2H).eqz()));
  fb.if(off, () => {
    const flat = tbi.select(rawVa.and(TOP_BYTE_MASK), rawVa);
    fb.if(flat.shrU(PHYSICAL_BITS).ne(0), () => fault(fb.i32(FSC.addressSize)));
    c.set64(CPU.walkIpa, flat);
    // HCR_EL2.DC: Normal, write-back, Non-shareable.
    const memory = dc.select(fb.i32(0xff), fb.i32(SHAREABLE.outer << 8));
    c.set32(CPU.walkMemory, memory);
    c.set32(CPU.walkLevelSize, 0);
    endOfStage1(flat);
    const f = fb.call(throughStage2, cpu, flat.or(space()), access.or(user.shl(USER)), s2);
    fb.if(f, () => fb.return(f));
    const attributes = c.get32(CPU.walkAttributes);
    fb.if(s2, () => c.set32(CPU.walkMemory, ofBothStages(memory, attributes)));
    c.set32(CPU.walkAttributes, attributes.and(15).or(staysDevice(dc.or(isExecute).eqz(), attributes).shl(3)));
    fb.return(fb.i32(0));
  });

  const high = twoRanges.and(rawVa.bit(55));
  const signed = rawVa.shl(8).shrS(8);
  const unsigned = rawVa.and(TOP_BYTE_MASK);
  const va = tbi.select(twoRanges.select(signed, unsigned), rawVa);
  const tsz = high.select(tcr.bits(16, 6), tcr.bits(0, 6)).wrap();
  const tg = twoRanges.and(high).select(tcr.bits(30, 2), tcr.bits(14, 2)).wrap();
  const granule = granuleBits(fb, tg, high);
  fb.if(sizeOutOfBounds(c, tsz, granule), () => fault(fb.i32(FSC.translation)));
  const inputSize = fb.i32(64).sub(tsz);
  // Bits above the input size must all equal the range's sign.
  const above = va.shrS(inputSize.toI64U());
  const canonical = high.select(above.eq(-1n), va.shrU(inputSize.toI64U()).eqz());
  fb.if(canonical.eqz(), () => fault(fb.i32(FSC.translation)));
  const epd = twoRanges.and(high.select(tcr.bit(23), tcr.bit(7)));
  fb.if(epd, () => fault(fb.i32(FSC.translation)));
  // FEAT_E0PD: a half that EL0 cannot reach, whatever is mapped there.
  const e0pd = twoRanges.and(user).and(high.select(tcr.bit(56), tcr.bit(55)));
  fb.if(e0pd, () => fault(fb.i32(FSC.translation)));

  const ttbr = el10.select(
    high.select(c.sys("TTBR1_EL1"), c.sys("TTBR0_EL1")),
    el2.select(high.select(c.sys("TTBR1_EL2"), c.sys("TTBR0_EL2")), c.sys("TTBR0_EL3")),
  );
  const hpd = twoRanges.select(high.select(tcr.bit(42), tcr.bit(41)), tcr.bit(24)).and(c.get32(CPU.features).shrU(4));
  const bigEndian = sctlr.bit(25);
  const stride = granule.sub(3);
  const startLevel = fb.i32(3).sub(inputSize.sub(granule).sub(1).divU(stride));
  level.set(startLevel);
  const shift = fb.variable(granule.add(fb.i32(3).sub(startLevel).mul(stride)));
  const firstBits = inputSize.sub(shift.get());
  const align = firstBits.add(3).toI64U();
  const base = fb.variable(ttbr.and(ADDRESS_MASK).shrU(align).shl(align));
  const indexBits = fb.variable(firstBits);
  const descriptor = fb.variable(fb.i64(0));
  const tableBits = fb.variable(fb.i64(0));
  /** Where the descriptor is: what stage 1 calls it, and in memory. */
  const place = fb.variable(fb.i64(0));
  const placePa = fb.variable(fb.i64(0));
  const ips = twoRanges.select(tcr.bits(32, 3), tcr.bits(16, 3)).wrap();
  const outBits = outputBits(fb, ips).toI64U();
  fb.block((leaf) => {
    fb.loop((next) => {
      const index = va.shrU(shift.get().toI64U()).and(fb.i64(1).shl(indexBits.get().toI64U()).sub(1));
      const address = base.get().add(index.shl(3));
      place.set(address.or(space()));
      const walkFault = fb.call(throughStage2, cpu, place.get(), fb.i32(ACCESS.read), s2);
      fb.if(walkFault, () => fb.return(walkFault.or(FAULT.onWalk)));
      // HCR_EL2.PTW: a table in what stage 2 calls Device is a Permission fault.
      fb.if(s2.and(hcr.bit(HCR.PTW)).and(c.get32(CPU.walkAttributes).shrU(3)), () => {
        c.set64(CPU.walkIpa, address);
        fb.return(
          fb
            .i32(FSC.permission)
            .add(level.get())
            .or(FAULT.valid | FAULT.stage2 | FAULT.onWalk),
        );
      });
      placePa.set(c.get64(CPU.walkPa));
      descriptor.set(fb.call(readDescriptor, placePa.get(), bigEndian));
      const d = descriptor.get();
      fb.if(d.eq(NO_DESCRIPTOR), () => fault(fb.i32(FSC.externalOnWalk)));
      const type = d.wrap().and(3);
      const last = level.get().eq(3);
      fb.if(isInvalid(d, type, last), () => fault(fb.i32(FSC.translation)));
      fb.if(last.and(d.and(ADDRESS_MASK).shrU(outBits).ne(0)), () => fault(fb.i32(FSC.addressSize)));
      fb.brIf(leaf, last.or(type.eq(1)));
      fb.if(hpd.eqz(), () => tableBits.set(tableBits.get().or(d)));
      secure.set(secure.get().and(d.bit(63).eqz()));
      base.set(d.and(ADDRESS_MASK).shrU(granule.toI64U()).shl(granule.toI64U()));
      fb.if(base.get().shrU(outBits).ne(0), () => fault(fb.i32(FSC.addressSize)));
      level.set(level.get().add(1));
      shift.set(shift.get().sub(stride));
      indexBits.set(stride);
      fb.br(next);
    });
  });
  const d = descriptor.get();
  fb.if(allowsBlock(fb, level.get(), granule).eqz(), () => fault(fb.i32(FSC.translation)));
  const ipa = outputOf(fb, d, shift.get(), va);
  fb.if(ipa.shrU(outBits).ne(0), () => fault(fb.i32(FSC.addressSize)));
  const hardwareAccess = twoRanges.select(tcr.bit(39), tcr.bit(21));
  // HD is of effect with HA alone.
  const hardwareDirty = hardwareAccess.and(twoRanges.select(tcr.bit(40), tcr.bit(22)));
  const noAccessFlag = d.bit(10).eqz();
  fb.if(noAccessFlag.and(hardwareAccess.eqz()), () => fault(fb.i32(FSC.accessFlag)));
  const becomesDirty = access.eq(ACCESS.write).and(d.bit(7)).and(hardwareDirty).and(d.bit(51));
  secure.set(secure.get().and(d.bit(5).eqz()));
  // SCR_EL3.SIF: Secure state fetches from Secure memory only.
  const foreign = isExecute.and(secure.get().eqz()).and(c.sys("SCR_EL3").bit(9));
  fb.if(foreign, () => {
    fb.if(fb.call(inSecureRegime, cpu, context), () => fault(fb.i32(FSC.permission)));
  });

  // Permissions (D8.4): AP[1] = EL0 access, AP[2] = read-only, with the tables' limits.
  const t = tableBits.get();
  const ap1 = d.bit(6).and(t.bit(61).eqz());
  const readOnly = d.bit(7).and(becomesDirty.eqz()).or(t.bit(62));
  const writable = readOnly.eqz();
  const uxn = d.bit(54).or(t.bit(60));
  const pxn = d.bit(53).or(t.bit(59));
  const wxn = sctlr.bit(19);
  const pan = context.eq(CONTEXT.el10Pan).or(context.eq(CONTEXT.el20Pan));
  const privilegedOk = pan.and(ap1).eqz();
  const userX = uxn.eqz().and(wxn.and(ap1).and(writable).eqz());
  const privX = pxn.eqz().and(ap1.and(writable).eqz()).and(wxn.and(writable).eqz());
  const singleX = uxn.eqz().and(wxn.and(writable).eqz());
  const r = twoRanges.select(user.select(ap1, privilegedOk), fb.i32(1));
  const w = twoRanges.select(user.select(ap1, privilegedOk), fb.i32(1)).and(writable);
  const x = twoRanges.select(user.select(userX, privX), singleX);
  const stage1 = r.or(w.shl(1)).or(x.shl(2));
  fb.if(stage1.and(fb.i32(1).shl(access)).eqz(), () => fault(fb.i32(FSC.permission)));

  const mair = registerOf(c, context, ["MAIR_EL1", "MAIR_EL2", "MAIR_EL3"]);
  const attribute = mair.shrU(d.bits(2, 3).shl(3)).wrap().and(0xff);
  const device = attribute.and(0xf0).eqz();
  const notGlobal = twoRanges.and(d.bit(11));
  const levelSize = shift.get();
  // Device memory, and Normal memory that is Non-cacheable inside and outside, is Outer Shareable.
  const isOuter = device.or(attribute.eq(NON_CACHEABLE));
  const memory = attribute.or(isOuter.select(fb.i32(SHAREABLE.outer), d.bits(8, 2).wrap()).shl(8));
  c.set32(CPU.walkMemory, memory);
  c.set64(CPU.walkIpa, ipa);
  endOfStage1(ipa);
  const f = fb.call(throughStage2, cpu, ipa.or(space()), access.or(user.shl(USER)), s2);
  fb.if(f, () => fb.return(f));
  fb.if(noAccessFlag.or(becomesDirty).and(c.get32(CPU.walkQuiet).eqz()), () => {
    // Stage 2 has to let the table be written; what it says of the output is kept.
    const output = fb.variable(c.get64(CPU.walkPa));
    const attributes = fb.variable(c.get32(CPU.walkAttributes));
    const refused = fb.call(throughStage2, cpu, place.get(), fb.i32(ACCESS.write), s2);
    fb.if(refused, () => fb.return(refused.or(FAULT.onWalk)));
    const clean = becomesDirty.toI64U().shl(7);
    fb.call(updateDescriptor, placePa.get(), d.or(1n << 10n).xor(clean), bigEndian);
    c.set64(CPU.walkPa, output.get());
    c.set32(CPU.walkAttributes, attributes.get());
  });
  c.set64(CPU.walkIpa, ipa);
  const second = c.get32(CPU.walkAttributes);
  fb.if(s2, () => c.set32(CPU.walkMemory, ofBothStages(memory, second)));
  // GP, of guarded pages (FEAT_BTI).
  const guarded = d.bit(50).and(c.get32(CPU.features).and(CPU_FEATURE.BTI).ne(0));
  const both = stage1
    .and(second.and(7))
    .or(second.and(ATTRIBUTE.device))
    .or(staysDevice(device, second).shl(3))
    .or(notGlobal.shl(4))
    .or(guarded.shl(6));
  c.set32(CPU.walkAttributes, both);
  // Stage 2 may have smaller pages: maintenance by VA goes by what stage 1 has all the same.
  c.set32(CPU.walkLevelSize, levelSize);
  fb.return(fb.i32(0));
});
