import type { SerialBackend } from "./backend.js";

/** `--serial null`: output goes nowhere, input never comes. */
export const nullSerial: SerialBackend = {
  transmit() {},
  onReceive() {},
  async close() {},
};
