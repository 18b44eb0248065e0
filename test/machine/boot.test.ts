import { describe, expect, it } from "vitest";
import { type BootOptions, prepareBoot } from "../../src/machine/boot.js";
import { loadMachineDescription } from "../../src/machine/description.js";
import { readFdt, writeFdt } from "../../src/machine/device-tree/fdt.js";
import { cells, DeviceTreeNode, strings } from "../../src/machine/device-tree/tree.js";
import { loadKernel } from "../../src/machine/loaders/kernel.js";
import { dtc } from "./device-tree/dtc.js";
import { arm64Image } from "./loaders/fixtures.js";

const MIB = 2 ** 20;

function options(changes: Partial<BootOptions> = {}): BootOptions {
  return {
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 256 * MIB,
    kernel: loadKernel(arm64Image(), "Image"),
    el2: "hosted",
    el3: "hosted",
    ...changes,
  };
}

const SMBIOS = ["etc/smbios/smbios-anchor", "etc/smbios/smbios-tables"];
const ACPI = ["etc/acpi/tables", "etc/acpi/rsdp", "etc/table-loader"];

describe("prepareBoot", () => {
  it("tells the kernel where everything is that it loads", () => {
    const initrd = new Uint8Array(5000).fill(7);
    const image = prepareBoot(options({ initrd, append: "console=ttyAMA0 quiet" }));
    expect(image.entry).toBe(0x4020_0000);
    expect(image.loads.map(({ what, address }) => [what, address])).toEqual([
      ["kernel", 0x4020_0000],
      ["initrd", 0x4800_0000],
      ["dtb", 0x4820_0000],
    ]);
    expect(image.dtbAddress).toBe(0x4820_0000);
    const chosen = readFdt(image.dtb, "x").child("chosen")!;
    expect(chosen.text("bootargs")).toBe("console=ttyAMA0 quiet");
    expect(chosen.properties.get("linux,initrd-start")).toEqual(cells(0, 0x4800_0000));
    expect(chosen.properties.get("linux,initrd-end")).toEqual(cells(0, 0x4800_0000 + 5000));
    expect(dtc(image.dtb, "dtb", "dts")).toContain("reg = <0x00 0x40000000 0x00 0x10000000>");
  });

  it.each([
    [{ el2: "hosted", el3: "hosted" } as const, "hvc"],
    [{ el2: "guest", el3: "hosted" } as const, "smc"],
    [{ el2: "guest", el3: "guest" } as const, undefined],
  ])("reaches PSCI through the lowest level that is ours: %o", (levels, method) => {
    const tree = readFdt(prepareBoot(options(levels)).dtb, "x");
    expect(tree.child("psci")?.text("method")).toBe(method);
  });

  it("patches a given tree, in its own cell sizes, and leaves the rest of it", () => {
    const tree = new DeviceTreeNode("").set("#address-cells", cells(1)).set("#size-cells", cells(1));
    tree.add("memory").set("device_type", strings("memory")).set("reg", cells(0, 1));
    tree.add("memory@80000000").set("device_type", strings("memory")).set("reg", cells(0x80000000, 1));
    tree.add("my-board").set("compatible", strings("me,board"));
    tree.add("chosen").set("bootargs", strings("old")).set("linux,initrd-start", cells(1));
    const given = readFdt(prepareBoot(options({ dtb: writeFdt(tree) })).dtb, "x");
    expect(given.children.map(({ name }) => name)).toEqual(["memory", "my-board", "chosen"]);
    expect(given.child("memory")!.properties.get("reg")).toEqual(cells(0x4000_0000, 256 * MIB));
    expect(given.child("chosen")!.text("bootargs")).toBe("old");
    expect(given.child("chosen")!.properties.has("linux,initrd-start")).toBe(false);
  });

  const modules = [
    { name: "Image", bytes: new Uint8Array(5), kind: "kernel", address: 0x4900_0000, append: "console=hvc0 a,b" },
    { name: "disk", bytes: new Uint8Array(3 * MIB), kind: "ramdisk" },
    { name: "other", bytes: new Uint8Array(1), kind: "module" },
  ] as const;

  it("writes a node for each boot module, as a hypervisor looks for them", () => {
    const image = prepareBoot(options({ modules, append: "dom0_mem=64M" }));
    expect(image.loads.filter(({ what }) => what === "module").map(({ address }) => address)).toEqual([
      0x4900_0000, 0x4800_0000, 0x4840_0000,
    ]);
    const dts = dtc(image.dtb, "dtb", "dts");
    expect(dts).toMatch(
      /module@49000000 \{\s+compatible = "multiboot,kernel\\0multiboot,module";\s+reg = <0x00 0x49000000 0x00 0x05>;\s+bootargs = "console=hvc0 a,b";/,
    );
    expect(dts).toMatch(
      /module@48000000 \{\s+compatible = "multiboot,ramdisk\\0multiboot,module";\s+reg = <0x00 0x48000000 0x00 0x300000>;/,
    );
    expect(dts).toMatch(/module@48400000 \{\s+compatible = "multiboot,module";/);
    expect(dts).toContain('bootargs = "dom0_mem=64M"');
  });

  it("puts bytes in RAM without a node: a tree of the user's tells of them", () => {
    const image = prepareBoot(
      options({ modules: [{ name: "domU", bytes: new Uint8Array(9), kind: "bytes", address: 0x4a00_0000 }] }),
    );
    expect(image.loads.find(({ what }) => what === "module")).toMatchObject({ address: 0x4a00_0000 });
    expect(dtc(image.dtb, "dtb", "dts")).not.toContain("multiboot");
  });

  it("puts modules beside firmware as well, behind the tree", () => {
    const flash = [{ name: "firmware", bytes: new Uint8Array(4096) }];
    const image = prepareBoot(options({ flash, modules: modules.slice(1) }));
    expect(image.loads.map(({ what, address }) => [what, address])).toEqual([
      ["module", 0x4800_0000],
      ["module", 0x4840_0000],
      ["dtb", 0x4000_0000],
    ]);
    const tooLow = [{ name: "low", bytes: new Uint8Array(1), kind: "module", address: 0x4000_0000 }] as const;
    expect(() => prepareBoot(options({ flash, modules: tooLow }))).toThrow("in the way of the device tree");
  });

  it("starts firmware in the first flash bank, the tree at the start of RAM, the rest for fw_cfg", () => {
    const kernel = arm64Image();
    const initrd = new Uint8Array([7]);
    const flash = [{ name: "firmware", bytes: new Uint8Array(4096) }];
    const image = prepareBoot(options({ flash, kernel: loadKernel(kernel, "Image"), initrd, append: "quiet" }));
    expect([image.entry, image.context]).toEqual([0, 0]);
    expect(image.loads.map(({ what, address }) => [what, address])).toEqual([["dtb", 0x4000_0000]]);
    const { files, ...handedOver } = image.handedOver;
    expect(handedOver).toEqual({ memory: 256 * MIB, cpus: 1, kernel, initrd, append: "quiet" });
    expect(files?.map(({ name }) => name)).toEqual([...SMBIOS, ...ACPI]);
    const chosen = readFdt(image.dtb, "x").child("chosen")!;
    expect(chosen.text("bootargs")).toBe("quiet");
    expect(chosen.properties.has("linux,initrd-start")).toBe(false);
  });

  it("leaves ACPI out when it is not wanted, and takes no file of a name that the machine has", () => {
    const flash = [{ name: "firmware", bytes: new Uint8Array(4096) }];
    const own = { name: "etc/table-loader", bytes: new Uint8Array(1) };
    const { handedOver } = prepareBoot(options({ flash, acpi: false, fwCfg: [own] }));
    expect(handedOver.files?.map(({ name }) => name)).toEqual([...SMBIOS, own.name]);
    expect(() => prepareBoot(options({ flash, fwCfg: [own] }))).toThrow('two files are called "etc/table-loader"');
  });

  it("boots the kernel itself when only the second bank is filled", () => {
    const image = prepareBoot(options({ flash: [undefined, { name: "variables", bytes: new Uint8Array(1) }] }));
    expect([image.entry, image.context]).toEqual([0x4020_0000, image.dtbAddress]);
  });

  const write = (): void => {};
  it.each([
    [[{ name: "big", bytes: { length: 65 * MIB } as Uint8Array }], "big: 65 MiB do not fit in flash bank 0"],
    [
      [undefined, { name: "small", bytes: new Uint8Array(MIB), write }],
      "small: a writable file is as large as its flash",
    ],
    [[undefined, undefined, { name: "third", bytes: new Uint8Array(1) }], "third: virt has no flash bank 2"],
  ])("refuses a flash image that does not fit its bank", (flash, message) => {
    expect(() => prepareBoot(options({ flash }))).toThrow(message);
  });

  it.each([
    [{ cpu: "cortex-m0" }, 'no CPU is called "cortex-m0"; there is cortex-a72, max'],
    [{ cpus: 0 }, "0 CPUs: virt has from 1 to 123"],
    [{ cpus: 124 }, "124 CPUs: virt has from 1 to 123"],
    [
      { memory: 4 * 2 ** 30 },
      "4 GiB of memory: virt takes at most 3.5 GiB, as a guest has all its memory in 4 GiB of WebAssembly's; try --memory 3584M",
    ],
    [{ memory: 1000 }, "memory of 1000 bytes: it has to be a multiple of 4 KiB"],
    [{ append: "x".repeat(3 * MIB) }, "the device tree is 3 MiB; the boot protocol allows 2 MiB"],
    [{ dtb: new Uint8Array(100) }, "the given device tree: not a usable device tree: it begins 0x0, not 0xd00dfeed"],
  ])("refuses %o", (changes, message) => {
    expect(() => prepareBoot(options(changes))).toThrow(message);
  });
});
