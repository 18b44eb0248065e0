/** The guests of scripts/fuzz-system, and where the reference (QEMU 7.2) is known to do other than they ask. */
import type { Deviation } from "../compare.js";

export interface FuzzDeviation extends Deviation {
  /** Matched against the reference's line; without, it may be any. */
  readonly reference?: RegExp;
  /** The fields that may differ, when all others have to be equal. */
  readonly only?: readonly string[];
  /** The machines are in different states from here: the rest of the case is not compared. */
  readonly diverges?: boolean;
}

export interface FuzzGuest {
  readonly name: string;
  /** It is firmware/fuzz-PROGRAM; without, its name says so. */
  readonly program?: string;
  /** Where it is entered; without, at EL2. */
  readonly level?: 3;
  /** Default: 1. It starts none of the others, but their redistributors are there. */
  readonly cpus?: number;
  /** Cases in one start of the machines: a few seconds. */
  readonly batch: number;
  readonly deviations: readonly FuzzDeviation[];
}

const TRAPS: readonly FuzzDeviation[] = [
  {
    line: /^#\d+ msr daif(set|clr) el=0 .* esr=620(cd|ed)3fe /,
    reference: / esr=620(79|7d)3fe /,
    why: "Op1 and Op2 of the syndrome are exchanged (DDI 0487, ISS encoding of EC 0x18)",
  },
  {
    // TPM is bit 6 of MDCR_EL2; SW, CR and ER are bits 1 to 3 of PMUSERENR_EL0.
    line: /^#\d+ m(sr|rs) pm\w+_el0 el=0 .* mdcr=\w*[4-7c-f]\w .* pmuserenr=[2-9a-f] .*: EL2\+400 esr=62/,
    reference: /:$/,
    why: "an access that PMUSERENR_EL0.{SW,CR,ER} allow to EL0 is not trapped by MDCR_EL2.TPM (DDI 0487, D17.3)",
  },
  {
    line: /^#\d+ m(sr|rs) (osdtr[rt]x|oseccr|dbgprcr|dbgclaim(set|clr)|dbgauthstatus|dbgdtr(rx|tx)?)_el[01] /,
    why: "the register is not implemented",
  },
  { line: /^#\d+ m(sr|rs) mdccsr_el0 /, why: "MDSCR_EL1.TDCC is not implemented" },
  { line: /^#\d+ m(sr|rs) (l2\w*|cpu\w*|cbar)_el1 /, why: "HCR_EL2.TIDCP is not implemented" },
  {
    // TGE is bit 27 and E2H bit 34.
    line: /^#\d+ m(sr|rs) scxtnum_el0 el=0 hcr=\w*[4-7c-f]\w[89a-f]\w{6} /,
    reference: /: EL2\+400 esr=62/,
    why: "HCR_EL2.EnSCXT is not of effect for EL0 of a host (DDI 0487, SCXTNUM_EL0)",
  },
  {
    line: /^#\d+ mrs cntpct_el0 el=0 /,
    why: "CNTHCTL_EL2.EL1PCTEN of an EL0 access is taken from the bit of EL1PCEN",
  },
  {
    // Or the first instruction of EL1's vectors, MRS ESR_EL1, is trapped by HCR_EL2.TRVM.
    line: /^#\d+ dc zva .* esr=(9[26]|62301445)/,
    reference: /:$/,
    why: "DC ZVA to Device memory, as all is with translation off, is no Alignment fault (DDI 0487, DC ZVA)",
  },
];

const TRAPS_EL3: readonly FuzzDeviation[] = [
  ...TRAPS,
  {
    // NS is bit 0.
    line: /^#\d+ hvc el=1 .* scr=\w*[02468ace] .*: EL1\+/,
    reference: /: EL2\+600 esr=5a000001 /,
    why: "HVC in Secure state goes to EL2 although that is disabled (DDI 0487, D1.3.1)",
  },
  {
    line: /^#\d+ m(sr|rs) pm\w+_el0 el=0 .* pmuserenr=[2-9a-f] .* mdcr3=\w?40: EL3\+400 esr=62/,
    reference: /:$/,
    why: "an access that PMUSERENR_EL0.{SW,CR,ER} allow to EL0 is not trapped by MDCR_EL3.TPM (DDI 0487, D17.3)",
  },
  {
    line: /^#\d+ mrs mdcr_el2 el=2 .* mdcr3=[26]\w\w: EL3/,
    reference: /:$/,
    why: "MDCR_EL3.TDA does not trap MDCR_EL2 (DDI 0487, MDCR_EL2)",
  },
  {
    line: /^#\d+ mrs \w+_el(12|02) el=2 .*: EL2\+200 esr=2000000 /,
    why: "EL2's names for registers of EL1 are not UNDEFINED without HCR_EL2.E2H (DDI 0487, SCTLR_EL1)",
  },
];

const ROUTES: readonly FuzzDeviation[] = [
  {
    line: / daifclr.*: EL\d\+400 esr=620[ce]d3\w\w /,
    only: ["esr"],
    why: "Op1 and Op2 of the syndrome are exchanged (DDI 0487, ISS encoding of EC 0x18)",
  },
  {
    line: / hvc: EL3\+[02]00 esr=5a000007 elr=\+4 spsr=\w+$/,
    // What it would be, or an interrupt that EL3 takes when EL2's vector is reached.
    reference: / hvc: (EL2\+[02]00 esr=5a000007 elr=\+4 |EL3\+[45]\w0 elr=\w+[02]00 spsr=\w*3c9$)/,
    why: "HVC at EL3 goes to EL2 (DDI 0487, HVC), and what comes there goes on",
  },
  {
    // NS is bit 0.
    line: / scr=\w*[02468ace] .* hvc: EL1\+[02]00 esr=2000000 elr=\+0 spsr=\w+$/,
    reference: / hvc: EL2\+600 esr=5a000007 elr=\+4 /,
    why: "HVC in Secure state goes to EL2 although that is disabled (DDI 0487, D1.3.1)",
  },
  { line: / pan=[01] /, only: ["pan"], why: "PAN is not taken from the SPSR of an illegal return (SetPSTATEFromSPSR)" },
];

const HIDDEN =
  "what is pending for a group that ICC_IGRPEN<n>_EL1 has disabled hides the other group (IHI 0069, 4.8 and 12.2)";

const GIC: readonly FuzzDeviation[] = [
  { line: /^ {2}hppir .* igrpen=[0-2] /, only: ["v", "isr"], why: HIDDEN },
  { line: /^ {2}iar[01] .* igrpen=[0-2] /, reference: / v=3ff /, diverges: true, why: HIDDEN },
  { line: / igrpen=[0-2] /, reference: / isr=0 /, only: ["isr"], why: HIDDEN },
];

const WORLDS: readonly FuzzDeviation[] = [
  { line: /^ {2}iar[01] .* igrpen=[0-6] /, reference: / v=3ff /, diverges: true, why: HIDDEN },
  // Or is not taken during an access.
  { line: / vector=.* igrpen=[0-6] /, reference: /hppir0=3ff hppir1=3ff/, diverges: true, why: HIDDEN },
  { line: /^ {2}read .* igrpen=[0-6] /, only: ["v", "hppir0", "hppir1", "isr"], why: HIDDEN },
  { line: / igrpen=[0-6] .* hppir/, only: ["hppir0", "hppir1", "isr"], why: HIDDEN },
];

const VGIC: readonly FuzzDeviation[] = [
  {
    line: /^ {2}iar[01] \d v=20[0-9a-f]{2} /,
    diverges: true,
    why: "an LPI that is acknowledged becomes active, a state LPIs do not have (IHI 0069, 4.1.1)",
  },
  {
    // VEOIM is bit 9.
    line: /^ {2}eoir.* vmcr=\w*[2367abef]\w\w /,
    only: ["hcr", "misr", "maintenance"],
    diverges: true,
    why: "with EOImode 1 ICV_EOIR counts in EOIcount what ICV_DIR will count as well (IHI 0069, ICH_HCR_EL2.EOIcount)",
  },
  {
    // VGrp0DIE is bit 5, and one of the groups enabled.
    line: / hcr=\w*[2367abef]\w vmcr=\w*[9a] /,
    only: ["misr", "maintenance"],
    why: "ICH_MISR_EL2.VGrp0D looks at VENG1 (IHI 0069, ICH_MISR_EL2)",
  },
];

const MMU: readonly FuzzDeviation[] = [
  {
    // S1PTW is bit 7 of the syndrome.
    line: /^ {2}.* esr=(82|92)\w+[89a-f]\w .* hpfar=/,
    reference: / esr=(82|92)\w+[89a-f]\w .* hpfar=/,
    only: ["esr"],
    why: "the level of a stage-2 fault of a table walk is replaced by that of stage 1 (DDI 0487, ESR_ELx ISS, xFSC)",
  },
  {
    line: /^ {2}at s1.* par=/,
    only: ["sh"],
    why: "SH of Device and Non-cacheable memory is not shown as Outer Shareable (DDI 0487, PAR_EL1)",
  },
];

const PMU: readonly FuzzDeviation[] = [
  {
    // HPMN is the low bits, and there are 6 counters.
    line: /^ {2}pm\w+ el=[01] .* ns=1 mdcr=\w*[1-5] /,
    diverges: true,
    why: "MDCR_EL2.HPMN hides no counters from EL1 and EL0 (DDI 0487, MDCR_EL2)",
  },
  {
    line: /^ {2}scr /,
    reference: /^ {2}scr /,
    only: ["counters", "overflow", "pending"],
    diverges: true,
    why: "a write of SCR_EL3 does not bring up to date what is counted by Security state",
  },
  {
    line: / mdcr=\w*[1-5] /,
    only: ["pending"],
    why: "the interrupt of EL2's counters asks for PMCR_EL0.E and not for MDCR_EL2.HPME (DDI 0487, D13.1.1)",
  },
  {
    line: /^ {2}pmcr /,
    only: ["pending"],
    diverges: true,
    why: "a write of PMCR_EL0 leaves the interrupt as it is",
  },
  {
    // Which the step "count" does as well.
    line: /^ {2}(mdcr_el2|count) /,
    only: ["pending"],
    diverges: true,
    why: "and so does a write of MDCR_EL2, which says by HPMN and HPME whose each counter is and whether it counts",
  },
  {
    line: /^ {2}(pmswinc|count) el=(3 |\d v=\w+ ns=0 )/,
    diverges: true,
    why: "MDCR_EL3.SPME prohibits counting in Secure state, where it should permit it (DDI 0487, MDCR_EL3)",
  },
];

const TIMERS: readonly FuzzDeviation[] = [
  {
    // Taken by EL2 on one of them, and on the other not or by EL1.
    line: /^ {2}counter [14] v=\w+ EL0 /,
    only: ["v", "to", "esr"],
    why: "CNTHCTL_EL2.EL1PCTEN of an EL0 access is taken from the bit of EL1PCEN",
  },
];

const DEBUG: readonly FuzzDeviation[] = [
  {
    // BT is bits 23 to 20.
    line: / b[45]=[289a]\w{5}@/,
    why: "breakpoints of a context without an address, and of a VMID, are not implemented",
  },
  {
    // ISV is bit 24.
    line: / esr=cb000022 elr=[1-9a-f]/,
    reference: / esr=ca000022 /,
    only: ["esr"],
    why: "whether a step that ended in another exception has stepped is the implementation's (DDI 0487, SoftwareStep_DidNotStep)",
  },
];

export const programOf = ({ name, program = name }: FuzzGuest): string => `fuzz-${program}`;

export const GUESTS: readonly FuzzGuest[] = [
  { name: "traps", batch: 2000, deviations: TRAPS },
  { name: "traps-el3", program: "traps", level: 3, batch: 500, deviations: TRAPS_EL3 },
  { name: "routes", batch: 2000, deviations: ROUTES },
  { name: "routes-el3", program: "routes", level: 3, batch: 2000, deviations: ROUTES },
  { name: "mmu", batch: 500, deviations: MMU },
  { name: "mmu-el3", program: "mmu", level: 3, batch: 500, deviations: MMU },
  { name: "gic", batch: 100, deviations: GIC },
  { name: "worlds", level: 3, batch: 100, deviations: WORLDS },
  { name: "its", cpus: 4, batch: 200, deviations: [] },
  { name: "vgic", batch: 100, deviations: VGIC },
  { name: "debug", level: 3, batch: 1000, deviations: DEBUG },
  { name: "timers", level: 3, batch: 200, deviations: TIMERS },
  { name: "pmu", level: 3, batch: 100, deviations: PMU },
];
