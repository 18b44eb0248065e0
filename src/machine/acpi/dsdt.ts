/**
 * The DSDT: the devices that are not found by asking a bus, with the identifiers by which Linux and EDK2 know those of
 * QEMU's virt board.
 */
import { WINDOW_SIZE } from "../../devices/fw-cfg/index.js";
import { MMIO_SIZE } from "../../devices/virtio/mmio.js";
import { type DeviceDescription, ECAM_BUS, INTX_PINS, type MachineDescription } from "../description.js";
import {
  type Aml,
  and,
  arg,
  createDwordField,
  device,
  equal,
  integer,
  method,
  name,
  not,
  notify,
  or,
  packageOf,
  path,
  returned,
  scope,
  store,
  text,
  uuid,
  when,
} from "./aml.js";
import { busNumbers, gpioInterrupt, interrupt, ioWindow, memoryWindow, registers, resources } from "./resources.js";

/** INTID of an SPI. */
export const FIRST_SPI = 32;

type Of<T extends DeviceDescription["type"]> = Extract<DeviceDescription, { type: T }>;

const number = (called: string, value: number): Aml => name(called, integer(value));
const identified = (hid: string, uid: number): Aml[] => [name("_HID", text(hid)), number("_UID", uid)];
/** What the device reads of memory is what the CPUs see. */
const COHERENT = number("_CCA", 1);

/** The terms of the DSDT, behind its header. */
export function dsdtTerms({ devices }: MachineDescription, cpus: number): Aml {
  const terms: Aml[] = [];
  for (let cpu = 0; cpu < cpus; cpu++) terms.push(device(numbered("C", cpu, 3), identified("ACPI0007", cpu)));
  let ports = 0;
  let transports = 0;
  for (const found of devices) {
    if ("secure" in found && found.secure) continue;
    if (found.type === "pl011") terms.push(serialPort(found, ports++));
    else if (found.type === "fw-cfg") terms.push(fwCfg(found));
    else if (found.type === "pl061") terms.push(...gpio(found));
    else if (found.type === "pcie") terms.push(hostBridge(found));
    else if (found.type === "virtio-mmio") {
      for (let slot = 0; slot < found.slots; slot++) terms.push(transport(found, slot, transports++));
    }
  }
  return scope("\\_SB", terms);
}

/** A name with a number in hexadecimal digits. */
function numbered(letters: string, value: number, digits: number): string {
  return `${letters}${value.toString(16).toUpperCase().padStart(digits, "0")}`;
}

/** Arm SBSA's generic UART; SPCR and DBG2 name the console. */
function serialPort(port: Of<"pl011">, index: number): Aml {
  return device(numbered("COM", index, 1), [
    ...identified("ARMH0011", index),
    resources("_CRS", registers(port), interrupt(FIRST_SPI + port.spi)),
  ]);
}

function fwCfg({ base }: Of<"fw-cfg">): Aml {
  const present = 0b1011;
  return device("FWCF", [
    name("_HID", text("QEMU0002")),
    number("_STA", present),
    COHERENT,
    resources("_CRS", registers({ base, size: WINDOW_SIZE })),
  ]);
}

function transport({ base, spi }: Of<"virtio-mmio">, slot: number, index: number): Aml {
  return device(numbered("VR", index, 2), [
    ...identified("LNRO0005", index),
    COHERENT,
    resources("_CRS", registers({ base: base + slot * MMIO_SIZE, size: MMIO_SIZE }), interrupt(FIRST_SPI + spi + slot)),
  ]);
}

/** The GPIO whose line is the power key: its edge is an event (ACPI 6.4, section 5.6.5.3), which presses the button. */
function gpio(found: Of<"pl061">): Aml[] {
  if (found.powerKey === undefined) return [];
  const pressed = 0x80;
  return [
    device("GPO0", [
      ...identified("ARMH0061", 0),
      resources("_CRS", registers(found), interrupt(FIRST_SPI + found.spi)),
      resources("_AEI", gpioInterrupt("GPO0", found.powerKey)),
      method(numbered("_E", found.powerKey, 2), 0, [notify("PWRB", pressed)]),
    ]),
    device("PWRB", identified("PNP0C0C", 0)),
  ];
}

/** PCI Firmware Specification 3.2, chapter 4. */
function hostBridge(found: Of<"pcie">): Aml {
  const { ecam, memory, highMemory, io, spi } = found;
  return device("PCI0", [
    name("_HID", text("PNP0A08")),
    name("_CID", text("PNP0A03")),
    number("_SEG", 0),
    number("_BBN", 0),
    number("_UID", 0),
    COHERENT,
    interruptRouting(),
    ...Array.from({ length: INTX_PINS }, (_, pin) => interruptLink(pin, FIRST_SPI + spi + pin)),
    method("_CBA", 0, [returned(integer(ecam.base))]),
    resources(
      "_CRS",
      busNumbers(ecam.size / ECAM_BUS),
      memoryWindow(memory),
      ...(io ? [ioWindow(io.size, io.base)] : []),
      ...(highMemory ? [memoryWindow(highMemory)] : []),
    ),
    ...capabilities(),
    // Configuration space has to be reserved as well as told of (section 4.1.2).
    device("RES0", [name("_HID", text("PNP0C02")), resources("_CRS", memoryWindow(ecam))]),
  ]);
}

const LINK = "GSI";
const SLOTS = 32;

/** Each slot's pins are those of the slot before, rotated. */
function interruptRouting(): Aml {
  const rows = Array.from({ length: SLOTS * INTX_PINS }, (_, index) => {
    const slot = Math.floor(index / INTX_PINS);
    const pin = index % INTX_PINS;
    const allFunctions = slot * 0x10000 + 0xffff;
    const link = path(numbered(LINK, (slot + pin) % INTX_PINS, 1));
    return packageOf([integer(allFunctions), integer(pin), link, integer(0)]);
  });
  return name("_PRT", packageOf(rows));
}

function interruptLink(index: number, intid: number): Aml {
  return device(numbered(LINK, index, 1), [
    ...identified("PNP0C0F", index),
    resources("_PRS", interrupt(intid)),
    resources("_CRS", interrupt(intid)),
    method("_SRS", 1, []),
  ]);
}

/** _OSC (section 4.5.1): all that the OS asks control of, but what is not there. */
function capabilities(): Aml[] {
  const hostBridgeUuid = uuid("33db4d5b-1ff7-401c-9657-7441c03dd766");
  const grantable = 0x1f;
  const failure = { uuid: 0x04, revision: 0x08, masked: 0x10 } as const;
  const status = path("CDW1");
  const control = path("CDW3");
  const fail = (bit: number): Aml => or(status, integer(bit), status);
  return [
    number("CTRL", 0),
    method("_OSC", 4, [
      createDwordField(arg(3), 0, "CDW1"),
      when(
        equal(arg(0), hostBridgeUuid),
        [
          createDwordField(arg(3), 8, "CDW3"),
          store(control, path("CTRL")),
          and(path("CTRL"), integer(grantable), path("CTRL")),
          when(not(equal(arg(1), integer(1))), [fail(failure.revision)]),
          when(not(equal(control, path("CTRL"))), [fail(failure.masked)]),
          store(path("CTRL"), control),
        ],
        [fail(failure.uuid)],
      ),
      returned(arg(3)),
    ]),
  ];
}
