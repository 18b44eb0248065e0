import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { descriptionFor, loadMachineDescription } from "../../../src/machine/description.js";
import { readFdt, writeFdt } from "../../../src/machine/device-tree/fdt.js";
import { type DeviceTreeOptions, generateDeviceTree } from "../../../src/machine/device-tree/generate.js";
import type { DeviceTreeNode } from "../../../src/machine/device-tree/tree.js";
import { dtc } from "./dtc.js";

const description = descriptionFor(loadMachineDescription("virt"), "hosted");

function generate(options: Partial<DeviceTreeOptions> = {}): DeviceTreeNode {
  return generateDeviceTree({
    description,
    cpu: "cortex-a72",
    cpus: 2,
    memory: 2 ** 30,
    psci: "hvc",
    virtualization: false,
    ...options,
  });
}

function qemu(options: readonly string[]): DeviceTreeNode {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-dtb-"));
  try {
    const file = join(directory, "virt.dtb");
    const [machine, ...rest] = options;
    execFileSync("qemu-system-aarch64", ["-M", `${machine},dumpdtb=${file}`, ...rest, "-nographic", "-nic", "none"], {
      stdio: "ignore",
    });
    return readFdt(readFileSync(file), file);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** "/pl011@9000000/clocks" → value, phandles named by the node they stand for. */
function flatten(root: DeviceTreeNode): Map<string, string> {
  const phandles = new Map<number, string>();
  const walk = (node: DeviceTreeNode, path: string, visit: (node: DeviceTreeNode, path: string) => void) => {
    visit(node, path);
    for (const child of node.children) {
      walk(child, `${path}/${child.name}`, visit);
    }
  };
  walk(root, "", (node, path) => {
    const phandle = node.cell("phandle");
    if (phandle !== undefined) {
      phandles.set(phandle, path);
    }
  });
  const flat = new Map<string, string>();
  walk(root, "", (node, path) => {
    for (const [name, value] of node.properties) {
      const reference = ["interrupt-parent", "clocks", "cpu", "gpios"].includes(name) && phandles.get(node.cell(name)!);
      const shown = PHANDLE_CELLS[name] ? named(value, PHANDLE_CELLS[name], phandles) : value;
      flat.set(`${path}/${name}`, reference || Buffer.from(shown).toString("latin1"));
    }
  });
  return flat;
}

/** Properties with a phandle in each of their rows: cells of a row, and which of them it is. */
const PHANDLE_CELLS: Readonly<Record<string, { readonly row: number; readonly cell: number }>> = {
  "interrupt-map": { row: 10, cell: 4 },
  "msi-map": { row: 4, cell: 1 },
};

/** Such a property, with the node's path in each phandle's place. */
function named(
  value: Uint8Array,
  { row, cell }: { readonly row: number; readonly cell: number },
  phandles: ReadonlyMap<number, string>,
): string {
  const cells = Array.from({ length: value.length / 4 }, (_, index) => Buffer.from(value).readUInt32BE(4 * index));
  return cells.map((each, index) => (index % row === cell ? phandles.get(each) : each)).join(" ");
}

describe("the generated tree", () => {
  it.each([
    {},
    { cpus: 1 },
    { cpus: 20, cpu: "max" },
    { psci: "smc" as const, virtualization: true },
    { memory: 3 * 2 ** 30 },
  ])("is one that dtc has nothing to say about: %o", (options) => {
    expect(dtc(writeFdt(generate(options)), "dtb", "dts")).toContain('stdout-path = "/pl011@9000000"');
  });

  it("numbers CPUs by affinity, 16 to a cluster", () => {
    const cpus = generate({ cpus: 18 }).child("cpus")!;
    expect(cpus.child("cpu@f")!.cell("reg")).toBe(0xf);
    expect(cpus.child("cpu@101")!.cell("reg")).toBe(0x101);
    expect(cpus.child("cpu-map")!.child("socket0")!.child("cluster1")!.children).toHaveLength(2);
  });

  it("has no PSCI and no way to start CPUs when EL3 is the guest's", () => {
    const { psci: _, ...firmware } = { description, cpu: "max", cpus: 1, memory: 2 ** 30, psci: "hvc" as const };
    const tree = generateDeviceTree({ ...firmware, virtualization: true });
    expect(tree.child("psci")).toBeUndefined();
    expect(tree.child("cpus")!.child("cpu@0")!.text("enable-method")).toBeUndefined();
  });

  it("holds nothing random", () => {
    expect(generate().child("chosen")!.properties.has("kaslr-seed")).toBe(false);
    expect(writeFdt(generate())).toEqual(writeFdt(generate()));
  });
});

describe.each([
  { options: ["virt,gic-version=3", "-cpu", "cortex-a72", "-smp", "2", "-m", "1G"], ours: {} },
  {
    options: ["virt,gic-version=3", "-cpu", "cortex-a72", "-smp", "8", "-m", "2G"],
    ours: { cpus: 8, memory: 2 ** 31 },
  },
  {
    options: ["virt,gic-version=3,virtualization=on", "-cpu", "cortex-a72", "-smp", "1", "-m", "1G"],
    ours: { cpus: 1, psci: "smc" as const, virtualization: true },
  },
  {
    options: ["virt,gic-version=3,virtualization=on,secure=on", "-cpu", "cortex-a72", "-smp", "1", "-m", "1G"],
    // A kernel is started by QEMU's own firmware there; ours has none where EL3 is the guest's.
    ours: { cpus: 1, psci: "smc" as const, virtualization: true, description: loadMachineDescription("virt") },
  },
])("beside QEMU's: $options", ({ options, ours }) => {
  let theirs: Map<string, string>;
  beforeAll(() => {
    theirs = flatten(qemu(options));
  });

  it("every property of ours that QEMU has is the same, and what only ours has is known", () => {
    const mine = flatten(generate(ours));
    const added: string[] = [];
    for (const [path, value] of mine) {
      if (path.endsWith("/phandle")) {
        continue;
      }
      if (theirs.has(path)) {
        expect([path, value]).toEqual([path, theirs.get(path)]);
      } else {
        added.push(path);
      }
    }
    // QEMU leaves enable-method out when there is one CPU.
    const known = /^\/psci\/|^\/cpus\/cpu@0\/enable-method$/;
    expect(added.filter((path) => !known.test(path))).toEqual(["/aliases/serial0"]);
  });

  it("what only QEMU has belongs to devices we do not have", () => {
    const mine = flatten(generate(ours));
    const missing = [...theirs.keys()].filter((path) => !mine.has(path) && !path.endsWith("/phandle"));
    const absent = /^\/platform-bus|^\/(secure-)?chosen\/(rng|kaslr)-seed$/;
    expect(missing.filter((path) => !absent.test(path))).toEqual([]);
  });
});
