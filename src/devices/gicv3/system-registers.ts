/**
 * GICv3 system registers as rows: ICC_* with, where HCR_EL2 redirects EL1 to the virtual interface, ICV_* beside
 * it, and ICH_* (Arm IHI 0069H, sections 12.2 and 12.4).
 */
import type { AccessContext, PhysicalInterface } from "./physical.js";
import { G0, G1NS, G1S, ICH_HCR } from "./spec.js";
import type { VirtualInterface } from "./virtual.js";

/** The two halves of a vCPU's interface, as the rows see them. */
export interface InterfaceHalves {
  readonly physical: PhysicalInterface;
  readonly virtual: VirtualInterface;
}

type Read = (cpu: InterfaceHalves, ctx: AccessContext) => number | bigint;
type Write = (cpu: InterfaceHalves, value: bigint, ctx: AccessContext) => void;

/** A form of a register: a `peek` beside a `read` that has side effects. */
interface Form {
  readonly read?: Read;
  readonly peek?: Read;
  readonly write?: Write;
}

export interface GicRegisterRow extends Form {
  /** The ICH_HCR_EL2 bits that trap EL1's accesses to EL2 (ISS and preference rules are the CPU's). */
  readonly trappedBy: number;
  /** The HCR_EL2 bit that makes EL1's accesses virtual; "either" for registers common to both groups. */
  readonly virtualBy?: "FMO" | "IMO" | "either";
  /** The ICV_* form. */
  readonly icv?: Form;
  /** For ICH_LR<n>_EL2: which one. */
  readonly listRegister?: number;
}

const low = (value: bigint): number => Number(value & 0xffff_ffffn);
const intid = (value: bigint): number => Number(value & 0xff_ffffn);

/** Registers of Group 0 (virtual with FMO), of Group 1 (with IMO), of both. */
const group0 = (form: Form, icv: Form): GicRegisterRow => ({
  ...form,
  icv,
  virtualBy: "FMO",
  trappedBy: ICH_HCR.TALL0,
});
const group1 = (form: Form, icv: Form): GicRegisterRow => ({
  ...form,
  icv,
  virtualBy: "IMO",
  trappedBy: ICH_HCR.TALL1,
});
const common = (form: Form, icv: Form, alsoTrappedBy = 0): GicRegisterRow => ({
  ...form,
  icv,
  virtualBy: "either",
  trappedBy: ICH_HCR.TC | alsoTrappedBy,
});
/** Not reached by the ICH_HCR_EL2 traps. */
const plain = (form: Form): GicRegisterRow => ({ ...form, trappedBy: 0 });

/** SGIs have no virtual form: with FMO or IMO they trap to EL2 whatever ICH_HCR_EL2 says. */
const sgi = (write: Write): GicRegisterRow => ({ write, trappedBy: ICH_HCR.TC });

/** ICC_SRE_ELx: system registers only, so SRE, DFB, DIB (and Enable at EL2 and EL3) are RAO/WI. */
const SRE = 0x7;
const SRE_ENABLE = 0x8;

const listRegister = (n: number): GicRegisterRow => ({
  trappedBy: 0,
  listRegister: n,
  read: ({ virtual }) => virtual.readListRegister(n),
  write: ({ virtual }, value) => virtual.writeListRegister(n, value),
});

const activePriorities = (
  half: "physical" | "virtual",
  group: (cpu: InterfaceHalves, ctx: AccessContext) => number,
) => ({
  read: (cpu: InterfaceHalves, ctx: AccessContext): number => cpu[half].activePriorities[group(cpu, ctx)] as number,
  write: (cpu: InterfaceHalves, value: bigint, ctx: AccessContext): void => {
    cpu[half].activePriorities[group(cpu, ctx)] = low(value);
  },
});

const VIRTUAL_G1 = 1;

const ICC_REGISTERS = {
  ICC_PMR_EL1: common(
    {
      read: ({ physical }, ctx) => physical.readPmr(ctx),
      write: ({ physical }, value, ctx) => physical.writePmr(low(value) & 0xff, ctx),
    },
    {
      read: ({ virtual }) => virtual.pmr,
      write: ({ virtual }, value) => {
        virtual.pmr = low(value) & 0xff;
      },
    },
  ),
  ICC_IAR0_EL1: group0(
    {
      read: ({ physical }, ctx) => physical.acknowledge(true, ctx),
      peek: ({ physical }, ctx) => physical.acknowledgeable(true, ctx),
    },
    { read: ({ virtual }) => virtual.acknowledge(G0), peek: ({ virtual }) => virtual.acknowledgeable(G0) },
  ),
  ICC_EOIR0_EL1: group0(
    { write: ({ physical }, value, ctx) => physical.endOfInterrupt(true, intid(value), ctx) },
    { write: ({ virtual }, value) => virtual.endOfInterrupt(G0, intid(value)) },
  ),
  ICC_HPPIR0_EL1: group0(
    { read: ({ physical }, ctx) => physical.highestPending0(ctx) },
    { read: ({ virtual }) => virtual.highestPending(G0) },
  ),
  ICC_BPR0_EL1: group0(
    {
      read: ({ physical }) => physical.bpr[G0] as number,
      write: ({ physical }, value) => physical.writeBpr0(low(value)),
    },
    {
      read: ({ virtual }) => virtual.bpr0,
      write: ({ virtual }, value) => {
        virtual.bpr0 = low(value);
      },
    },
  ),
  ICC_AP0R0_EL1: group0(
    activePriorities("physical", () => G0),
    activePriorities("virtual", () => G0),
  ),
  ICC_AP1R0_EL1: group1(
    activePriorities("physical", ({ physical }, ctx) => physical.bankFor(ctx)),
    activePriorities("virtual", () => VIRTUAL_G1),
  ),
  ICC_DIR_EL1: common(
    { write: ({ physical }, value, ctx) => physical.deactivateInterrupt(intid(value), ctx) },
    { write: ({ virtual }, value) => virtual.deactivateInterrupt(intid(value)) },
    ICH_HCR.TDIR,
  ),
  ICC_RPR_EL1: common(
    { read: ({ physical }, ctx) => physical.readRunningPriority(ctx) },
    { read: ({ virtual }) => virtual.runningPriority() },
  ),
  ICC_SGI1R_EL1: sgi(({ physical }, value, ctx) => physical.sendSgi(value, physical.sgiGroup(false, ctx), ctx)),
  ICC_ASGI1R_EL1: sgi(({ physical }, value, ctx) => physical.sendSgi(value, physical.sgiGroup(true, ctx), ctx)),
  ICC_SGI0R_EL1: sgi(({ physical }, value, ctx) => physical.sendSgi(value, G0, ctx)),
  ICC_IAR1_EL1: group1(
    {
      read: ({ physical }, ctx) => physical.acknowledge(false, ctx),
      peek: ({ physical }, ctx) => physical.acknowledgeable(false, ctx),
    },
    {
      read: ({ virtual }) => virtual.acknowledge(VIRTUAL_G1),
      peek: ({ virtual }) => virtual.acknowledgeable(VIRTUAL_G1),
    },
  ),
  ICC_EOIR1_EL1: group1(
    { write: ({ physical }, value, ctx) => physical.endOfInterrupt(false, intid(value), ctx) },
    { write: ({ virtual }, value) => virtual.endOfInterrupt(VIRTUAL_G1, intid(value)) },
  ),
  ICC_HPPIR1_EL1: group1(
    { read: ({ physical }, ctx) => physical.highestPending1(ctx) },
    { read: ({ virtual }) => virtual.highestPending(VIRTUAL_G1) },
  ),
  ICC_BPR1_EL1: group1(
    {
      read: ({ physical }, ctx) => physical.readBpr1(ctx),
      write: ({ physical }, value, ctx) => physical.writeBpr1(low(value), ctx),
    },
    {
      read: ({ virtual }) => virtual.bpr1,
      write: ({ virtual }, value) => {
        virtual.bpr1 = low(value);
      },
    },
  ),
  ICC_CTLR_EL1: common(
    {
      read: ({ physical }, ctx) => physical.readControl(ctx),
      write: ({ physical }, value, ctx) => physical.writeControl(low(value), ctx),
    },
    {
      read: ({ virtual }) => virtual.readControl(),
      write: ({ virtual }, value) => virtual.writeControl(low(value)),
    },
  ),
  ICC_SRE_EL1: plain({ read: () => SRE, write: () => {} }),
  ICC_IGRPEN0_EL1: group0(
    {
      read: ({ physical }) => Number(physical.groupEnable[G0]),
      write: ({ physical }, value) => {
        physical.groupEnable[G0] = (value & 1n) !== 0n;
      },
    },
    {
      read: ({ virtual }) => Number(virtual.groupEnabled(G0)),
      write: ({ virtual }, value) => virtual.enableGroup(G0, (value & 1n) !== 0n),
    },
  ),
  ICC_IGRPEN1_EL1: group1(
    {
      read: ({ physical }, ctx) => Number(physical.groupEnable[physical.bankFor(ctx)]),
      write: ({ physical }, value, ctx) => {
        physical.groupEnable[physical.bankFor(ctx)] = (value & 1n) !== 0n;
      },
    },
    {
      read: ({ virtual }) => Number(virtual.groupEnabled(VIRTUAL_G1)),
      write: ({ virtual }, value) => virtual.enableGroup(VIRTUAL_G1, (value & 1n) !== 0n),
    },
  ),
  ICC_SRE_EL2: plain({ read: () => SRE | SRE_ENABLE, write: () => {} }),
  ICC_CTLR_EL3: plain({
    read: ({ physical }) => physical.readControlEl3(),
    write: ({ physical }, value) => physical.writeControlEl3(low(value)),
  }),
  ICC_SRE_EL3: plain({ read: () => SRE | SRE_ENABLE, write: () => {} }),
  ICC_IGRPEN1_EL3: plain({
    read: ({ physical }) => (physical.groupEnable[G1NS] ? 1 : 0) | (physical.groupEnable[G1S] ? 2 : 0),
    write: ({ physical }, value) => {
      physical.groupEnable[G1NS] = (value & 1n) !== 0n;
      physical.groupEnable[G1S] = (value & 2n) !== 0n;
    },
  }),
} as const satisfies Record<string, GicRegisterRow>;

const ICH_REGISTERS = {
  ICH_AP0R0_EL2: plain(activePriorities("virtual", () => G0)),
  ICH_AP1R0_EL2: plain(activePriorities("virtual", () => VIRTUAL_G1)),
  ICH_HCR_EL2: plain({
    read: ({ virtual }) => virtual.hcr,
    write: ({ virtual }, value) => virtual.writeHcr(low(value)),
  }),
  ICH_VTR_EL2: plain({ read: ({ virtual }) => virtual.readVtr() }),
  ICH_MISR_EL2: plain({ read: ({ virtual }) => virtual.readMisr() }),
  ICH_EISR_EL2: plain({ read: ({ virtual }) => virtual.readEisr() }),
  ICH_ELRSR_EL2: plain({ read: ({ virtual }) => virtual.readElrsr() }),
  ICH_VMCR_EL2: plain({
    read: ({ virtual }) => virtual.readVmcr(),
    write: ({ virtual }, value) => virtual.writeVmcr(low(value)),
  }),
  ICH_LR0_EL2: listRegister(0),
  ICH_LR1_EL2: listRegister(1),
  ICH_LR2_EL2: listRegister(2),
  ICH_LR3_EL2: listRegister(3),
  ICH_LR4_EL2: listRegister(4),
  ICH_LR5_EL2: listRegister(5),
  ICH_LR6_EL2: listRegister(6),
  ICH_LR7_EL2: listRegister(7),
  ICH_LR8_EL2: listRegister(8),
  ICH_LR9_EL2: listRegister(9),
  ICH_LR10_EL2: listRegister(10),
  ICH_LR11_EL2: listRegister(11),
  ICH_LR12_EL2: listRegister(12),
  ICH_LR13_EL2: listRegister(13),
  ICH_LR14_EL2: listRegister(14),
  ICH_LR15_EL2: listRegister(15),
} as const satisfies Record<string, GicRegisterRow>;

/** The architectural name of a GIC system register. ICV_* share the names (and encodings) of ICC_*. */
export type GicRegister = keyof typeof ICC_REGISTERS | keyof typeof ICH_REGISTERS;

export const GIC_SYSTEM_REGISTERS: Readonly<Record<GicRegister, GicRegisterRow>> = {
  ...ICC_REGISTERS,
  ...ICH_REGISTERS,
};

/**
 * The ICH_HCR_EL2 bits of which any, when set, traps EL1's accesses to a register to EL2; 0 for none. For the SGI
 * registers HCR_EL2.FMO and IMO trap too.
 */
export function ichTrapBits(register: GicRegister): number {
  return GIC_SYSTEM_REGISTERS[register].trappedBy;
}

/**
 * Whether an access made at EL1 goes to the virtual interface, given HCR_EL2.FMO and HCR_EL2.IMO (both taken as 0
 * where EL2 is not enabled).
 */
export function isVirtualAccess(register: GicRegister, fmo: boolean, imo: boolean): boolean {
  const by = GIC_SYSTEM_REGISTERS[register].virtualBy;
  if (by === undefined) return false;
  if (by === "either") return fmo || imo;
  return by === "FMO" ? fmo : imo;
}
