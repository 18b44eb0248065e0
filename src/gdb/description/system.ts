/**
 * `org.trapframe.aarch64.system`: system registers by their architectural names, in a group of their own, so that
 * `info registers` stays readable and `info registers system` shows them. Fields of the flags types: DDI 0487, D17.2
 * (ESR_ELx, HCR_EL2, SCR_EL3, SCTLR_ELx, TCR_ELx, VTCR_EL2) and C5.2 (SPSR_ELx).
 */

import { coreFeature } from "./core.js";
import { bit, type FlagField, type RegisterFeature, type RegisterType } from "./feature.js";

/** Fields as "NAME:bit" or "NAME:high-low", as the architecture's tables have them. */
function fields(text: string): FlagField[] {
  return text.split(" ").map((field) => {
    const [name = "", place = ""] = field.split(":");
    const [high, low = high] = place.split("-").map(Number);
    return high === low ? bit(name, high as number) : { name, start: low as number, end: high as number };
  });
}

const flags = (id: string, list: readonly FlagField[]): RegisterType => ({ kind: "flags", id, size: 8, fields: list });

const types: readonly RegisterType[] = [
  flags("spsr_flags", coreFeature.types[0].fields),
  flags("esr_flags", fields("ISS:24-0 IL:25 EC:31-26 ISS2:36-32")),
  flags(
    "hcr_flags",
    fields(
      "VM:0 SWIO:1 PTW:2 FMO:3 IMO:4 AMO:5 VF:6 VI:7 VSE:8 FB:9 BSU:11-10 DC:12 TWI:13 TWE:14 TID0:15 TID1:16 TID2:17 " +
        "TID3:18 TSC:19 TIDCP:20 TACR:21 TSW:22 TPCP:23 TPU:24 TTLB:25 TVM:26 TGE:27 TDZ:28 HCD:29 TRVM:30 RW:31 " +
        "CD:32 ID:33 E2H:34 TLOR:35 TERR:36 TEA:37 MIOCNCE:38 APK:40 API:41 NV:42 NV1:43 AT:44 NV2:45 FWB:46 EnSCXT:53",
    ),
  ),
  flags(
    "scr_flags",
    fields(
      "NS:0 IRQ:1 FIQ:2 EA:3 SMD:7 HCE:8 SIF:9 RW:10 ST:11 TWI:12 TWE:13 TLOR:14 TERR:15 APK:16 API:17 EEL2:18 " +
        "EnSCXT:25 HXEn:38",
    ),
  ),
  flags(
    "sctlr_el1_flags",
    fields(
      "M:0 A:1 C:2 SA:3 SA0:4 CP15BEN:5 nAA:6 ITD:7 SED:8 UMA:9 EnRCTX:10 EOS:11 I:12 EnDB:13 DZE:14 UCT:15 nTWI:16 " +
        "nTWE:18 WXN:19 TSCXT:20 IESB:21 EIS:22 SPAN:23 E0E:24 EE:25 UCI:26 EnDA:27 nTLSMD:28 LSMAOE:29 EnIB:30 " +
        "EnIA:31 BT0:35 BT1:36 DSSBS:44",
    ),
  ),
  flags(
    "sctlr_flags",
    fields(
      "M:0 A:1 C:2 SA:3 nAA:6 EOS:11 I:12 EnDB:13 WXN:19 IESB:21 EIS:22 EE:25 EnDA:27 EnIB:30 EnIA:31 BT:36 DSSBS:44",
    ),
  ),
  flags(
    "tcr_el1_flags",
    fields(
      "T0SZ:5-0 EPD0:7 IRGN0:9-8 ORGN0:11-10 SH0:13-12 TG0:15-14 T1SZ:21-16 A1:22 EPD1:23 IRGN1:25-24 ORGN1:27-26 " +
        "SH1:29-28 TG1:31-30 IPS:34-32 AS:36 TBI0:37 TBI1:38 HA:39 HD:40 HPD0:41 HPD1:42 TBID0:51 TBID1:52 E0PD0:55 E0PD1:56",
    ),
  ),
  flags(
    "tcr_flags",
    fields("T0SZ:5-0 IRGN0:9-8 ORGN0:11-10 SH0:13-12 TG0:15-14 PS:18-16 TBI:20 HA:21 HD:22 HPD:24 TBID:29"),
  ),
  flags(
    "vtcr_flags",
    fields("T0SZ:5-0 SL0:7-6 IRGN0:9-8 ORGN0:11-10 SH0:13-12 TG0:15-14 PS:18-16 VS:19 HA:21 HD:22 NSW:29 NSA:30"),
  ),
];

/**
 * What a register's value is, by name. EL2's SCTLR and TCR are shown in the layout of HCR_EL2.E2H = 0. Addresses are
 * numbers, but for those of code, which are shown with its name: GDB shifts and masks no pointers, and scripts do
 * (Linux's scripts/gdb/linux/cpus.py: `$SP_EL0 >> 63`).
 */
const TYPE_OF: readonly (readonly [RegExp, string])[] = [
  [/^SPSR_EL/, "spsr_flags"],
  [/^ESR_EL/, "esr_flags"],
  [/^HCR_EL2$/, "hcr_flags"],
  [/^SCR_EL3$/, "scr_flags"],
  [/^SCTLR_EL1$/, "sctlr_el1_flags"],
  [/^SCTLR_EL/, "sctlr_flags"],
  [/^TCR_EL1$/, "tcr_el1_flags"],
  [/^TCR_EL/, "tcr_flags"],
  [/^VTCR_EL2$/, "vtcr_flags"],
  [/^(ELR|VBAR|RVBAR)_EL/, "code_ptr"],
];

/** The group of `info registers GROUP`. */
export const SYSTEM_GROUP = "system";

/**
 * A feature with the registers of these names, 64 bits each, in this order. `g` does not carry them, and GDB does not
 * save and restore them around a function that it calls.
 */
export function systemFeature(names: readonly string[]): RegisterFeature {
  return {
    name: "org.trapframe.aarch64.system",
    general: false,
    types,
    registers: names.map((name) => ({
      name,
      bits: 64,
      type: TYPE_OF.find(([pattern]) => pattern.test(name))?.[1] ?? "uint64",
      group: SYSTEM_GROUP,
      saveRestore: false,
    })),
  };
}
