/**
 * Self-hosted debug, the OS lock and the debug communications channel (DDI 0487, D17.3 and H9). No external debugger
 * is attached: the channel reads empty and takes writes without a reader.
 */
import type { CpuModel } from "../model.js";
import { debugChanged, trapsChanged } from "./effects.js";
import { type Access, bits, mask, register, type SysregRow } from "./row.js";

const debug = { trap: "debug" } as const;
const debugOs = { trap: "debugOs" } as const;

/** DDI 0487 has up to 16 of each; how many exist is the model's. */
const MAX_POINTS = 16;

const OSLK = mask(1);
/** OSLM: the OS lock is implemented (OSLSR_EL1[3] set, [0] clear). */
const OSLM = mask(3);

const present =
  (kind: "breakpoints" | "watchpoints", n: number) =>
  (model: CpuModel): boolean =>
    n < model[kind];

function points(n: number): SysregRow[] {
  const breakpoint = { ...debug, changed: debugChanged, exists: present("breakpoints", n) };
  const watchpoint = { ...debug, changed: debugChanged, exists: present("watchpoints", n) };
  return [
    // Bits 1 and 0 of an address are RES0; the top bits of a context match are VMID and context.
    register(`DBGBVR${n}_EL1`, [2, 0, 0, n, 4], { ...breakpoint, writable: bits(63, 2) | 3n }),
    register(`DBGBCR${n}_EL1`, [2, 0, 0, n, 5], { ...breakpoint, writable: bits(23, 13) | bits(8, 5) | bits(2, 0) }),
    register(`DBGWVR${n}_EL1`, [2, 0, 0, n, 6], { ...watchpoint, writable: bits(63, 2) }),
    register(`DBGWCR${n}_EL1`, [2, 0, 0, n, 7], {
      ...watchpoint,
      writable: bits(28, 24) | bits(20, 13) | bits(12, 0),
    }),
  ];
}

const lockAccess = ({ vcpu, host }: Access, value: bigint): void => {
  const status = vcpu.sysreg("OSLSR_EL1");
  vcpu.setSysreg("OSLSR_EL1", (value & 1n) !== 0n ? status | OSLK : status & ~OSLK);
  host.debugChanged(vcpu);
};

/** CLAIM tags: writing ones sets or clears; SET reads as all tags that exist, CLR as the ones set. */
const CLAIM_TAGS = 0xffn;

export const DEBUG = [
  register("OSDTRRX_EL1", [2, 0, 0, 0, 2], { ...debug, writable: bits(31, 0) }),
  register("MDCCINT_EL1", [2, 0, 0, 2, 0], { ...debug, writable: bits(30, 29) }),
  register("MDSCR_EL1", [2, 0, 0, 2, 2], {
    ...debug,
    writable: mask(0, 6, 12, 13, 14, 15, 19, 21, 26, 27, 29, 30) | bits(23, 22),
    changed: (access) => {
      trapsChanged(access);
      debugChanged(access);
    },
  }),
  register("OSDTRTX_EL1", [2, 0, 0, 3, 2], { ...debug, writable: bits(31, 0) }),
  register("OSECCR_EL1", [2, 0, 0, 6, 2], { ...debug, writable: bits(31, 0) }),
  ...Array.from({ length: MAX_POINTS }, (_, n) => points(n)).flat(),
  register("MDRAR_EL1", [2, 0, 1, 0, 0], { access: "RO", trap: "debugRom" }),
  register("OSLAR_EL1", [2, 0, 1, 0, 4], { ...debugOs, access: "WO", writable: 1n, write: lockAccess }),
  // The OS lock is locked out of reset.
  register("OSLSR_EL1", [2, 0, 1, 1, 4], { ...debugOs, access: "RO", reset: OSLM | OSLK }),
  register("OSDLR_EL1", [2, 0, 1, 3, 4], { ...debugOs, writable: 1n }),
  register("DBGPRCR_EL1", [2, 0, 1, 4, 4], { ...debugOs, writable: 1n }),
  register("DBGCLAIMSET_EL1", [2, 0, 7, 8, 6], {
    ...debug,
    writable: CLAIM_TAGS,
    read: () => CLAIM_TAGS,
    write: ({ vcpu }, value) => vcpu.setSysreg("DBGCLAIMCLR_EL1", vcpu.sysreg("DBGCLAIMCLR_EL1") | value),
  }),
  register("DBGCLAIMCLR_EL1", [2, 0, 7, 9, 6], {
    ...debug,
    writable: CLAIM_TAGS,
    write: ({ vcpu }, value) => vcpu.setSysreg("DBGCLAIMCLR_EL1", vcpu.sysreg("DBGCLAIMCLR_EL1") & ~value),
  }),
  // Each kind of debug implemented and disabled: no debugger drives the authentication interface.
  register("DBGAUTHSTATUS_EL1", [2, 0, 7, 14, 6], { ...debug, access: "RO", reset: 0xaan }),
  register("MDCCSR_EL0", [2, 3, 0, 1, 0], { access: "RO", trap: "debugChannel" }),
  register("DBGDTR_EL0", [2, 3, 0, 4, 0], { trap: "debugChannel", read: () => 0n, write: () => undefined }),
  // DBGDTRRX_EL0 when read, DBGDTRTX_EL0 when written.
  register("DBGDTRRX_EL0", [2, 3, 0, 5, 0], { trap: "debugChannel", read: () => 0n, write: () => undefined }),
];
