/**
 * `org.gnu.gdb.aarch64.fpu`: v0 to v31, fpsr, fpcr (GDB manual, "AArch64 Features"). The element names of the unions
 * (`$v0.d.f`, `$v0.b.u`) are those GDB users know; FPSR and FPCR fields are in DDI 0487, C5.2.9 and C5.2.8.
 */

import { bit, type RegisterFeature, type RegisterType } from "./feature.js";

/** The views of one 128-bit register: arrangement letter, then per view its name and element type. */
const arrangements = [
  { letter: "d", count: 2, views: { f: "ieee_double", u: "uint64", s: "int64" } },
  { letter: "s", count: 4, views: { f: "ieee_single", u: "uint32", s: "int32" } },
  { letter: "h", count: 8, views: { f: "ieee_half", bf: "bfloat16", u: "uint16", s: "int16" } },
  { letter: "b", count: 16, views: { u: "uint8", s: "int8" } },
  { letter: "q", count: 1, views: { u: "uint128", s: "int128" } },
] as const;

const vectorTypes = arrangements.flatMap(({ letter, count, views }): RegisterType[] => [
  ...Object.entries(views).map(
    ([view, element]) => ({ kind: "vector", id: `v${letter}_${view}`, element, count }) as const,
  ),
  {
    kind: "union",
    id: `vn${letter}`,
    fields: Object.keys(views).map((view) => ({ name: view, type: `v${letter}_${view}` })),
  },
]);

export const fpuFeature = {
  name: "org.gnu.gdb.aarch64.fpu",
  general: true,
  types: [
    ...vectorTypes,
    {
      kind: "union",
      id: "aarch64v",
      fields: arrangements.map(({ letter }) => ({ name: letter, type: `vn${letter}` })),
    },
    {
      kind: "flags",
      id: "fpsr_flags",
      size: 4,
      fields: [bit("IOC", 0), bit("DZC", 1), bit("OFC", 2), bit("UFC", 3), bit("IXC", 4), bit("IDC", 7), bit("QC", 27)],
    },
    {
      kind: "flags",
      id: "fpcr_flags",
      size: 4,
      fields: [
        bit("IOE", 8),
        bit("DZE", 9),
        bit("OFE", 10),
        bit("UFE", 11),
        bit("IXE", 12),
        bit("IDE", 15),
        bit("FZ16", 19),
        { name: "RMode", start: 22, end: 23 },
        bit("FZ", 24),
        bit("DN", 25),
        bit("AHP", 26),
      ],
    },
  ],
  registers: [
    ...Array.from({ length: 32 }, (_, n) => ({ name: `v${n}`, bits: 128, type: "aarch64v" })),
    { name: "fpsr", bits: 32, type: "fpsr_flags" },
    { name: "fpcr", bits: 32, type: "fpcr_flags" },
  ],
} as const satisfies RegisterFeature;

/** Indices in `fpuFeature.registers`; `FpuRegister.v0 + n` is Vn. */
export const FpuRegister = { v0: 0, fpsr: 32, fpcr: 33 } as const;
