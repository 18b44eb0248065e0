/** PL061 GPIO: the register summary as rows (Arm DDI 0190B, table 3-1). */
import { type Register, RegisterMap } from "../../bus/register-map.js";
import type { Pl061, Pl061State } from "./pl061.js";

const PERIPHERAL_ID = [0x61, 0x10, 0x04, 0x00];
const PCELL_ID = [0x0d, 0xf0, 0x05, 0xb1];

/** A register of eight bits, a bit for each line, that is no more than what was written. */
const plain = (name: string, offset: number, field: keyof Pl061State): Register<Pl061> => ({
  name,
  offset,
  width: 4,
  access: "RW",
  read: (gpio) => gpio.state[field],
  write: (gpio, _, value) => gpio.set(field, value & 0xff),
});

const ROWS: readonly Register<Pl061>[] = [
  {
    // Bits 9 to 2 of the address say which lines the access is about (section 3.3.1).
    name: "GPIODATA",
    offset: 0x000,
    width: 4,
    count: 256,
    access: "RW",
    read: (gpio, mask) => gpio.levels() & mask,
    write: (gpio, mask, value) => gpio.drive(mask, value),
  },
  plain("GPIODIR", 0x400, "direction"),
  plain("GPIOIS", 0x404, "levelSense"),
  plain("GPIOIBE", 0x408, "bothEdges"),
  plain("GPIOIEV", 0x40c, "event"),
  plain("GPIOIE", 0x410, "mask"),
  { name: "GPIORIS", offset: 0x414, width: 4, access: "RO", read: (gpio) => gpio.rawInterrupts() },
  {
    name: "GPIOMIS",
    offset: 0x418,
    width: 4,
    access: "RO",
    read: (gpio) => gpio.rawInterrupts() & gpio.state.mask,
  },
  {
    name: "GPIOIC",
    offset: 0x41c,
    width: 4,
    access: "WO",
    otherBytes: "zero",
    write: (gpio, _, value) => gpio.clear(value & 0xff),
  },
  plain("GPIOAFSEL", 0x420, "alternate"),
  {
    name: "GPIOPeriphID<n>",
    offset: 0xfe0,
    width: 4,
    count: 4,
    access: "RO",
    read: (_, index) => PERIPHERAL_ID[index] ?? 0,
  },
  {
    name: "GPIOPCellID<n>",
    offset: 0xff0,
    width: 4,
    count: 4,
    access: "RO",
    read: (_, index) => PCELL_ID[index] ?? 0,
  },
];

export const PL061_REGISTERS = new RegisterMap<Pl061>(
  { name: "pl061", size: 0x1000, unknown: "RAZ/WI", badWidth: "fault", narrow: [1, 2], splitWide: true },
  ROWS,
);
