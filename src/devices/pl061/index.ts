/** PL061 general purpose input/output (Arm DDI 0190B). */
export { Pl061, type Pl061Snapshot } from "./pl061.js";
export { PushButton, type PushButtonSnapshot } from "./push-button.js";
