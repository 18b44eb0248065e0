/**
 * What a boot loader writes into a tree before it enters the kernel: memory, command line, initrd. Linux,
 * Documentation/devicetree/bindings/chosen.txt; Devicetree Specification v0.4, sections 3.4 and 3.6.
 */
import { type DeviceTreeNode, inCells, strings } from "./tree.js";

export interface BootParameters {
  readonly ram: { readonly base: number; readonly size: number };
  /** Undefined leaves the tree's own bootargs alone. */
  readonly append?: string;
  readonly initrd?: { readonly address: number; readonly size: number };
}

/** Changes `root`. The length of what is written depends on `append` alone, not on any address. */
export function patchBoot(root: DeviceTreeNode, { ram, append, initrd }: BootParameters): void {
  patchMemory(root, ram);
  const chosen = root.child("chosen") ?? root.add("chosen");
  if (append !== undefined) {
    chosen.set("bootargs", strings(append));
  }
  chosen.remove("linux,initrd-start");
  chosen.remove("linux,initrd-end");
  if (initrd) {
    chosen.set("linux,initrd-start", inCells(initrd.address, 2));
    chosen.set("linux,initrd-end", inCells(initrd.address + initrd.size, 2));
  }
}

/** One memory node, where the tree's first one was. */
function patchMemory(root: DeviceTreeNode, ram: BootParameters["ram"]): void {
  const reg = Buffer.concat([
    inCells(ram.base, root.cell("#address-cells") ?? 2),
    inCells(ram.size, root.cell("#size-cells") ?? 1),
  ]);
  const name = `memory@${ram.base.toString(16)}`;
  const isMemory = (node: DeviceTreeNode) => node.text("device_type") === "memory" || /^memory(@|$)/.test(node.name);
  const old = root.children.filter(isMemory);
  const keep = old.find((node) => node.name === name) ?? old[0];
  for (const node of old) {
    if (node !== keep) {
      root.children.splice(root.children.indexOf(node), 1);
    }
  }
  (keep ?? root.add(name)).set("device_type", strings("memory")).set("reg", new Uint8Array(reg));
}
