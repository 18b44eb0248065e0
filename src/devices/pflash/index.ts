/** Parallel NOR flash with the Common Flash Interface (JESD68.01) and Intel's command set (JEP137, 0x0001). */
export { type FlashMemory, Pflash, type PflashConfig, type PflashSnapshot } from "./pflash.js";
