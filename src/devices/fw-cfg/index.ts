/** The fw_cfg device of QEMU's boards (QEMU documentation, "QEMU Firmware Configuration (fw_cfg) Device"). */
export { FwCfg, type FwCfgItems, type FwCfgMemory, type FwCfgSnapshot } from "./fw-cfg.js";
export { type FwCfgFile, fileFault, type HandedOver, machineItems } from "./items.js";
export { WINDOW_SIZE } from "./registers.js";
