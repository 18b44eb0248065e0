/**
 * The GICv3 CPU interface: physical (ICC_*), virtual (ICV_*, the same encodings) and hypervisor control (ICH_*)
 * registers (IHI 0069, chapter 12). The model of the interface is in devices/gicv3; rows here say who gets to it.
 */
import { HCR, SCR } from "./bits.js";
import { trapsChanged } from "./effects.js";
import type { GicAccess } from "./host.js";
import { type Access, type RowOptions, register, type SysregRow } from "./row.js";
import type { TrapClass } from "./traps.js";

type At = Parameters<typeof register>[1];

/** HCR_EL2 bits of which any sends EL1 to the virtual interface. */
const VIRTUAL_BITS: Readonly<Partial<Record<TrapClass, number>>> = {
  gicCommon: HCR.IMO | HCR.FMO,
  gicDeactivate: HCR.IMO | HCR.FMO,
  gicGroup0: HCR.FMO,
  gicGroup1: HCR.IMO,
};

function gicAccess({ vcpu, row, el }: Access): GicAccess {
  const { hcr, scr } = vcpu.controls;
  const virtualBits = (row.trap && VIRTUAL_BITS[row.trap]) ?? 0;
  return {
    el: el === 3 ? 3 : el === 2 ? 2 : 1,
    secure: (scr & SCR.NS) === 0,
    fiqToEl3: (scr & SCR.FIQ) !== 0,
    irqToEl3: (scr & SCR.IRQ) !== 0,
    virtual: el === 1 && (hcr & virtualBits) !== 0,
  };
}

const forwarded = {
  gic: true,
  read: (access) => access.host.gic(access.vcpu)?.read(access.row.name, gicAccess(access)) ?? 0n,
  peek: (access) => access.host.gic(access.vcpu)?.peek(access.row.name, gicAccess(access)) ?? 0n,
  write: (access, value) => access.host.gic(access.vcpu)?.write(access.row.name, gicAccess(access), value),
} satisfies RowOptions;

const cpuInterface = (name: string, at: At, trap: TrapClass, access: "RW" | "RO" | "WO" = "RW"): SysregRow =>
  register(name, at, { ...forwarded, trap, access });
const hypervisor = (name: string, at: At, access: "RW" | "RO" = "RW"): SysregRow =>
  register(name, at, { ...forwarded, access });

const LIST_REGISTERS = 16;

/** System registers only: SRE, DFB, DIB (and Enable, at EL2 and EL3) are RAO/WI. */
const systemRegisterEnable = (name: string, at: At, value: bigint): SysregRow =>
  register(name, at, { gic: true, reset: value, writable: 0n });

export const GIC = [
  cpuInterface("ICC_PMR_EL1", [3, 0, 4, 6, 0], "gicCommon"),
  cpuInterface("ICC_IAR0_EL1", [3, 0, 12, 8, 0], "gicGroup0", "RO"),
  cpuInterface("ICC_EOIR0_EL1", [3, 0, 12, 8, 1], "gicGroup0", "WO"),
  cpuInterface("ICC_HPPIR0_EL1", [3, 0, 12, 8, 2], "gicGroup0", "RO"),
  cpuInterface("ICC_BPR0_EL1", [3, 0, 12, 8, 3], "gicGroup0"),
  // Five bits of priority need one register of active priorities per group.
  cpuInterface("ICC_AP0R0_EL1", [3, 0, 12, 8, 4], "gicGroup0"),
  cpuInterface("ICC_AP1R0_EL1", [3, 0, 12, 9, 0], "gicGroup1"),
  cpuInterface("ICC_DIR_EL1", [3, 0, 12, 11, 1], "gicDeactivate", "WO"),
  cpuInterface("ICC_RPR_EL1", [3, 0, 12, 11, 3], "gicCommon", "RO"),
  cpuInterface("ICC_SGI1R_EL1", [3, 0, 12, 11, 5], "gicSoftware", "WO"),
  cpuInterface("ICC_ASGI1R_EL1", [3, 0, 12, 11, 6], "gicSoftware", "WO"),
  cpuInterface("ICC_SGI0R_EL1", [3, 0, 12, 11, 7], "gicSoftware", "WO"),
  cpuInterface("ICC_IAR1_EL1", [3, 0, 12, 12, 0], "gicGroup1", "RO"),
  cpuInterface("ICC_EOIR1_EL1", [3, 0, 12, 12, 1], "gicGroup1", "WO"),
  cpuInterface("ICC_HPPIR1_EL1", [3, 0, 12, 12, 2], "gicGroup1", "RO"),
  cpuInterface("ICC_BPR1_EL1", [3, 0, 12, 12, 3], "gicGroup1"),
  cpuInterface("ICC_CTLR_EL1", [3, 0, 12, 12, 4], "gicCommon"),
  systemRegisterEnable("ICC_SRE_EL1", [3, 0, 12, 12, 5], 7n),
  cpuInterface("ICC_IGRPEN0_EL1", [3, 0, 12, 12, 6], "gicGroup0"),
  cpuInterface("ICC_IGRPEN1_EL1", [3, 0, 12, 12, 7], "gicGroup1"),

  hypervisor("ICH_AP0R0_EL2", [3, 4, 12, 8, 0]),
  hypervisor("ICH_AP1R0_EL2", [3, 4, 12, 9, 0]),
  systemRegisterEnable("ICC_SRE_EL2", [3, 4, 12, 9, 5], 15n),
  register("ICH_HCR_EL2", [3, 4, 12, 11, 0], {
    ...forwarded,
    // The slot mirrors the trap bits for the checks of EL1 accesses.
    write: (access, value) => {
      forwarded.write(access, value);
      access.vcpu.setSysreg("ICH_HCR_EL2", value);
      trapsChanged(access);
    },
  }),
  hypervisor("ICH_VTR_EL2", [3, 4, 12, 11, 1], "RO"),
  hypervisor("ICH_MISR_EL2", [3, 4, 12, 11, 2], "RO"),
  hypervisor("ICH_EISR_EL2", [3, 4, 12, 11, 3], "RO"),
  hypervisor("ICH_ELRSR_EL2", [3, 4, 12, 11, 5], "RO"),
  hypervisor("ICH_VMCR_EL2", [3, 4, 12, 11, 7]),
  ...Array.from({ length: LIST_REGISTERS }, (_, n) => hypervisor(`ICH_LR${n}_EL2`, [3, 4, 12, 12 + (n >> 3), n & 7])),

  hypervisor("ICC_CTLR_EL3", [3, 6, 12, 12, 4]),
  systemRegisterEnable("ICC_SRE_EL3", [3, 6, 12, 12, 5], 15n),
  hypervisor("ICC_IGRPEN1_EL3", [3, 6, 12, 12, 7]),
  register("ISR_EL1", [3, 0, 12, 1, 0], { access: "RO", read: ({ vcpu }) => vcpu.interruptStatus() }),
];
