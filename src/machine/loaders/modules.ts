/**
 * Boot modules: files a boot loader leaves in RAM for a hypervisor to find by the tree's /chosen (Xen,
 * docs/misc/arm/device-tree/booting.txt; what QEMU calls the guest loader).
 */
import type { DeviceTreeNode } from "../device-tree/tree.js";
import { cells, inCells, strings } from "../device-tree/tree.js";

/** What a module is to a hypervisor: the `compatible` that comes beside "multiboot,module". */
export const MODULE_KINDS = {
  kernel: "multiboot,kernel",
  ramdisk: "multiboot,ramdisk",
  dtb: "multiboot,device-tree",
  xsm: "xen,xsm-policy",
  /** For the hypervisor to guess; Xen takes the first for the kernel and the second for the initrd. */
  module: undefined,
  /** In RAM and no more: a given tree tells of it, in a node of another domain's for one. */
  bytes: null,
} as const;

export type ModuleKind = keyof typeof MODULE_KINDS;

export interface BootModule {
  /** For errors. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly kind: ModuleKind;
  /** Physical; without it a place is found. */
  readonly address?: number;
  /** `bootargs` of its node. */
  readonly append?: string;
}

/** One node for each module, in the given order; nodes that a given tree has stay. */
export function addModuleNodes(chosen: DeviceTreeNode, modules: readonly (BootModule & { address: number })[]): void {
  if (modules.length === 0) return;
  // `reg` is in /chosen's own cells (Devicetree Specification, 2.3.5); a given tree with modules has said which.
  const addressCells = chosen.cell("#address-cells") ?? 2;
  const sizeCells = chosen.cell("#size-cells") ?? 2;
  chosen.set("#address-cells", cells(addressCells)).set("#size-cells", cells(sizeCells));
  for (const { kind, address, bytes, append } of modules) {
    const specific = MODULE_KINDS[kind];
    if (specific === null) continue;
    const node = chosen
      .add(`module@${address.toString(16)}`)
      .set("compatible", strings(...(specific === undefined ? [] : [specific]), "multiboot,module"))
      .set("reg", new Uint8Array([...inCells(address, addressCells), ...inCells(bytes.length, sizeCells)]));
    if (append !== undefined) node.set("bootargs", strings(append));
  }
}
