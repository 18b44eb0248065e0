/**
 * The translation tables as a person reads them (DDI 0487, D8.2 and D8.3): every descriptor of a walk, stage 1 and
 * stage 2, from engine memory and without effect on anything. The walk that the guest runs on is mmu/walk.ts; this one
 * is for display and must say the same, which a test sees to.
 */
import { isSecureBelowEl3 } from "../../cpu/debug.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import { CPU, CPU_FEATURE } from "../../engine/layout.js";
import { PHYSICAL_BITS } from "../../mmu/walk.js";
import type { Machine } from "../machine.js";

/** Translation regimes with stage 1 tables; `el1` is EL1&0, `el20` is EL2&0 of a VHE host. */
export type Regime = "el1" | "el2" | "el20" | "el3";

/** The tables of one stage for one range of input addresses. */
export interface Stage {
  readonly stage: 1 | 2;
  /** The register that holds the base: "TTBR1_EL1". */
  readonly register: string;
  /** Base of the first table: a physical address, or an intermediate one where stage 2 is on. */
  readonly base: bigint;
  readonly inputBits: number;
  /** log2 of the granule. */
  readonly granule: number;
  readonly startLevel: number;
  /** The range of high addresses (TTBR1). */
  readonly high: boolean;
  readonly bigEndian: boolean;
  readonly outputBits: number;
  /** The tables' own limits on permissions do not count (HPD). */
  readonly flatPermissions: boolean;
  readonly hardware: HardwareFlags;
}

/** What the walk keeps up to date in descriptors by itself (FEAT_HAFDBS): TCR_ELx.HA and HD, VTCR_EL2.HA and HD. */
interface HardwareFlags {
  /** No access flag is no fault. */
  readonly access: boolean;
  /** A write to what is read-only and has DBM is no fault. */
  readonly dirty: boolean;
}

/** HD is of effect with HA alone. */
const hardwareFlags = (control: bigint, accessBit: number): HardwareFlags => {
  const access = flag(control, accessBit);
  return { access, dirty: access && flag(control, accessBit + 1) };
};

const stage1Flags = (vcpu: Vcpu, regime: Regime): HardwareFlags =>
  hardwareFlags(vcpu.sysreg(`TCR_EL${levelOf(regime)}`), hasTwoRanges(regime) ? 39 : 21);
const stage2Flags = (vcpu: Vcpu): HardwareFlags => hardwareFlags(vcpu.sysreg("VTCR_EL2"), 21);

/** A descriptor that a walk looked at. */
export interface Step {
  readonly stage: 1 | 2;
  readonly level: number;
  readonly index: number;
  /** Where it is: as the stage gives it, and where that physically is. */
  readonly address: bigint;
  readonly physical: bigint;
  readonly descriptor: bigint;
  readonly kind: "table" | "block" | "page" | "invalid";
}

export interface Failure {
  readonly stage: 1 | 2;
  readonly level: number;
  readonly why: string;
  /** The input address that stage 2 has nothing for. */
  readonly ipa?: bigint;
}

export interface Translation {
  readonly steps: readonly Step[];
  readonly failure?: Failure;
  /** Output address, when there is no failure. */
  readonly output: bigint;
  /** Bits of the leaf and of the tables above it (61 up). */
  readonly leaf: bigint;
  readonly tables: bigint;
  /** log2 of the range the leaf covers. */
  readonly size: number;
}

const ADDRESS = (1n << 48n) - 1n;
const OUTPUT_BITS = [32, 36, 40, 42, 44];

const field = (value: bigint, low: number, width: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(width)) - 1n));
const flag = (value: bigint, bit: number): boolean => ((value >> BigInt(bit)) & 1n) === 1n;
const below = (value: bigint, bits: number): bigint => value & ((1n << BigInt(bits)) - 1n);
const cut = (value: bigint, bits: number): bigint => (value >> BigInt(bits)) << BigInt(bits);

const granuleOf = (tg: number): number => (tg === 1 ? 16 : tg === 2 ? 14 : 12);
/** TG1 has values of its own. */
const highGranuleOf = (tg: number): number => (tg === 1 ? 14 : tg === 3 ? 16 : 12);

/** log2 of what a descriptor of that level covers. */
export const levelShift = ({ granule }: Stage, level: number): number => granule + (3 - level) * (granule - 3);

/** Stage 2 applies to EL1&0: HCR_EL2.VM or DC, EL2 enabled, not a host's. */
export function stage2Applies(vcpu: Vcpu): boolean {
  const hcr = vcpu.sysreg("HCR_EL2");
  return vcpu.get32(CPU.el2Enabled) !== 0 && (flag(hcr, 0) || flag(hcr, 12)) && !flag(hcr, 27);
}

/** Stage 1 translates: SCTLR_ELx.M, and for EL1&0 neither HCR_EL2.DC nor TGE in the way. */
export function stage1Applies(vcpu: Vcpu, regime: Regime): boolean {
  const hcr = vcpu.sysreg("HCR_EL2");
  const el2 = vcpu.get32(CPU.el2Enabled) !== 0;
  if (regime === "el1" && el2 && (flag(hcr, 12) || (flag(hcr, 27) && !flag(hcr, 34)))) return false;
  return flag(vcpu.sysreg(`SCTLR_EL${levelOf(regime)}`), 0);
}

/** Whether bit 55 of an address chooses between two bases of tables. */
export const hasTwoRanges = (regime: Regime): boolean => regime === "el1" || regime === "el20";

/** The Exception level whose registers govern the regime. */
export const levelOf = (regime: Regime): number => (regime === "el1" ? 1 : regime === "el3" ? 3 : 2);

/** Whether the top byte of an address is a tag: TCR_ELx.TBI, of the address's range where there are two. */
const isTagged = (tcr: bigint, regime: Regime, raw: bigint): boolean =>
  flag(tcr, !hasTwoRanges(regime) ? 20 : flag(raw, 55) ? 38 : 37);

/** The output of a stage 1 that is off: the address without its tag; or why there is none (D8.2.10). */
function flatOutput(vcpu: Vcpu, regime: Regime, raw: bigint): bigint | string {
  const flat = isTagged(vcpu.sysreg(`TCR_EL${levelOf(regime)}`), regime, raw) ? below(raw, 56) : raw;
  return flat >> BigInt(PHYSICAL_BITS) === 0n ? flat : `physical addresses have ${PHYSICAL_BITS} bits`;
}

/** The tables for an address and the address without its tag; or why the regime has none for it. */
export function stage1Of(vcpu: Vcpu, regime: Regime, raw: bigint): { stage: Stage; va: bigint } | string {
  const el = levelOf(regime);
  const tcr = vcpu.sysreg(`TCR_EL${el}`);
  const twoRanges = hasTwoRanges(regime);
  const high = twoRanges && flag(raw, 55);
  const va = !isTagged(tcr, regime, raw) ? raw : high ? BigInt.asUintN(64, BigInt.asIntN(56, raw)) : below(raw, 56);
  const granule = high ? highGranuleOf(field(tcr, 30, 2)) : granuleOf(field(tcr, 14, 2));
  const inputBits = 64 - Math.min(Math.max(field(tcr, high ? 16 : 0, 6), 16), 48);
  const above = BigInt.asIntN(64, va) >> BigInt(inputBits);
  if (high ? above !== -1n : va >> BigInt(inputBits) !== 0n) {
    return `it is outside the ${inputBits}-bit range of TCR_EL${el}`;
  }
  if (twoRanges && flag(tcr, high ? 23 : 7)) return `TCR_EL${el}.EPD${high ? 1 : 0} forbids walks`;
  const startLevel = 3 - Math.floor((inputBits - granule - 1) / (granule - 3));
  const register = `TTBR${high ? 1 : 0}_EL${el}`;
  const hpds = (vcpu.get32(CPU.features) & CPU_FEATURE.HPDS) !== 0;
  const stage: Stage = {
    stage: 1,
    register,
    base: tableBase(vcpu.sysreg(register), inputBits, granule, startLevel),
    inputBits,
    granule,
    startLevel,
    high,
    bigEndian: flag(vcpu.sysreg(`SCTLR_EL${el}`), 25),
    outputBits: OUTPUT_BITS[field(tcr, twoRanges ? 32 : 16, 3)] ?? 44,
    flatPermissions: hpds && flag(tcr, twoRanges ? (high ? 42 : 41) : 24),
    hardware: stage1Flags(vcpu, regime),
  };
  return { stage, va };
}

export function stage2Of(vcpu: Vcpu): Stage {
  const vtcr = vcpu.sysreg("VTCR_EL2");
  const granule = granuleOf(field(vtcr, 14, 2));
  const inputBits = 64 - field(vtcr, 0, 6);
  const sl0 = field(vtcr, 6, 2);
  const startLevel = granule === 12 ? (sl0 === 3 ? 3 : 2 - sl0) : 3 - sl0;
  return {
    stage: 2,
    register: "VTTBR_EL2",
    base: tableBase(vcpu.sysreg("VTTBR_EL2"), inputBits, granule, startLevel),
    inputBits,
    granule,
    startLevel,
    high: false,
    bigEndian: flag(vcpu.sysreg("SCTLR_EL2"), 25),
    outputBits: OUTPUT_BITS[field(vtcr, 16, 3)] ?? 44,
    flatPermissions: true,
    hardware: stage2Flags(vcpu),
  };
}

/** A table begins at a multiple of its size. */
function tableBase(register: bigint, inputBits: number, granule: number, startLevel: number): bigint {
  const firstBits = inputBits - (granule + (3 - startLevel) * (granule - 3));
  return cut(register & ADDRESS, firstBits + 3);
}

export class Tables {
  constructor(
    private readonly machine: Machine,
    readonly vcpu: Vcpu,
  ) {}

  /** Walks one stage for an input address without its tag. Stage 1 tables are found through stage 2 where it is on. */
  walk(stage: Stage, input: bigint, throughStage2: boolean): Translation {
    const steps: Step[] = [];
    let base = stage.base;
    let tables = 0n;
    const end = (level: number, why: string, ipa?: bigint): Translation => {
      const failure = { stage: stage.stage, level, why, ...(ipa === undefined ? {} : { ipa }) };
      return { steps, failure, output: 0n, leaf: 0n, tables, size: levelShift(stage, level) };
    };
    if (stage.stage === 2 && input >> BigInt(stage.inputBits) !== 0n) return end(0, "translation fault", input);
    for (let level = stage.startLevel; ; level++) {
      const shift = levelShift(stage, level);
      const width = level === stage.startLevel ? stage.inputBits - shift : stage.granule - 3;
      const index = Number(below(input >> BigInt(shift), width));
      const address = base + BigInt(8 * index);
      const found = this.locate(address, throughStage2);
      if (typeof found !== "bigint") return { ...end(level, found.why), failure: found };
      const descriptor = this.read(found, stage.bigEndian);
      if (descriptor === undefined) return end(level, "no memory where the table should be");
      const kind = kindOf(descriptor, level, stage.granule);
      steps.push({ stage: stage.stage, level, index, address, physical: found, descriptor, kind });
      if (kind === "invalid") return end(level, "translation fault", stage.stage === 2 ? input : undefined);
      if (kind === "table") {
        if (!stage.flatPermissions) tables |= descriptor;
        base = cut(descriptor & ADDRESS, stage.granule);
        if (stage.stage === 1 && base >> BigInt(stage.outputBits) !== 0n) return end(level, "address size fault");
        continue;
      }
      const output = cut(descriptor & ADDRESS, shift) | below(input, shift);
      const ipa = stage.stage === 2 ? input : undefined;
      if (output >> BigInt(stage.outputBits) !== 0n) return end(level, "address size fault", ipa);
      if (!flag(descriptor, 10) && !stage.hardware.access) return end(level, "access flag fault", ipa);
      return { steps, output, leaf: descriptor, tables, size: shift };
    }
  }

  /** A physical address, through stage 2 if it is on. */
  locate(address: bigint, throughStage2: boolean): bigint | Failure {
    if (!throughStage2) return address;
    const { failure, output } = this.walk(stage2Of(this.vcpu), address, false);
    return failure ?? output;
  }

  /** The 64 bits at a physical address; undefined where there is no memory. */
  read(physical: bigint, bigEndian: boolean): bigint | undefined {
    const { engine } = this.machine;
    const host = engine.hostAddress(physical);
    return host === undefined ? undefined : engine.view.getBigUint64(host, !bigEndian);
  }
}

/** Blocks are at levels 1 and 2, of the larger granules at 2. */
export function kindOf(descriptor: bigint, level: number, granule: number): Step["kind"] {
  if (!flag(descriptor, 0)) return "invalid";
  if (level === 3) return flag(descriptor, 1) ? "page" : "invalid";
  if (flag(descriptor, 1)) return "table";
  return level >= (granule === 12 ? 1 : 2) ? "block" : "invalid";
}

/** What a level may do. */
export interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
}

const modeOf = ({ read, write, execute }: Rights): string =>
  `${read ? "r" : "-"}${write ? "w" : "-"}${execute ? "x" : "-"}`;

/**
 * The leaf's dirty bit modifier: where hardware keeps it, what is read-only so far becomes writable by being written.
 */
const DBM = 51;

/** What a stage 1 leaf below these tables allows (D8.4): the regime's own level, and EL0 where that shares it. */
export function rights1(vcpu: Vcpu, regime: Regime, leaf: bigint, tables: bigint): { own: Rights; el0?: Rights } {
  const clean = stage1Flags(vcpu, regime).dirty && flag(leaf, DBM);
  const write = (!flag(leaf, 7) || clean) && !flag(tables, 62);
  const user = flag(leaf, 6) && !flag(tables, 61);
  const uxn = flag(leaf, 54) || flag(tables, 60);
  const pxn = flag(leaf, 53) || flag(tables, 59);
  const wxn = flag(vcpu.sysreg(`SCTLR_EL${levelOf(regime)}`), 19);
  if (!hasTwoRanges(regime)) return { own: { read: true, write, execute: !uxn && !(wxn && write) } };
  return {
    own: { read: true, write, execute: !pxn && !(user && write) && !(wxn && write) },
    el0: { read: user, write: user && write, execute: !uxn && !(wxn && user && write) },
  };
}

/**
 * What a stage 2 leaf allows to an Exception level. XN[1:0]: neither, not EL1, not both, not EL0 (FEAT_XNX); else bit
 * 1.
 */
export function rights2(vcpu: Vcpu, leaf: bigint, el: number): Rights {
  const clean = stage2Flags(vcpu).dirty && flag(leaf, DBM);
  const xnx = (vcpu.get32(CPU.features) & CPU_FEATURE.XNX) !== 0;
  const execute = flag(leaf, 54) === (xnx && flag(leaf, 53) && el !== 0);
  return { read: flag(leaf, 6), write: flag(leaf, 7) || clean, execute };
}

/** What a stage 1 leaf allows and is, in words: "EL1 rwx, EL0 ---, MAIR 0xff, not global". */
export function describeLeaf1(vcpu: Vcpu, regime: Regime, leaf: bigint, tables: bigint): string {
  const el = levelOf(regime);
  const { own, el0 } = rights1(vcpu, regime, leaf, tables);
  const mair = field(vcpu.sysreg(`MAIR_EL${el}`), 8 * field(leaf, 2, 3), 8);
  const memory = `MAIR 0x${mair.toString(16).padStart(2, "0")} ${(mair & 0xf0) === 0 ? "Device" : "Normal"}`;
  if (el0 === undefined) return `EL${el} ${modeOf(own)}, ${memory}`;
  return `EL${el} ${modeOf(own)}, EL0 ${modeOf(el0)}, ${memory}${flag(leaf, 11) ? ", not global" : ""}`;
}

/** As `describeLeaf1` for stage 2: "rwx, MemAttr 0xf", and of both levels where they differ: "EL1 rw-, EL0 rwx, …". */
export function describeLeaf2(vcpu: Vcpu, leaf: bigint): string {
  const [el1, el0] = [modeOf(rights2(vcpu, leaf, 1)), modeOf(rights2(vcpu, leaf, 0))];
  const mode = el1 === el0 ? el1 : `EL1 ${el1}, EL0 ${el0}`;
  return `${mode}, MemAttr 0x${field(leaf, 2, 4).toString(16)}`;
}

/** One stage's tables and what a walk of them gave. */
export interface StageWalk {
  readonly stage: Stage;
  readonly translation: Translation;
}

/** log2 of what the last descriptor of a walk covers. */
export function coverOf({ stage, translation }: StageWalk): number {
  const { failure, size, steps } = translation;
  return failure === undefined ? size : levelShift(stage, steps.at(-1)?.level ?? stage.startLevel);
}

/** Both stages of a translation. */
export interface FullWalk {
  /** Absent where the stage is off. */
  readonly stage1?: StageWalk;
  readonly stage2?: StageWalk;
  readonly failure?: Failure;
  /** The physical address, when there is no failure. */
  readonly pa?: bigint;
}

/**
 * Whether a walk without failure ends in the Secure address space: NS of the leaf, NSTable of tables above it (D8.3).
 */
export function isSecureOutput(vcpu: Vcpu, regime: Regime | "ipa", { stage1 }: FullWalk): boolean {
  const isSecureRegime = regime === "el3" || ((regime === "el1" || regime === "ipa") && isSecureBelowEl3(vcpu));
  if (!isSecureRegime) return false;
  const steps = stage1?.translation.steps ?? [];
  return steps.every(({ kind, descriptor }) => !flag(descriptor, kind === "table" ? 63 : 5));
}

/** The whole translation of a virtual address in a regime, or of an intermediate address where `regime` is "ipa". */
export function walkAll(tables: Tables, regime: Regime | "ipa", raw: bigint): FullWalk {
  const { vcpu } = tables;
  const both = (regime === "el1" || regime === "ipa") && stage2Applies(vcpu);
  let ipa = raw;
  let stage1: StageWalk | undefined;
  if (regime !== "ipa" && stage1Applies(vcpu, regime)) {
    const range = stage1Of(vcpu, regime, raw);
    if (typeof range === "string") return { failure: { stage: 1, level: 0, why: `translation fault (${range})` } };
    const { stage, va } = range;
    stage1 = { stage, translation: tables.walk(stage, va, both) };
    if (stage1.translation.failure !== undefined) return { stage1, failure: stage1.translation.failure };
    ipa = stage1.translation.output;
  } else if (regime !== "ipa") {
    const flat = flatOutput(vcpu, regime, raw);
    if (typeof flat === "string") return { failure: { stage: 1, level: 0, why: `address size fault (${flat})` } };
    ipa = flat;
  }
  const first = stage1 === undefined ? {} : { stage1 };
  if (!both) return { ...first, pa: ipa };
  const stage = stage2Of(vcpu);
  const stage2 = { stage, translation: tables.walk(stage, ipa, false) };
  const { failure, output } = stage2.translation;
  return { ...first, stage2, ...(failure === undefined ? { pa: output } : { failure }) };
}
