/** PCI Express: a host bridge with ECAM, and what a function on its bus is made of. */
export { type BarSpec, type FunctionSpec, PciFunction } from "./function.js";
export { PcieHost, type PcieWiring } from "./host.js";
export { Msi } from "./msi.js";
export { MSIX_BAR_SIZE, Msix } from "./msix.js";
