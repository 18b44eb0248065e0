/**
 * Advanced SIMD floating point (DDI 0487, C4.1): three registers same, two-register miscellaneous, pairwise, across
 * lanes, by element, shift by immediate, modified immediate, each in vector and scalar forms, single and double (sz)
 * and half precision (FEAT_FP16, encodings of their own).
 */
import { estimateElement, unsignedEstimateElement } from "../../engine/fp/estimate.js";
import { type Row, row } from "../pattern.js";
import {
  acrossLanes,
  byElement,
  complexAdd,
  complexMultiply,
  complexMultiplyByElement,
  fixedPoint,
  lengthen,
  moveImmediate,
  multiplyLong,
  multiplyLongByElement,
  narrow,
  narrowOddScalar,
  pairwise,
  pairwiseScalar,
  threeSame,
  twoRegister,
} from "../semantics/fp-forms.js";
import {
  absolute,
  absoluteDifference,
  comparison,
  comparisonZero,
  type FpLaneOp,
  fromFixed,
  fromInteger,
  multiplyAccumulate,
  negate,
  perElement,
  simple,
  step,
  toFixed,
  toInteger,
} from "../semantics/fp-lanes.js";

type Bit = "0" | "1";
type Bits4 = `${Bit}${Bit}${Bit}${Bit}`;
type Bits5 = `${Bits4}${Bit}`;

interface Arranged {
  readonly Q: number;
  readonly sz: number;
}
/** There is no arrangement of one double. */
const arranged = (v: Arranged): boolean => v.Q === 1 || v.sz === 0;
const SIMD = { fp: true } as const;
const VECTOR = { fp: true, when: arranged } as const;
const HALF = { fp: true, feature: "FP16" } as const;

/** U, the bit above sz (a), the opcode's last bits, the operation; whether there is a scalar form. */
type ThreeSame = readonly [name: string, U: Bit, a: Bit, opcode: string, op: FpLaneOp, scalar: boolean];

const THREE_SAME: readonly ThreeSame[] = [
  ["FMAXNM", "0", "0", "000", simple("FMAXNM"), false],
  ["FMLA", "0", "0", "001", multiplyAccumulate(false), false],
  ["FADD", "0", "0", "010", simple("FADD"), false],
  ["FMULX", "0", "0", "011", simple("FMULX"), true],
  ["FCMEQ", "0", "0", "100", comparison("FCMEQ"), true],
  ["FMAX", "0", "0", "110", simple("FMAX"), false],
  ["FRECPS", "0", "0", "111", step("FRECPS"), true],
  ["FMINNM", "0", "1", "000", simple("FMINNM"), false],
  ["FMLS", "0", "1", "001", multiplyAccumulate(true), false],
  ["FSUB", "0", "1", "010", simple("FSUB"), false],
  ["FMIN", "0", "1", "110", simple("FMIN"), false],
  ["FRSQRTS", "0", "1", "111", step("FRSQRTS"), true],
  ["FMUL", "1", "0", "011", simple("FMUL"), false],
  ["FCMGE", "1", "0", "100", comparison("FCMGE"), true],
  ["FACGE", "1", "0", "101", comparison("FACGE"), true],
  ["FDIV", "1", "0", "111", simple("FDIV"), false],
  ["FABD", "1", "1", "010", absoluteDifference, true],
  ["FCMGT", "1", "1", "100", comparison("FCMGT"), true],
  ["FACGT", "1", "1", "101", comparison("FACGT"), true],
];

const threeSameRows = ([name, U, a, opcode, op, scalar]: ThreeSame): readonly Row[] => [
  row(`${name}_vec`, `0 Q=1 ${U} 01110 ${a} sz=1 1 Rm:5 11${opcode} 1 Rn:5 Rd:5`, VECTOR, threeSame(op)),
  row(`${name}_vec_h`, `0 Q=1 ${U} 01110 ${a} 10 Rm:5 00${opcode} 1 Rn:5 Rd:5`, HALF, threeSame(op)),
  ...(scalar
    ? [
        row(`${name}_scalar`, `01 ${U} 11110 ${a} sz=1 1 Rm:5 11${opcode} 1 Rn:5 Rd:5`, SIMD, threeSame(op)),
        row(`${name}_scalar_h`, `01 ${U} 11110 ${a} 10 Rm:5 00${opcode} 1 Rn:5 Rd:5`, HALF, threeSame(op)),
      ]
    : []),
];

/** Pairwise: `a`, the last bits of the vector's opcode, the scalar form's whole opcode. */
const PAIRWISE: readonly (readonly [name: string, a: Bit, vector: string, scalar: Bits5, op: FpLaneOp])[] = [
  ["FMAXNMP", "0", "000", "01100", simple("FMAXNM")],
  ["FADDP", "0", "010", "01101", simple("FADD")],
  ["FMAXP", "0", "110", "01111", simple("FMAX")],
  ["FMINNMP", "1", "000", "01100", simple("FMINNM")],
  ["FMINP", "1", "110", "01111", simple("FMIN")],
];

const pairwiseRows: readonly Row[] = PAIRWISE.flatMap(([name, a, vector, scalar, op]) => [
  row(`${name}_vec`, `0 Q=1 1 01110 ${a} sz=1 1 Rm:5 11${vector} 1 Rn:5 Rd:5`, VECTOR, pairwise(op)),
  row(`${name}_vec_h`, `0 Q=1 1 01110 ${a} 10 Rm:5 00${vector} 1 Rn:5 Rd:5`, HALF, pairwise(op)),
  row(`${name}_scalar`, `01 1 11110 ${a} sz=1 11000 ${scalar} 10 Rn:5 Rd:5`, SIMD, pairwiseScalar(op)),
  row(`${name}_scalar_h`, `01 0 11110 ${a} 0 11000 ${scalar} 10 Rn:5 Rd:5`, HALF, pairwiseScalar(op)),
]);

const ACROSS: readonly (readonly [name: string, a: Bit, opcode: Bits5, op: FpLaneOp])[] = [
  ["FMAXNMV", "0", "01100", simple("FMAXNM")],
  ["FMAXV", "0", "01111", simple("FMAX")],
  ["FMINNMV", "1", "01100", simple("FMINNM")],
  ["FMINV", "1", "01111", simple("FMIN")],
];

const acrossRows: readonly Row[] = ACROSS.flatMap(([name, a, opcode, op]) => [
  row(`${name}`, `0 1 1 01110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`, SIMD, (b, f) =>
    acrossLanes(op)(b, { ...f, Q: 1, sz: 0 }),
  ),
  row(`${name}_h`, `0 Q=1 0 01110 ${a} 0 11000 ${opcode} 10 Rn:5 Rd:5`, HALF, acrossLanes(op)),
]);

/** Which forms an operation has besides the vector of singles or doubles. */
type Forms = "scalar" | "vector" | "vector without half" | "scalar only";
type TwoRegister = readonly [name: string, U: Bit, a: Bit, opcode: Bits5, op: FpLaneOp, forms: Forms];

const TWO_REGISTER: readonly TwoRegister[] = [
  ["FCMGT_zero", "0", "1", "01100", comparisonZero("FCMGT"), "scalar"],
  ["FCMEQ_zero", "0", "1", "01101", comparisonZero("FCMEQ"), "scalar"],
  ["FCMLT_zero", "0", "1", "01110", comparisonZero("FCMGT", true), "scalar"],
  ["FCMGE_zero", "1", "1", "01100", comparisonZero("FCMGE"), "scalar"],
  ["FCMLE_zero", "1", "1", "01101", comparisonZero("FCMGE", true), "scalar"],
  ["FABS", "0", "1", "01111", absolute, "vector"],
  ["FNEG", "1", "1", "01111", negate, "vector"],
  ["FRINTN", "0", "0", "11000", simple("FRINTN"), "vector"],
  ["FRINTM", "0", "0", "11001", simple("FRINTM"), "vector"],
  ["FRINTP", "0", "1", "11000", simple("FRINTP"), "vector"],
  ["FRINTZ", "0", "1", "11001", simple("FRINTZ"), "vector"],
  ["FRINTA", "1", "0", "11000", simple("FRINTA"), "vector"],
  ["FRINTX", "1", "0", "11001", simple("FRINTX"), "vector"],
  ["FRINTI", "1", "1", "11001", simple("FRINTI"), "vector"],
  ["FRINT32Z", "0", "0", "11110", simple("FRINT32Z"), "vector without half"],
  ["FRINT32X", "1", "0", "11110", simple("FRINT32X"), "vector without half"],
  ["FRINT64Z", "0", "0", "11111", simple("FRINT64Z"), "vector without half"],
  ["FRINT64X", "1", "0", "11111", simple("FRINT64X"), "vector without half"],
  ["FCVTNS", "0", "0", "11010", toInteger("N", false), "scalar"],
  ["FCVTNU", "1", "0", "11010", toInteger("N", true), "scalar"],
  ["FCVTMS", "0", "0", "11011", toInteger("M", false), "scalar"],
  ["FCVTMU", "1", "0", "11011", toInteger("M", true), "scalar"],
  ["FCVTAS", "0", "0", "11100", toInteger("A", false), "scalar"],
  ["FCVTAU", "1", "0", "11100", toInteger("A", true), "scalar"],
  ["FCVTPS", "0", "1", "11010", toInteger("P", false), "scalar"],
  ["FCVTPU", "1", "1", "11010", toInteger("P", true), "scalar"],
  ["FCVTZS", "0", "1", "11011", toInteger("Z", false), "scalar"],
  ["FCVTZU", "1", "1", "11011", toInteger("Z", true), "scalar"],
  ["SCVTF", "0", "0", "11101", fromInteger(false), "scalar"],
  ["UCVTF", "1", "0", "11101", fromInteger(true), "scalar"],
  ["FRECPE", "0", "1", "11101", perElement((width) => estimateElement("FRECPE", width)), "scalar"],
  ["FRSQRTE", "1", "1", "11101", perElement((width) => estimateElement("FRSQRTE", width)), "scalar"],
  ["FRECPX", "0", "1", "11111", perElement((width) => estimateElement("FRECPX", width)), "scalar only"],
  ["FSQRT", "1", "1", "11111", simple("FSQRT"), "vector"],
];

const twoRegisterRows = ([name, U, a, opcode, op, forms]: TwoRegister): readonly Row[] => {
  const rows: Row[] = [];
  if (forms !== "scalar only") {
    const options = { ...VECTOR, ...(forms === "vector without half" ? { feature: "FRINTTS" as const } : {}) };
    rows.push(row(`${name}_vec`, `0 Q=1 ${U} 01110 ${a} sz=1 10000 ${opcode} 10 Rn:5 Rd:5`, options, twoRegister(op)));
  }
  if (forms === "scalar" || forms === "vector") {
    rows.push(row(`${name}_vec_h`, `0 Q=1 ${U} 01110 ${a} 111100 ${opcode} 10 Rn:5 Rd:5`, HALF, twoRegister(op)));
  }
  if (forms === "scalar" || forms === "scalar only") {
    rows.push(
      row(`${name}_scalar`, `01 ${U} 11110 ${a} sz=1 10000 ${opcode} 10 Rn:5 Rd:5`, SIMD, twoRegister(op)),
      row(`${name}_scalar_h`, `01 ${U} 11110 ${a} 111100 ${opcode} 10 Rn:5 Rd:5`, HALF, twoRegister(op)),
    );
  }
  return rows;
};

const estimate = (name: "URECPE" | "URSQRTE") => twoRegister(perElement(() => unsignedEstimateElement(name)));

/** Two-register forms that change the size of elements, or have one size only. */
const resizing: readonly Row[] = [
  row("URECPE", "0 Q=1 0 01110 10 10000 11100 10 Rn:5 Rd:5", SIMD, (b, f) => estimate("URECPE")(b, { ...f, sz: 0 })),
  row("URSQRTE", "0 Q=1 1 01110 10 10000 11100 10 Rn:5 Rd:5", SIMD, (b, f) => estimate("URSQRTE")(b, { ...f, sz: 0 })),
  row("FCVTL", "0 Q=1 0 01110 0 sz=1 10000 10111 10 Rn:5 Rd:5", SIMD, lengthen),
  row("FCVTN", "0 Q=1 0 01110 0 sz=1 10000 10110 10 Rn:5 Rd:5", SIMD, narrow(false)),
  row("FCVTXN_vec", "0 Q=1 1 01110 01 10000 10110 10 Rn:5 Rd:5", SIMD, (b, f) => narrow(true)(b, { ...f, sz: 1 })),
  row("FCVTXN_scalar", "01 1 11110 01 10000 10110 10 Rn:5 Rd:5", SIMD, narrowOddScalar),
];

const BY_ELEMENT: readonly (readonly [name: string, U: Bit, opcode: Bits4, op: FpLaneOp])[] = [
  ["FMLA", "0", "0001", multiplyAccumulate(false)],
  ["FMLS", "0", "0101", multiplyAccumulate(true)],
  ["FMUL", "0", "1001", simple("FMUL")],
  ["FMULX", "1", "1001", simple("FMULX")],
];

const byElementRows: readonly Row[] = BY_ELEMENT.flatMap(([name, U, opcode, op]) => {
  const body = byElement(op);
  return [
    row(`${name}_elt_h`, `0 Q=1 ${U} 01111 00 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`, HALF, body),
    row(`${name}_elt_s`, `0 Q=1 ${U} 01111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, SIMD, (b, f) =>
      body(b, { ...f, sz: 0 }),
    ),
    row(`${name}_elt_d`, `0 1 ${U} 01111 11 0 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, SIMD, (b, f) =>
      body(b, { ...f, Q: 1, sz: 1 }),
    ),
    row(`${name}_elt_scalar_h`, `01 ${U} 11111 00 L:1 M:1 Rm:4 ${opcode} H:1 0 Rn:5 Rd:5`, HALF, body),
    row(`${name}_elt_scalar_s`, `01 ${U} 11111 10 L:1 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, SIMD, (b, f) =>
      body(b, { ...f, sz: 0 }),
    ),
    row(`${name}_elt_scalar_d`, `01 ${U} 11111 11 0 Rm:5 ${opcode} H:1 0 Rn:5 Rd:5`, SIMD, (b, f) =>
      body(b, { ...f, sz: 1 }),
    ),
  ];
});

/** FEAT_FHM: U and opcode of the vector form, U and opcode by element; negated or not; upper halves or not. */
const LONG = [
  ["FMLAL", "0", "0", "11101", "0", "0000", false, false],
  ["FMLSL", "0", "1", "11101", "0", "0100", true, false],
  ["FMLAL2", "1", "0", "11001", "1", "1000", false, true],
  ["FMLSL2", "1", "1", "11001", "1", "1100", true, true],
] as const;
const FHM = { fp: true, feature: "FHM" } as const;

const longRows: readonly Row[] = LONG.flatMap(([name, U, a, opcode, elementU, elementOpcode, negated, upper]) => [
  row(`${name}`, `0 Q=1 ${U} 01110 ${a} 01 Rm:5 ${opcode} 1 Rn:5 Rd:5`, FHM, multiplyLong(negated, upper)),
  row(
    `${name}_elt`,
    `0 Q=1 ${elementU} 01111 10 L:1 M:1 Rm:4 ${elementOpcode} H:1 0 Rn:5 Rd:5`,
    FHM,
    multiplyLongByElement(negated, upper),
  ),
]);

interface ComplexSize {
  readonly Q: number;
  readonly size: number;
}
const complexFeature = (v: ComplexSize) => (v.size === 1 ? (["FCMA", "FP16"] as const) : ("FCMA" as const));
const COMPLEX = {
  fp: true,
  when: (v: ComplexSize) => v.size !== 0 && (v.size < 3 || v.Q === 1),
  feature: complexFeature,
} as const;

const complexRows: readonly Row[] = [
  row("FCMLA", "0 Q=1 1 01110 size=2 0 Rm:5 110 rot=2 1 Rn:5 Rd:5", COMPLEX, complexMultiply),
  row("FCADD", "0 Q=1 1 01110 size=2 0 Rm:5 111 rot=1 0 1 Rn:5 Rd:5", COMPLEX, complexAdd),
  row(
    "FCMLA_elt_4h",
    "0 0 1 01111 01 L:1 Rm:5 0 rot=2 1 0 0 Rn:5 Rd:5",
    { fp: true, feature: ["FCMA", "FP16"] },
    (b, f) => complexMultiplyByElement(b, { ...f, Q: 0, size: 1 }),
  ),
  row(
    "FCMLA_elt_8h",
    "0 1 1 01111 01 L:1 Rm:5 0 rot=2 1 H:1 0 Rn:5 Rd:5",
    { fp: true, feature: ["FCMA", "FP16"] },
    (b, f) => complexMultiplyByElement(b, { ...f, Q: 1, size: 1 }),
  ),
  row("FCMLA_elt_4s", "0 1 1 01111 10 0 Rm:5 0 rot=2 1 H:1 0 Rn:5 Rd:5", { fp: true, feature: "FCMA" }, (b, f) =>
    complexMultiplyByElement(b, { ...f, Q: 1, size: 2 }),
  ),
];

/** The element's size is the place of the highest 1 in immh. */
const FIXED_SIZES = [
  ["h", "001 shift:4", 16],
  ["s", "01 shift:5", 32],
  ["d", "1 shift:6", 64],
] as const;
const FIXED = [
  ["SCVTF", "0", "11100", fromFixed(false)],
  ["UCVTF", "1", "11100", fromFixed(true)],
  ["FCVTZS", "0", "11111", toFixed("Z", false)],
  ["FCVTZU", "1", "11111", toFixed("Z", true)],
] as const;

const fixedRows: readonly Row[] = FIXED.flatMap(([name, U, opcode, op]) =>
  FIXED_SIZES.flatMap(([letter, imm, width]) => {
    const options = width === 16 ? HALF : SIMD;
    const body = fixedPoint(op, width);
    return [
      row(`${name}_fixed_scalar_${letter}`, `01 ${U} 111110 ${imm} ${opcode} 1 Rn:5 Rd:5`, options, body),
      width === 64
        ? row(`${name}_fixed_vec_d`, `0 1 ${U} 011110 1 shift:6 ${opcode} 1 Rn:5 Rd:5`, SIMD, (b, f) =>
            body(b, { ...f, Q: 1 }),
          )
        : row(`${name}_fixed_vec_${letter}`, `0 Q=1 ${U} 011110 ${imm} ${opcode} 1 Rn:5 Rd:5`, options, body),
    ];
  }),
);

const immediateRows: readonly Row[] = [
  row("FMOV_imm_vec_h", "0 Q=1 0 0111100000 abc:3 1111 1 1 defgh:5 Rd:5", HALF, moveImmediate(16)),
  row("FMOV_imm_vec_s", "0 Q=1 0 0111100000 abc:3 1111 0 1 defgh:5 Rd:5", SIMD, moveImmediate(32)),
  row("FMOV_imm_vec_d", "0 1 1 0111100000 abc:3 1111 0 1 defgh:5 Rd:5", SIMD, (b, f) =>
    moveImmediate(64)(b, { ...f, Q: 1 }),
  ),
];

export const fpVector: readonly Row[] = [
  ...THREE_SAME.flatMap(threeSameRows),
  ...pairwiseRows,
  ...acrossRows,
  ...TWO_REGISTER.flatMap(twoRegisterRows),
  ...resizing,
  ...byElementRows,
  ...longRows,
  ...complexRows,
  ...fixedRows,
  ...immediateRows,
];
