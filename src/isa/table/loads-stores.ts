/**
 * Loads and stores of general-purpose registers, without exclusives, ordered and atomic ones: DDI 0487, C4.1 "Loads
 * and Stores". Where base and target overlap in a write-back form (CONSTRAINED UNPREDICTABLE), the base wins.
 */
import type { AccessOptions, Builder } from "../../engine/builder.js";
import type { I64 } from "../../engine/ir/value.js";
import { type Operand, type Row, row } from "../pattern.js";
import { bytes, loadedSigned, offsetOption, registerOffset, scaledOffset } from "../semantics/addressing.js";

type Base = { readonly Rn: Operand };
type Target = { readonly Rt: Operand };
/** Write-back of the base, after the access. */
type Then = () => void;

function store(b: Builder, f: Target & { size: number }, address: I64, then?: Then, options?: AccessOptions): void {
  b.storeMem(bytes(f.size), address, b.X(f.Rt), options);
  then?.();
}

function load(b: Builder, f: Target & { size: number }, address: I64, then?: Then, options?: AccessOptions): void {
  b.setX(f.Rt, b.loadMem(bytes(f.size), address, options));
  then?.();
}

type SignedLoad = Target & { readonly size: number; readonly to32: number };

function loadSigned(b: Builder, f: SignedLoad, address: I64, then?: Then, options?: AccessOptions): void {
  b.setX(f.Rt, loadedSigned(b.loadMem(bytes(f.size), address, options), f.size, f.to32 === 1));
  then?.();
}

/** LDRSB and LDRSH extend to 32 or 64 bits, LDRSW to 64. */
const extends_ = (v: { size: number; to32: number }): boolean => v.size < 2 || (v.size === 2 && v.to32 === 0);

/** Runs `access` at the base and moves the base by imm9 afterwards. */
function postIndexed(b: Builder, f: Base & { imm9: Operand }, access: (address: I64, then: Then) => void): void {
  const base = b.base(f.Rn);
  access(base, () => b.setXSP(f.Rn, base.add(b.signed(f.imm9))));
}

/** Runs `access` at the base moved by imm9, where the base then stays. */
function preIndexed(b: Builder, f: Base & { imm9: Operand }, access: (address: I64, then: Then) => void): void {
  const address = b.base(f.Rn).add(b.signed(f.imm9));
  access(address, () => b.setXSP(f.Rn, address));
}

const unscaled = (b: Builder, f: Base & { imm9: Operand }): I64 => b.base(f.Rn).add(b.signed(f.imm9));

const UNPRIVILEGED: AccessOptions = { unprivileged: true };

const singles: Row[] = [
  row("STR_uimm", "size=2 111 0 01 00 imm12:12 Rn:5 Rt:5", {}, (b, f) => store(b, f, scaledOffset(b, f, f.size))),
  row("LDR_uimm", "size=2 111 0 01 01 imm12:12 Rn:5 Rt:5", {}, (b, f) => load(b, f, scaledOffset(b, f, f.size))),
  row("LDRS_uimm", "size=2 111 0 01 1 to32=1 imm12:12 Rn:5 Rt:5", { when: extends_ }, (b, f) => {
    loadSigned(b, f, scaledOffset(b, f, f.size));
  }),

  row("STUR", "size=2 111 0 00 00 0 imm9:9 00 Rn:5 Rt:5", {}, (b, f) => store(b, f, unscaled(b, f))),
  row("LDUR", "size=2 111 0 00 01 0 imm9:9 00 Rn:5 Rt:5", {}, (b, f) => load(b, f, unscaled(b, f))),
  row("LDURS", "size=2 111 0 00 1 to32=1 0 imm9:9 00 Rn:5 Rt:5", { when: extends_ }, (b, f) => {
    loadSigned(b, f, unscaled(b, f));
  }),

  row("STR_post", "size=2 111 0 00 00 0 imm9:9 01 Rn:5 Rt:5", {}, (b, f) => {
    postIndexed(b, f, (address, then) => store(b, f, address, then));
  }),
  row("LDR_post", "size=2 111 0 00 01 0 imm9:9 01 Rn:5 Rt:5", {}, (b, f) => {
    postIndexed(b, f, (address, then) => load(b, f, address, then));
  }),
  row("LDRS_post", "size=2 111 0 00 1 to32=1 0 imm9:9 01 Rn:5 Rt:5", { when: extends_ }, (b, f) => {
    postIndexed(b, f, (address, then) => loadSigned(b, f, address, then));
  }),

  row("STR_pre", "size=2 111 0 00 00 0 imm9:9 11 Rn:5 Rt:5", {}, (b, f) => {
    preIndexed(b, f, (address, then) => store(b, f, address, then));
  }),
  row("LDR_pre", "size=2 111 0 00 01 0 imm9:9 11 Rn:5 Rt:5", {}, (b, f) => {
    preIndexed(b, f, (address, then) => load(b, f, address, then));
  }),
  row("LDRS_pre", "size=2 111 0 00 1 to32=1 0 imm9:9 11 Rn:5 Rt:5", { when: extends_ }, (b, f) => {
    preIndexed(b, f, (address, then) => loadSigned(b, f, address, then));
  }),

  row("STTR", "size=2 111 0 00 00 0 imm9:9 10 Rn:5 Rt:5", {}, (b, f) => {
    store(b, f, unscaled(b, f), undefined, UNPRIVILEGED);
  }),
  row("LDTR", "size=2 111 0 00 01 0 imm9:9 10 Rn:5 Rt:5", {}, (b, f) => {
    load(b, f, unscaled(b, f), undefined, UNPRIVILEGED);
  }),
  row("LDTRS", "size=2 111 0 00 1 to32=1 0 imm9:9 10 Rn:5 Rt:5", { when: extends_ }, (b, f) => {
    loadSigned(b, f, unscaled(b, f), undefined, UNPRIVILEGED);
  }),

  row("STR_reg", "size=2 111 0 00 00 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5", { when: offsetOption }, (b, f) => {
    store(b, f, registerOffset(b, f, f.S * f.size));
  }),
  row("LDR_reg", "size=2 111 0 00 01 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5", { when: offsetOption }, (b, f) => {
    load(b, f, registerOffset(b, f, f.S * f.size));
  }),
  row(
    "LDRS_reg",
    "size=2 111 0 00 1 to32=1 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5",
    { when: (v) => offsetOption(v) && extends_(v) },
    (b, f) => loadSigned(b, f, registerOffset(b, f, f.S * f.size)),
  ),

  row("LDR_lit", "0 sf=1 011 0 00 imm19:19 Rt:5", {}, (b, f) => {
    load(b, { Rt: f.Rt, size: 2 + f.sf }, b.pc().add(b.signed(f.imm19).shl(2)));
  }),
  row("LDRSW_lit", "10 011 0 00 imm19:19 Rt:5", {}, (b, f) => {
    loadSigned(b, { Rt: f.Rt, size: 2, to32: 0 }, b.pc().add(b.signed(f.imm19).shl(2)));
  }),
];

/** Prefetches are hints; nothing is prefetched. */
const prefetches: Row[] = [
  row("PRFM_uimm", "11 111 0 01 10 imm12:12 Rn:5 Rt:5", {}, () => {}),
  row("PRFUM", "11 111 0 00 10 0 imm9:9 00 Rn:5 Rt:5", {}, () => {}),
  row("PRFM_reg", "11 111 0 00 10 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5", { when: offsetOption }, () => {}),
  row("PRFM_lit", "11 011 0 00 imm19:19 Rt:5", {}, () => {}),
];

interface PairFields extends Base {
  readonly Rt: Operand;
  readonly Rt2: Operand;
  readonly imm7: Operand;
}

type PairIndex = "offset" | "post" | "pre";

/** Runs `access` at the pair's address and writes the base back where the form says so. */
function pairAddress(b: Builder, f: PairFields, log2: number, index: PairIndex, access: (address: I64) => void): void {
  const base = b.base(f.Rn);
  const moved = base.add(b.signed(f.imm7).shl(log2));
  access(index === "post" ? base : moved);
  if (index !== "offset") b.setXSP(f.Rn, moved);
}

function storePair(b: Builder, f: PairFields & { sf: number }, index: PairIndex): void {
  const [first, second] = [b.X(f.Rt), b.X(f.Rt2)];
  pairAddress(b, f, 2 + f.sf, index, (address) => b.storePair(f.sf ? 8 : 4, address, first, second));
}

function loadPair(b: Builder, f: PairFields, log2: number, signed: boolean, index: PairIndex): void {
  pairAddress(b, f, log2, index, (address) => {
    const [first, second] = b.loadPair(log2 === 3 ? 8 : 4, address);
    b.setX(f.Rt, signed ? first.extend32S() : first);
    b.setX(f.Rt2, signed ? second.extend32S() : second);
  });
}

function pairRows(form: string, bits: "000" | "001" | "010" | "011", index: PairIndex): Row[] {
  return [
    row(`STP_${form}`, `sf=1 0 101 0 ${bits} 0 imm7:7 Rt2:5 Rn:5 Rt:5`, {}, (b, f) => storePair(b, f, index)),
    row(`LDP_${form}`, `sf=1 0 101 0 ${bits} 1 imm7:7 Rt2:5 Rn:5 Rt:5`, {}, (b, f) => {
      loadPair(b, f, 2 + f.sf, false, index);
    }),
  ];
}

function loadPairSignedWord(form: string, bits: "001" | "010" | "011", index: PairIndex): Row {
  return row(`LDPSW_${form}`, `01 101 0 ${bits} 1 imm7:7 Rt2:5 Rn:5 Rt:5`, {}, (b, f) => {
    loadPair(b, f, 2, true, index);
  });
}

export const loadsStores: readonly Row[] = [
  ...singles,
  ...prefetches,
  ...pairRows("noalloc", "000", "offset"),
  ...pairRows("post", "001", "post"),
  ...pairRows("offset", "010", "offset"),
  ...pairRows("pre", "011", "pre"),
  loadPairSignedWord("post", "001", "post"),
  loadPairSignedWord("offset", "010", "offset"),
  loadPairSignedWord("pre", "011", "pre"),
];
