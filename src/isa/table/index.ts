/** All rows, in Arm's groups (DDI 0487, C4.1). */
import type { Row } from "../pattern.js";

export const TABLE: readonly Row[] = [];
