/**
 * Load-exclusive, store-exclusive, load-acquire and store-release: DDI 0487, C4.1 "Load/store exclusive", "Load/store
 * ordered", "LDAPR/STLR (unscaled immediate)". Fields that should be one are not looked at.
 */
import type { AccessOptions } from "../../engine/builder.js";
import { type Row, row } from "../pattern.js";
import { bytes, loadedSigned } from "../semantics/addressing.js";
import { loadExclusive, loadExclusivePair, storeExclusive, storeExclusivePair } from "../semantics/exclusive.js";

const ALIGNED: AccessOptions = { aligned: true };

const exclusives: Row[] = [
  row("STXR", "size=2 001000 0 0 0 Rs:5 x xxxxx Rn:5 Rt:5", {}, (b, f) => storeExclusive(b, f.size, f)),
  row("LDXR", "size=2 001000 0 1 0 xxxxx x xxxxx Rn:5 Rt:5", {}, (b, f) => loadExclusive(b, f.size, f)),
  row("STXP", "1 sz=1 001000 0 0 1 Rs:5 x Rt2:5 Rn:5 Rt:5", {}, (b, f) => storeExclusivePair(b, 2 + f.sz, f)),
  row("LDXP", "1 sz=1 001000 0 1 1 xxxxx x Rt2:5 Rn:5 Rt:5", {}, (b, f) => loadExclusivePair(b, 2 + f.sz, f)),
];

/** o0 = 0 are the LORegion forms, STLLR and LDLAR. */
const limited = (v: { o0: number }): "LOR" | undefined => (v.o0 === 0 ? "LOR" : undefined);

const ordered: Row[] = [
  row("STLR", "size=2 001000 1 0 0 xxxxx o0=1 xxxxx Rn:5 Rt:5", { feature: limited }, (b, f) => {
    b.storeMem(bytes(f.size), b.base(f.Rn), b.X(f.Rt), ALIGNED);
  }),
  row("LDAR", "size=2 001000 1 1 0 xxxxx o0=1 xxxxx Rn:5 Rt:5", { feature: limited }, (b, f) => {
    b.setX(f.Rt, b.loadMem(bytes(f.size), b.base(f.Rn), ALIGNED));
  }),
  row("LDAPR", "size=2 111 0 00 1 0 1 11111 1 100 00 Rn:5 Rt:5", { feature: "LRCPC" }, (b, f) => {
    b.setX(f.Rt, b.loadMem(bytes(f.size), b.base(f.Rn), ALIGNED));
  }),
  row("STLUR", "size=2 011001 00 0 imm9:9 00 Rn:5 Rt:5", { feature: "LRCPC2" }, (b, f) => {
    b.storeMem(bytes(f.size), b.base(f.Rn).add(b.signed(f.imm9)), b.X(f.Rt), ALIGNED);
  }),
  row("LDAPUR", "size=2 011001 01 0 imm9:9 00 Rn:5 Rt:5", { feature: "LRCPC2" }, (b, f) => {
    b.setX(f.Rt, b.loadMem(bytes(f.size), b.base(f.Rn).add(b.signed(f.imm9)), ALIGNED));
  }),
  row(
    "LDAPURS",
    "size=2 011001 1 to32=1 0 imm9:9 00 Rn:5 Rt:5",
    { feature: "LRCPC2", when: (v) => v.size < 2 || (v.size === 2 && v.to32 === 0) },
    (b, f) => {
      const value = b.loadMem(bytes(f.size), b.base(f.Rn).add(b.signed(f.imm9)), ALIGNED);
      b.setX(f.Rt, loadedSigned(value, f.size, f.to32 === 1));
    },
  ),
];

export const exclusiveRows: readonly Row[] = [...exclusives, ...ordered];
