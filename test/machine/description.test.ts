import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  affinityOf,
  checkMachineDescription,
  descriptionFor,
  deviceRegions,
  listMachines,
  loadMachineDescription,
  maximumCpus,
} from "../../src/machine/description.js";
import { ConfigError } from "../../src/machine/errors.js";

const virt = loadMachineDescription("virt");
// biome-ignore lint/suspicious/noExplicitAny: a machine file as JSON, which a test breaks in ways no type allows
type Breakable = Record<string, any>;
const copy = () => structuredClone(virt) as unknown as Breakable;

describe("the virt machine", () => {
  it("has the memory map of QEMU's board", () => {
    expect(virt.ram).toEqual({ base: 0x4000_0000, default: 2 ** 30, maximum: 3.5 * 2 ** 30 });
    const everybodys = [
      { name: "gic distributor", base: 0x0800_0000, size: 0x1_0000 },
      { name: "gic redistributors", base: 0x080a_0000, size: 0xf6_0000 },
      { name: "gic its", base: 0x0808_0000, size: 0x2_0000 },
      { name: "uart0", base: 0x0900_0000, size: 0x1000 },
      { name: "rtc", base: 0x0901_0000, size: 0x1000 },
      { name: "flash0", base: 0, size: 64 * 2 ** 20 },
      { name: "flash1", base: 0x0400_0000, size: 64 * 2 ** 20 },
      { name: "fw-cfg", base: 0x0902_0000, size: 0x1000 },
      { name: "gpio", base: 0x0903_0000, size: 0x1000 },
      { name: "pcie ecam", base: 0x40_1000_0000, size: 2 ** 28 },
      { name: "pcie memory", base: 0x1000_0000, size: 0x2eff_0000 },
      { name: "pcie high memory", base: 0x80_0000_0000, size: 2 ** 39 },
      { name: "pcie io", base: 0x3eff_0000, size: 0x1_0000 },
      { name: "virtio-mmio", base: 0x0a00_0000, size: 32 * 0x200 },
    ];
    expect(deviceRegions(descriptionFor(virt, "hosted"))).toEqual(everybodys);
    expect(deviceRegions(virt).filter(({ name }) => !everybodys.some((other) => other.name === name))).toEqual([
      { name: "secram", base: 0x0e00_0000, size: 2 ** 24 },
      { name: "uart1", base: 0x0904_0000, size: 0x1000 },
      { name: "secure-gpio", base: 0x090b_0000, size: 0x1000 },
    ]);
    expect(virt.timer.ppi).toEqual({ secure: 13, nonSecure: 14, virtual: 11, hypervisor: 10 });
    expect(maximumCpus(virt)).toBe(123);
    expect([0, 15, 16, 33].map((cpu) => affinityOf(virt, cpu))).toEqual([0, 15, 0x100, 0x201]);
  });

  it("is listed", () => {
    expect(listMachines()).toContainEqual({ name: "virt", summary: virt.summary });
  });
});

describe("a broken machine", () => {
  it.each<[string, (machine: Breakable) => void, string]>([
    ["a field missing", (m) => delete m.ram, '"ram": this field is missing'],
    ["a field unknown", (m) => (m.rom = 1), '"rom": there is no such field'],
    [
      "a field misspelled",
      (m) => delete Object.assign(m.ram, { defualt: m.ram.default }).default,
      '"ram.defualt": there is no such',
    ],
    ["a nested field unknown", (m) => (m.ram.speed = 1), '"ram.speed": there is no such field'],
    [
      "a bad address",
      (m) => (m.ram.base = "here"),
      '"ram.base": expected an address below 2^48, as "0x09000000", found "here"',
    ],
    [
      "a bad size",
      (m) => (m.ram.default = true),
      '"ram.default": expected a size above zero, as "0x1000" or "1G", found true',
    ],
    [
      "a size of zero",
      (m) => (m.devices[1].size = 0),
      '"devices.1.size": expected a size above zero, as "0x1000" or "1G", found 0',
    ],
    [
      "a device type we have not",
      (m) => (m.devices[1].type = "ne2000"),
      '"devices.1.type": expected a device type this version builds: gicv3, pl011, pl031, pl061, cfi-flash, fw-cfg, ' +
        'memory, pcie, virtio-mmio, virtio-rng, virtio-console, found "ne2000"',
    ],
    ["a PPI out of range", (m) => (m.timer.ppi.virtual = 16), '"timer.ppi.virtual": expected a PPI, 0 to 15, found 16'],
    ["half a PPI", (m) => (m.timer.ppi.virtual = 1.5), '"timer.ppi.virtual": expected a PPI, 0 to 15, found 1.5'],
    ["an SPI below zero", (m) => (m.devices[1].spi = -1), '"devices.1.spi": expected an SPI, 0 to 987, found -1'],
    ["an SPI in words", (m) => (m.devices[1].spi = "one"), '"devices.1.spi": expected an SPI, 0 to 987, found "one"'],
    [
      "a CPU that there is not",
      (m) => (m.cpu.default = "cortex-a57"),
      '"cpu.default": expected a CPU model: cortex-a72, max, found "cortex-a57"',
    ],
    ["half a distributor", (m) => (m.devices[0].distributor.size = 0x8000), '"gic": a distributor is 0x10000 bytes'],
    [
      "redistributors off a frame",
      (m) => (m.devices[0].redistributors = { base: 0x080a_1000, size: 0x20000 }),
      '"gic": redistributors are at a multiple of 0x10000',
    ],
    ["no controller", (m) => m.devices.shift(), "a machine has one interrupt controller (gicv3), this one has 0"],
    ["two of a name", (m) => (m.devices[2].name = "uart0"), 'two devices are called "uart0"'],
    ["no such console", (m) => (m.console = "rtc"), '"console": no pl011 or virtio-console is called "rtc"'],
    [
      "an overlap of devices",
      (m) => (m.devices[2].base = "0x09000000"),
      "uart0 (0x9000000 to 0x9000fff) overlaps rtc at 0x9000000",
    ],
    [
      "an overlap with RAM",
      (m) => (m.devices[1].base = 0x4100_0000),
      "ram (0x40000000 to 0x11fffffff) overlaps uart0 at 0x41000000",
    ],
    ["a window of no whole page", (m) => (m.devices[1].size = 0x800), "is not made of whole 4 KiB pages"],
    ["RAM off a boundary", (m) => (m.ram.base = 0x4010_0000), '"ram.base": 0x40100000 is not a multiple of 2 MiB'],
    [
      "more RAM than there can be",
      (m) => (m.ram.default = "4G"),
      '"ram.default": 4 GiB is above "ram.maximum", 3.5 GiB',
    ],
    ["an SPI twice", (m) => (m.devices[2].spi = 1), "uart0 and rtc both have SPI 1"],
    ["an SPI too high", (m) => (m.devices[2].spi = 256), "rtc: SPI 256 is above what gic has (0 to 255)"],
    [
      "a second flash",
      (m) => m.devices.push({ ...m.devices[3], name: "rom", banks: [] }),
      'banks": expected one bank at least',
    ],
    [
      "a second flash",
      (m) => m.devices.push({ ...m.devices[3], name: "rom", banks: [] }),
      '.banks": expected one bank at least',
    ],
    ["a sector of no power of two", (m) => (m.devices[3].sector = 0x30000), "flash: a sector of 0x30000 bytes"],
    [
      "a bank that is no whole sector",
      (m) => (m.devices[3].banks[1].size = 0x1000),
      "flash1: its size is a power of two",
    ],
    ["an ITS of another size", (m) => (m.devices[0].its.size = 0x10000), '"gic": an ITS is 0x20000 bytes'],
    ["a bus that is not there", (m) => (m.devices[8].bus = "isa"), 'rng: no pcie or virtio-mmio is called "isa"'],
    ["the host bridge's slot", (m) => (m.devices[8].slot = 0), "rng: pcie has slots 1 to 31, not 0"],
    [
      "a slot twice",
      (m) => m.devices.push({ ...m.devices[8], name: "rng2" }),
      "rng and rng2 are both in slot 1 of pcie",
    ],
    ["an SPI of another's range", (m) => (m.devices[5].spi = 6), "gpio and pcie both have SPI 6"],
    ["half a bus of ECAM", (m) => (m.devices[6].ecam.size = 0x80000), 'pcie: "ecam" has 0x100000 bytes for each bus'],
    ["no such line", (m) => (m.devices[5].powerKey = 8), '"devices.5.powerKey": expected a line, 0 to 7, found 8'],
    ["a PPI twice", (m) => (m.timer.ppi.secure = 9), "share PPI 9"],
    ["the PMU's PPI once more", (m) => (m.timer.ppi.virtual = 7), "share PPI 7"],
    ["no room for a CPU", (m) => (m.devices[0].redistributors.size = 0x10000), "the redistributors need 0x20000 bytes"],
  ])("%s", (_, damage, message) => {
    const machine = copy();
    damage(machine);
    let error: unknown;
    try {
      checkMachineDescription(machine, "board.json");
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toMatch(/^board\.json: broken machine file: [^\n]+$/);
    expect((error as ConfigError).message).toContain(message);
  });
});

describe("a machine file", () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "trapframe-machine-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("is what the documentation's example is", () => {
    const text = /```json\n([\s\S]*?)```/.exec(readFileSync("docs/machine-files.md", "utf8"))?.[1] ?? "";
    expect(checkMachineDescription(JSON.parse(text), "docs").name).toBe("mine");
  });

  it("is found by its path", () => {
    const file = join(directory, "mine.json");
    writeFileSync(file, JSON.stringify({ ...copy(), name: "mine" }));
    expect(loadMachineDescription(file).name).toBe("mine");
  });

  /** virt as an editor has it, with one line of it changed. */
  function changed(from: RegExp, to: string): { file: string; line: number } {
    const lines = JSON.stringify(copy(), null, 2).split("\n");
    const line = lines.findIndex((text) => from.test(text));
    lines[line] = (lines[line] ?? "").replace(from, to);
    const file = join(directory, "changed.json");
    writeFileSync(file, lines.join("\n"));
    return { file, line: line + 1 };
  }

  it.each([
    [/"default": \d+/, '"default": 1e12', '"ram.default": 931.3 GiB is above'],
    [/"perCluster": 16/, '"perCluster": 17', '"cpu.perCluster": expected at most 16'],
    [/"secure": 13/, '"secur": 13', '"timer.ppi.'],
    [/"type": "pl031"/, '"type": "pl032"', '"devices.2.type": expected a device type'],
    [/"console": "uart0"/, '"console": "uart7"', '"console": no pl011'],
    [/"compatible": \[/, '"compatible": 5, "x": [', '"compatible": expected Array'],
    [/"name": "rtc"/, '"name": "gic"', 'two devices are called "gic"'],
    [/"spi": 7/, '"spi": 1', "have SPI 1"],
    [/"bus": "pcie"/, '"bus": "isa"', 'called "isa"'],
  ])("points at the line of a fault: %s", (from, to, message) => {
    const { file, line } = changed(from, to);
    let text = "";
    try {
      loadMachineDescription(file);
    } catch (error) {
      text = (error as Error).message;
    }
    expect(text).toContain(message);
    // A field that is missing is missing from the object that begins on a line before.
    const place = Number(/changed\.json:(\d+): broken machine file: /.exec(text)?.[1]);
    expect(text.includes("is missing") ? place <= line && place > line - 3 : place === line).toBe(true);
  });

  it("is named when it is missing, no JSON, or no machine at all", () => {
    expect(() => loadMachineDescription("raspi")).toThrow(
      'no machine is called "raspi"; there is small, virt, or give the path of a .json file',
    );
    expect(() => loadMachineDescription("./no.json")).toThrow(
      "./no.json: cannot read the machine file: no such file or directory",
    );
    const file = join(directory, "broken.json");
    writeFileSync(file, '{ "name": ');
    expect(() => loadMachineDescription(file)).toThrow(/broken\.json:1: broken machine file: not valid JSON: /);
    writeFileSync(file, "[]");
    expect(() => loadMachineDescription(file)).toThrow(/broken machine file: /);
  });
});
