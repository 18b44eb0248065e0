/** PL031 real-time clock (Arm DDI 0224C). */
export { Pl031, type Pl031Config, type Pl031Snapshot, type Pl031Wiring } from "./pl031.js";
export { PL031_REGISTERS } from "./registers.js";
