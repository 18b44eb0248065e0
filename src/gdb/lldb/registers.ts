/** `qRegisterInfoN`: registers one by one, for an LLDB that reads no target.xml. */

import { command, invalid, type Reply } from "../commands/command.js";
import { CORE } from "../description/core.js";
import type { RegisterSpec } from "../description/feature.js";
import type { RegisterSlot } from "../description/registers.js";

/** What LLDB calls core registers by their part in a call (AAPCS64, 6.1.1). */
const GENERIC: Readonly<Record<string, string>> = { pc: "pc", sp: "sp", x29: "fp", x30: "ra", cpsr: "flags" };

/** DWARF register numbers (AADWARF64, 4.1): x0-x30 and sp are 0-31, v0-v31 are 64-95. */
function dwarfNumber({ feature, index, name }: RegisterSlot): number | undefined {
  if (feature === CORE) return index <= 31 ? index : undefined;
  const vector = /^v(\d+)$/.exec(name)?.[1];
  return vector === undefined ? undefined : 64 + Number(vector);
}

function roleOf(name: string): string | undefined {
  const argument = /^x([0-7])$/.exec(name)?.[1];
  return argument === undefined ? GENERIC[name] : `arg${Number(argument) + 1}`;
}

export const qRegisterInfo = command({
  name: "qRegisterInfo",
  observers: true,
  parse: (args) => args.count(),
  handle(session, number): Reply {
    const { slots } = session.registers;
    const slot = slots[number];
    if (slot === undefined) return invalid(`there are registers 0 to ${(slots.length - 1).toString(16)}`);
    const spec = session.target.features[slot.feature]?.registers[slot.index] as RegisterSpec;
    const offset = slots.slice(0, number).reduce((sum, { size }) => sum + size, 0);
    const dwarf = dwarfNumber(slot);
    const role = slot.feature === CORE ? roleOf(slot.name) : undefined;
    const pairs: Record<string, string | number | undefined> = {
      name: slot.name,
      bitsize: 8 * slot.size,
      offset,
      encoding: slot.size > 8 ? "vector" : "uint",
      format: slot.size > 8 ? "vector-uint8" : "hex",
      set: setName(slot.feature, spec),
      gcc: dwarf,
      dwarf,
      generic: role,
    };
    return Object.entries(pairs)
      .flatMap(([key, value]) => (value === undefined ? [] : [`${key}:${value};`]))
      .join("");
  },
});

function setName(feature: number, { group }: RegisterSpec): string {
  if (feature === CORE) return "General Purpose Registers";
  return group === undefined ? "Floating Point Registers" : `${group} registers`;
}
