/**
 * The device tree of a machine, from its description: Devicetree Specification v0.4 and the Linux bindings named at
 * each node. Node names and properties are those of QEMU's virt board, so that what reads one reads the other. There
 * is no kaslr-seed and no rng-seed: the same machine boots the same way every time.
 */

import { WINDOW_SIZE } from "../../devices/fw-cfg/index.js";
import { MMIO_SIZE } from "../../devices/virtio/mmio.js";
import { CPU_COMPATIBLE } from "../cpu-models.js";
import {
  affinityOf,
  type DeviceDescription,
  ECAM_BUS,
  type Gicv3Description,
  gicOf,
  INTX_PINS,
  type MachineDescription,
} from "../description.js";
import { cells, DeviceTreeNode, EMPTY, pairs, strings } from "./tree.js";

export interface DeviceTreeOptions {
  readonly description: MachineDescription;
  /** A name from CPU_MODELS. */
  readonly cpu: string;
  readonly cpus: number;
  /** Bytes of RAM. */
  readonly memory: number;
  /** The instruction that reaches PSCI; without it the tree has none, and secondary CPUs cannot be started. */
  readonly psci?: "hvc" | "smc";
  /** The guest owns EL2: the GIC's maintenance interrupt is its own. */
  readonly virtualization: boolean;
}

/** Interrupt specifiers of bindings/interrupt-controller/arm,gic-v3.yaml. */
const GIC_SPI = 0;
const GIC_PPI = 1;
const LEVEL_HIGH = 4;
const EDGE_RISING = 1;

const PHANDLE_GIC = 1;
const PHANDLE_CLOCK = 2;
/** Above all of the CPUs' numbers. */
const PHANDLE_GPIO = 0x1000;
const PHANDLE_ITS = 0x1001;
/** KEY_POWER of the Linux input event codes. */
const KEY_POWER = 116;
const PHANDLE_FIRST_CPU = 16;

/** PSCI function identifiers (DEN 0022), for guests that read them from the tree as version 0.1 asked. */
const PSCI_FUNCTIONS = [
  ["cpu_suspend", 0xc4000001],
  ["cpu_off", 0x84000002],
  ["cpu_on", 0xc4000003],
  ["migrate", 0xc4000005],
] as const;

/** The tree without /chosen's bootargs and initrd, which `patchBoot` writes into this and a given tree alike. */
export function generateDeviceTree(options: DeviceTreeOptions): DeviceTreeNode {
  const { description } = options;
  const root = new DeviceTreeNode("")
    .set("interrupt-parent", cells(PHANDLE_GIC))
    .set("model", strings(description.model))
    .set("#size-cells", cells(2))
    .set("#address-cells", cells(2))
    .set("compatible", strings(...description.compatible));

  const chosen = root.add("chosen");
  const console = description.devices.find((device) => device.name === description.console);
  if (console?.type === "pl011") chosen.set("stdout-path", strings(`/${nodeName(console)}`));
  addAliases(root, description);
  const secureConsole = description.devices.find((device) => device.type === "pl011" && device.secure);
  if (secureConsole?.type === "pl011") {
    root.add("secure-chosen").set("stdout-path", strings(`/${nodeName(secureConsole)}`));
  }
  if (options.psci) {
    addPsci(root, options.psci);
  }
  root
    .add(`memory@${description.ram.base.toString(16)}`)
    .set("device_type", strings("memory"))
    .set("reg", pairs(description.ram.base, options.memory));
  addCpus(root, options);
  addTimer(root, description);
  // bindings/arm/pmu.yaml
  root
    .add("pmu")
    .set("compatible", strings("arm,armv8-pmuv3"))
    .set("interrupts", cells(GIC_PPI, description.cpu.pmuPpi, LEVEL_HIGH));
  addGic(root, gicOf(description), options.virtualization);
  addPrimeCells(root, description);
  addFirmwareDevices(root, description);
  addBuses(root, description);
  return root;
}

/**
 * bindings/chosen.txt leaves the numbers of serial ports to /aliases: the console is the first, whatever its address.
 * Linux numbers a port without an alias as it finds it, which would take serial0 from the console.
 */
function addAliases(root: DeviceTreeNode, { devices, console }: MachineDescription): void {
  const ports = devices.filter((device) => device.type === "pl011" && !device.secure) as PrimeCell[];
  ports.sort((a, b) => Number(b.name === console) - Number(a.name === console));
  if (ports.length === 0) return;
  const aliases = root.add("aliases");
  for (const [index, port] of ports.entries()) aliases.set(`serial${index}`, strings(`/${nodeName(port)}`));
}

/** bindings/arm/psci.yaml */
function addPsci(root: DeviceTreeNode, method: "hvc" | "smc"): void {
  const psci = root
    .add("psci")
    .set("compatible", strings("arm,psci-1.0", "arm,psci-0.2", "arm,psci"))
    .set("method", strings(method));
  for (const [name, id] of PSCI_FUNCTIONS) {
    psci.set(name, cells(id));
  }
}

/** bindings/arm/cpus.yaml, bindings/cpu/cpu-topology.txt */
function addCpus(root: DeviceTreeNode, { description, cpu, cpus, psci }: DeviceTreeOptions): void {
  const { perCluster } = description.cpu;
  const parent = root.add("cpus").set("#address-cells", cells(1)).set("#size-cells", cells(0));
  for (let index = 0; index < cpus; index++) {
    const affinity = affinityOf(description, index);
    const node = parent
      .add(`cpu@${affinity.toString(16)}`)
      .set("device_type", strings("cpu"))
      .set("compatible", strings(CPU_COMPATIBLE[cpu] ?? "arm,armv8"))
      .set("reg", cells(affinity))
      .set("phandle", cells(PHANDLE_FIRST_CPU + index));
    if (psci) {
      node.set("enable-method", strings("psci"));
    }
  }
  const socket = parent.add("cpu-map").add("socket0");
  for (let first = 0; first < cpus; first += perCluster) {
    const cluster = socket.add(`cluster${first / perCluster}`);
    for (let core = 0; core < Math.min(perCluster, cpus - first); core++) {
      cluster.add(`core${core}`).set("cpu", cells(PHANDLE_FIRST_CPU + first + core));
    }
  }
}

/** bindings/timer/arm,arch_timer.yaml: secure EL1, non-secure EL1, virtual, EL2. */
function addTimer(root: DeviceTreeNode, { timer }: MachineDescription): void {
  const { secure, nonSecure, virtual, hypervisor } = timer.ppi;
  const interrupts = [secure, nonSecure, virtual, hypervisor].flatMap((ppi) => [GIC_PPI, ppi, LEVEL_HIGH]);
  root
    .add("timer")
    .set("compatible", strings("arm,armv8-timer", "arm,armv7-timer"))
    .set("always-on", EMPTY)
    .set("interrupts", cells(...interrupts));
}

/** bindings/interrupt-controller/arm,gic-v3.yaml */
function addGic(root: DeviceTreeNode, gic: Gicv3Description, virtualization: boolean): void {
  const { distributor, redistributors } = gic;
  const node = root
    .add(`intc@${distributor.base.toString(16)}`)
    .set("compatible", strings("arm,gic-v3"))
    .set("phandle", cells(PHANDLE_GIC))
    .set("reg", pairs(distributor.base, distributor.size, redistributors.base, redistributors.size))
    .set("#redistributor-regions", cells(1))
    .set("interrupt-controller", EMPTY)
    .set("#interrupt-cells", cells(3))
    .set("#address-cells", cells(2))
    .set("#size-cells", cells(2))
    .set("ranges", EMPTY);
  if (virtualization) {
    node.set("interrupts", cells(GIC_PPI, gic.maintenancePpi, LEVEL_HIGH));
  }
  if (gic.its) {
    node
      .add(`its@${gic.its.base.toString(16)}`)
      .set("compatible", strings("arm,gic-v3-its"))
      .set("msi-controller", EMPTY)
      .set("#msi-cells", cells(1))
      .set("reg", pairs(gic.its.base, gic.its.size))
      .set("phandle", cells(PHANDLE_ITS));
  }
}

type PrimeCell = Extract<DeviceDescription, { clock: number }>;

const nodeName = (device: PrimeCell) => `${device.type}@${device.base.toString(16)}`;

/** The clocks that each device names in its binding: serial/pl011.yaml, rtc/arm,pl031.yaml, gpio/pl061-gpio.yaml. */
const CLOCK_NAMES: Record<PrimeCell["type"], readonly string[]> = {
  pl011: ["uartclk", "apb_pclk"],
  pl031: ["apb_pclk"],
  pl061: ["apb_pclk"],
};

/** bindings/arm/primecell.yaml and the fixed clock all of them hang on. */
function addPrimeCells(root: DeviceTreeNode, description: MachineDescription): void {
  const clocks = new Map<number, number>();
  for (const device of description.devices) {
    if (!("clock" in device)) {
      continue;
    }
    const clock = clocks.get(device.clock) ?? addClock(root, device.clock, clocks);
    const names = CLOCK_NAMES[device.type];
    const node = root
      .add(nodeName(device))
      .set("compatible", strings(`arm,${device.type}`, "arm,primecell"))
      .set("reg", pairs(device.base, device.size))
      .set("interrupts", cells(GIC_SPI, device.spi, LEVEL_HIGH))
      .set("clocks", cells(...names.map(() => clock)))
      .set("clock-names", strings(...names));
    if (device.secure) markSecure(node);
    if (device.type === "pl061") {
      addGpio(root, node, device);
    }
  }
}

/** bindings/gpio/pl061-gpio.yaml, bindings/input/gpio-keys.yaml */
function addGpio(
  root: DeviceTreeNode,
  node: DeviceTreeNode,
  device: Extract<DeviceDescription, { type: "pl061" }>,
): void {
  const { powerKey, powerOff, restart, secure } = device;
  const phandle = PHANDLE_GPIO + device.base / 0x1000;
  node.set("gpio-controller", EMPTY).set("#gpio-cells", cells(2)).set("phandle", cells(phandle));
  for (const [what, line] of [
    ["poweroff", powerOff],
    ["restart", restart],
  ] as const) {
    if (line === undefined) continue;
    const power = root
      .add(`gpio-${what}`)
      .set("compatible", strings(`gpio-${what}`))
      .set("gpios", cells(phandle, line, 0));
    if (secure) markSecure(power);
  }
  if (powerKey === undefined) {
    return;
  }
  root
    .add("gpio-keys")
    .set("compatible", strings("gpio-keys"))
    .add("poweroff")
    .set("label", strings("GPIO Key Poweroff"))
    .set("linux,code", cells(KEY_POWER))
    .set("gpios", cells(phandle, powerKey, 0));
}

/** bindings/arm/secure.txt: not for the Non-secure world. */
function markSecure(node: DeviceTreeNode): void {
  node.set("status", strings("disabled")).set("secure-status", strings("okay"));
}

/** bindings/mtd/mtd-physmap.yaml: both banks in one node, but a Secure one; bindings/firmware/qemu,fw-cfg-mmio.yaml */
function addFirmwareDevices(root: DeviceTreeNode, { devices }: MachineDescription): void {
  for (const device of devices) {
    if (device.type === "cfi-flash") {
      for (const secure of [true, false]) {
        const banks = device.banks.filter((bank) => (bank.secure ?? false) === secure);
        if (banks.length === 0) continue;
        const node = root
          .add(`${secure ? "secflash" : "flash"}@${banks[0]!.base.toString(16)}`)
          .set("compatible", strings("cfi-flash"))
          .set("reg", pairs(...banks.flatMap(({ base, size }) => [base, size])))
          .set("bank-width", cells(4));
        if (secure) markSecure(node);
      }
    } else if (device.type === "memory") {
      const node = root
        .add(`${device.name}@${device.base.toString(16)}`)
        .set("device_type", strings("memory"))
        .set("reg", pairs(device.base, device.size));
      if (device.secure) markSecure(node);
    } else if (device.type === "fw-cfg") {
      root
        .add(`fw-cfg@${device.base.toString(16)}`)
        .set("compatible", strings("qemu,fw-cfg-mmio"))
        .set("reg", pairs(device.base, WINDOW_SIZE))
        .set("dma-coherent", EMPTY);
    }
  }
}

/** bindings/virtio/mmio.yaml, bindings/pci/host-generic-pci.yaml */
function addBuses(root: DeviceTreeNode, description: MachineDescription): void {
  for (const device of description.devices) {
    if (device.type === "virtio-mmio") {
      for (let slot = 0; slot < device.slots; slot++) {
        const base = device.base + slot * MMIO_SIZE;
        root
          .add(`virtio_mmio@${base.toString(16)}`)
          .set("compatible", strings("virtio,mmio"))
          .set("reg", pairs(base, MMIO_SIZE))
          .set("interrupts", cells(GIC_SPI, device.spi + slot, EDGE_RISING))
          .set("dma-coherent", EMPTY);
      }
    } else if (device.type === "pcie") {
      addPcie(root, device, gicOf(description).its !== undefined);
    }
  }
}

/** Space codes of the ranges property (PCI Bus Binding to Open Firmware, 2.2.1.1). */
const PCI_SPACE = { io: 0x01000000, memory: 0x02000000, memory64: 0x03000000 } as const;

type Pcie = Extract<DeviceDescription, { type: "pcie" }>;

function addPcie(root: DeviceTreeNode, { ecam, io, memory, highMemory, spi }: Pcie, hasIts: boolean): void {
  const high = (value: number) => Math.floor(value / 2 ** 32);
  const range = (space: number, busAddress: number, base: number, size: number) => [
    space,
    ...[busAddress, base, size].flatMap((value) => [high(value), value >>> 0]),
  ];
  const node = root
    .add(`pcie@${memory.base.toString(16)}`)
    .set("compatible", strings("pci-host-ecam-generic"))
    .set("device_type", strings("pci"))
    .set("#address-cells", cells(3))
    .set("#size-cells", cells(2))
    .set("linux,pci-domain", cells(0))
    .set("bus-range", cells(0, ecam.size / ECAM_BUS - 1))
    .set("dma-coherent", EMPTY)
    .set("reg", pairs(ecam.base, ecam.size))
    .set(
      "ranges",
      cells(
        ...(io ? range(PCI_SPACE.io, 0, io.base, io.size) : []),
        ...range(PCI_SPACE.memory, memory.base, memory.base, memory.size),
        ...(highMemory ? range(PCI_SPACE.memory64, highMemory.base, highMemory.base, highMemory.size) : []),
      ),
    )
    .set("#interrupt-cells", cells(1))
    // Device number modulo 4, and the pin.
    .set("interrupt-map-mask", cells((INTX_PINS - 1) << 11, 0, 0, 7))
    .set("interrupt-map", cells(...interruptMap(spi)));
  if (hasIts) {
    node.set("msi-map", cells(0, PHANDLE_ITS, 0, 0x10000));
  }
}

/** Each slot's pins are those of the slot before, rotated. */
function interruptMap(spi: number): number[] {
  const pins = Array.from({ length: INTX_PINS }, (_, index) => index);
  return pins.flatMap((slot) =>
    pins.flatMap((pin) => {
      const line = spi + ((slot + pin) % INTX_PINS);
      return [slot << 11, 0, 0, pin + 1, PHANDLE_GIC, 0, 0, GIC_SPI, line, LEVEL_HIGH];
    }),
  );
}

/** bindings/clock/fixed-clock.yaml; one for every frequency in use. Returns its phandle. */
function addClock(root: DeviceTreeNode, frequency: number, clocks: Map<number, number>): number {
  const phandle = PHANDLE_CLOCK + clocks.size;
  root
    .add(clocks.size === 0 ? "apb-pclk" : `apb-pclk-${clocks.size}`)
    .set("compatible", strings("fixed-clock"))
    .set("#clock-cells", cells(0))
    .set("clock-frequency", cells(frequency))
    .set("clock-output-names", strings(frequency % 1e6 === 0 ? `clk${frequency / 1e6}mhz` : `clk${frequency}hz`))
    .set("phandle", cells(phandle));
  clocks.set(frequency, phandle);
  return phandle;
}
