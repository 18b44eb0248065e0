/** PL011 UART (Arm DDI 0183G). */
export type { Timekeeping } from "./input-gate.js";
export {
  type LineErrors,
  type ModemInputs,
  Pl011,
  type Pl011Config,
  type Pl011Snapshot,
  type Pl011Wiring,
  type SerialBackend,
} from "./pl011.js";
export { PL011_REGISTERS } from "./registers.js";
