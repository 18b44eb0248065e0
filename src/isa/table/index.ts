/** All rows, in Arm's groups (DDI 0487, C4.1). */
import type { Row } from "../pattern.js";
import { atomics } from "./atomics.js";
import { bfloat } from "./bfloat.js";
import { branches } from "./branches.js";
import { crypto } from "./crypto.js";
import { dataImmediate } from "./data-immediate.js";
import { dataRegister } from "./data-register.js";
import { exclusiveRows } from "./exclusives.js";
import { fpScalar } from "./fp-scalar.js";
import { fpVector } from "./fp-vector.js";
import { loadsStores } from "./loads-stores.js";
import { pointerAuthentication } from "./pointer-authentication.js";
import { simdElement } from "./simd-element.js";
import { simdLoadStore } from "./simd-loadstore.js";
import { simdMisc } from "./simd-misc.js";
import { simdPermute } from "./simd-permute.js";
import { simdShift } from "./simd-shift.js";
import { simdThreeDifferent } from "./simd-three-different.js";
import { simdThreeSame } from "./simd-three-same.js";
import { system } from "./system.js";

export const TABLE: readonly Row[] = [
  ...dataImmediate,
  ...dataRegister,
  ...branches,
  ...system,
  ...pointerAuthentication,
  ...loadsStores,
  ...exclusiveRows,
  ...atomics,
  ...simdLoadStore,
  ...simdPermute,
  ...simdThreeSame,
  ...simdThreeDifferent,
  ...simdMisc,
  ...simdElement,
  ...simdShift,
  ...crypto,
  ...fpScalar,
  ...fpVector,
  ...bfloat,
];
