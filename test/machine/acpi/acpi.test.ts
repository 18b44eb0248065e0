/** The ACPI files of fw_cfg, placed as firmware does, checked by sums and by ACPICA's own disassembler. */
import { describe, expect, it } from "vitest";
import { type AcpiOptions, acpiFiles } from "../../../src/machine/acpi/index.js";
import { descriptionFor, loadMachineDescription } from "../../../src/machine/description.js";
import { carryOut, type FoundTable, findTables, sum } from "./firmware.js";
import { disassemble } from "./iasl.js";

const description = descriptionFor(loadMachineDescription("virt"), "hosted");

function tables(options: Partial<AcpiOptions> = {}): Map<string, FoundTable> {
  const files = acpiFiles({ description, cpus: 2, psci: "hvc", virtualization: false, ...options });
  return new Map(findTables(carryOut(files)).map((table) => [table.signature, table]));
}

const source = (signature: string, options: Partial<AcpiOptions> = {}): string =>
  disassemble(tables(options).get(signature)!.bytes);
/** The values of a field in ACPICA's listing of a table. */
const field = (listing: string, name: string): string[] =>
  [...listing.matchAll(new RegExp(`^\\[.*\\] +${name} : (\\S+)`, "gm"))].map(([, value]) => value!);
const names = (listing: string): string[] => [...listing.matchAll(/Device \((\w+)\)/g)].map(([, name]) => name!);

describe("ACPI tables", () => {
  it("are found from the RSDP, and all sums are right", () => {
    const placed = carryOut(acpiFiles({ description, cpus: 4, psci: "smc", virtualization: true }));
    const { memory, rsdp } = placed;
    expect(Buffer.from(memory.subarray(rsdp, rsdp + 8)).toString("latin1")).toBe("RSD PTR ");
    expect([sum(memory.subarray(rsdp, rsdp + 20)), sum(memory.subarray(rsdp, rsdp + 36))]).toEqual([0, 0]);
    const found = findTables(placed);
    expect(found.map(({ signature }) => signature)).toEqual([
      "XSDT",
      "FACP",
      "DSDT",
      "APIC",
      "PPTT",
      "GTDT",
      "MCFG",
      "SPCR",
      "DBG2",
      "IORT",
    ]);
    for (const { signature, bytes } of found) expect([signature, sum(bytes)]).toEqual([signature, 0]);
  });

  it("say how PSCI is reached", () => {
    const flags = (psci?: "hvc" | "smc") => {
      const { psci: _, ...rest } = { description, cpus: 1, virtualization: false, psci };
      const files = acpiFiles(psci ? { ...rest, psci } : rest);
      const fadt = findTables(carryOut(files)).find(({ signature }) => signature === "FACP");
      return fadt?.bytes[129];
    };
    expect([flags("hvc"), flags("smc"), flags()]).toEqual([3, 1, 0]);
  });

  it("have the vCPUs by their affinity, and the maintenance interrupt for a guest that owns EL2", () => {
    const listing = source("APIC", { cpus: 18, virtualization: true });
    expect(field(listing, "ARM MPIDR").map((value) => Number.parseInt(value, 16))).toEqual([
      ...Array.from({ length: 16 }, (_, cpu) => cpu),
      0x100,
      0x101,
    ]);
    expect(new Set(field(listing, "Virtual GIC Interrupt"))).toEqual(new Set(["00000019"]));
    expect(new Set(field(source("APIC"), "Virtual GIC Interrupt"))).toEqual(new Set(["00000000"]));
    expect(field(listing, "Performance Interrupt")).toHaveLength(18);
    expect(field(source("PPTT", { cpus: 18 }), "ACPI Processor ID")).toHaveLength(1 + 2 + 18);
  });

  it("have the devices that the Non-secure world has, with their registers and interrupts", () => {
    const listing = source("DSDT");
    const devices = names(listing);
    expect(devices.filter((name) => !/^VR/.test(name))).toEqual([
      "C000",
      "C001",
      "COM0",
      "FWCF",
      "GPO0",
      "PWRB",
      "PCI0",
      "GSI0",
      "GSI1",
      "GSI2",
      "GSI3",
      "RES0",
    ]);
    expect(devices.filter((name) => /^VR/.test(name))).toHaveLength(32);
    expect(listing).toMatch(/GpioInt \(Edge, ActiveHigh, ExclusiveAndWake, PullUp, 0x0000,\s+"GPO0"/);
    expect(listing).toMatch(/Method \(_E03, 0[^}]*Notify \(PWRB, 0x80\)/);
    // Slot 1's INTA# is the second line.
    expect(listing).toMatch(/0x0001FFFF,\s+Zero,\s+GSI1,/);
    const secure = descriptionFor(loadMachineDescription("virt"), "guest");
    expect(names(source("DSDT", { description: secure }))).toEqual(devices);
  });

  it("leave out what a board does not have", () => {
    const devices = description.devices.filter(({ type }) => type !== "pcie" && type !== "virtio-rng");
    const small = { ...description, devices, console: undefined };
    expect([...tables({ description: small }).keys()]).toEqual(["XSDT", "FACP", "DSDT", "APIC", "PPTT", "GTDT"]);
    expect(names(source("DSDT", { description: small }))).not.toContain("PCI0");
  });

  it("reach registers above 4 GiB", () => {
    const devices = description.devices.map((device) =>
      device.type === "pl011" && !device.secure ? { ...device, base: 2 ** 40 } : device,
    );
    expect(source("DSDT", { description: { ...description, devices } })).toMatch(
      /Device \(COM0\)[\s\S]*?QWordMemory \(ResourceConsumer[\s\S]*?0x0000010000000000, \/\/ Range Minimum/,
    );
  });
});
