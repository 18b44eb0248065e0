/**
 * Architectural features by their FEAT_ names (DDI 0487, A2). A CPU model is a set of them; the ID registers are
 * computed from the set (cpu/sysreg/id.ts), and encodings of absent features are UNDEFINED.
 */
export const FEATURES = [
  "CRC32", "AES", "PMULL", "SHA1", "SHA256", "LSE", "RDM", "LRCPC", "LRCPC2", "JSCVT", "FCMA", "DotProd", "FP16",
  "DPB", "DPB2", "FlagM", "FlagM2", "DIT", "SHA3", "SHA512", "SM3", "SM4", "PAN", "PAN2", "UAO", "VHE", "LOR",
  "FHM", "FRINTTS", "SB", "SPECRES", "SSBS", "BTI", "PAuth", "LSE2", "TTST", "IDST", "CSV2", "I8MM",
  "BF16", "S2FWB", "TTL", "XNX", "HPDS", "VMID16", "TLBIOS", "TLBIRANGE", "CONSTPACFIELD", "E0PD",
] as const;
export type Feature = (typeof FEATURES)[number];
