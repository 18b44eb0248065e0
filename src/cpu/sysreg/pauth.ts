/**
 * Pointer authentication keys (DDI 0487, D17.2, FEAT_PAuth).
 */
import { register } from "./row.js";

const KEYS = [
  ["APIA", 1, 0],
  ["APIB", 1, 2],
  ["APDA", 2, 0],
  ["APDB", 2, 2],
  ["APGA", 3, 0],
] as const;

export const POINTER_AUTHENTICATION = KEYS.flatMap(([key, crm, op2]) =>
  (["Lo", "Hi"] as const).map((half, offset) =>
    register(`${key}Key${half}_EL1`, [3, 0, 2, crm, op2 + offset], {
      features: ["PAuth"],
      trap: "authenticationKeys",
    }),
  ),
);
