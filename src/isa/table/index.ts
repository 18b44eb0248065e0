/** All rows, in Arm's groups (DDI 0487, C4.1). */
import type { Row } from "../pattern.js";
import { atomics } from "./atomics.js";
import { branches } from "./branches.js";
import { dataImmediate } from "./data-immediate.js";
import { dataRegister } from "./data-register.js";
import { exclusiveRows } from "./exclusives.js";
import { loadsStores } from "./loads-stores.js";
import { system } from "./system.js";

export const TABLE: readonly Row[] = [
  ...dataImmediate,
  ...dataRegister,
  ...branches,
  ...system,
  ...loadsStores,
  ...exclusiveRows,
  ...atomics,
];
