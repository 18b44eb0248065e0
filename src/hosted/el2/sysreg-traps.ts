/**
 * System registers that hosted EL2 answers when a guest's access traps (EC 0x18), a row each. What has no row here is
 * UNDEFINED for the guest. SGI registers are an exit of their own (sgi.ts).
 */
import type { HostedCpu, Vcpu } from "../ports.js";
import { sysregAddress } from "./syndrome.js";
import type { VirtualInterrupts } from "./virtual-interrupts.js";

/** What a row may use. */
export interface SysregTrap {
  readonly vcpu: Vcpu;
  readonly cpu: HostedCpu;
  readonly interrupts: VirtualInterrupts | undefined;
}

export interface SysregTrapRow {
  readonly name: string;
  /** As in ESR_EL2.ISS (`sysregAddress`). */
  readonly address: number;
  read?(trap: SysregTrap): bigint;
  write?(trap: SysregTrap, value: bigint): void;
}

const CTL_WRITABLE = 3n;

export const SYSREG_TRAPS: readonly SysregTrapRow[] = [
  {
    name: "ICC_DIR_EL1",
    address: sysregAddress(3, 0, 12, 11, 1),
    write: ({ interrupts }, value) => interrupts?.deactivate(Number(value & 0xff_ffffn)),
  },
  // The physical counter and timer, when CNTHCTL_EL2 keeps EL1 from them.
  {
    name: "CNTPCT_EL0",
    address: sysregAddress(3, 3, 14, 0, 1),
    read: ({ vcpu, cpu }) => cpu.timer(vcpu).count(),
  },
  {
    name: "CNTP_TVAL_EL0",
    address: sysregAddress(3, 3, 14, 2, 0),
    read: ({ vcpu, cpu }) => cpu.timer(vcpu).readTval("physical"),
    write: ({ vcpu, cpu }, value) => cpu.timer(vcpu).writeTval("physical", BigInt.asUintN(32, value)),
  },
  {
    name: "CNTP_CTL_EL0",
    address: sysregAddress(3, 3, 14, 2, 1),
    read: ({ vcpu, cpu }) => cpu.timer(vcpu).readCtl("physical"),
    write: ({ vcpu, cpu }, value) => {
      vcpu.setSysreg("CNTP_CTL_EL0", value & CTL_WRITABLE);
      cpu.timer(vcpu).update();
    },
  },
  {
    name: "CNTP_CVAL_EL0",
    address: sysregAddress(3, 3, 14, 2, 2),
    read: ({ vcpu }) => vcpu.sysreg("CNTP_CVAL_EL0"),
    write: ({ vcpu, cpu }, value) => {
      vcpu.setSysreg("CNTP_CVAL_EL0", value);
      cpu.timer(vcpu).update();
    },
  },
];
