/**
 * `org.gnu.gdb.aarch64.pauth_v2`: which bits of a pointer are its authentication code, for data and for code, in the lower
 * and the upper half of the addresses (GDB manual, "AArch64 Features"). GDB 14 and later take the code off return
 * addresses with it; before, GDB does not know the feature, and those of before 13 crash on the first version of it.
 */

import type { RegisterFeature } from "./feature.js";
import { SYSTEM_GROUP } from "./system.js";

export const pauthFeature: RegisterFeature = {
  name: "org.gnu.gdb.aarch64.pauth_v2",
  general: false,
  types: [],
  registers: ["pauth_dmask", "pauth_cmask", "pauth_dmask_high", "pauth_cmask_high"].map((name) => ({
    name,
    bits: 64,
    type: "int",
    group: SYSTEM_GROUP,
    saveRestore: false,
  })),
};
