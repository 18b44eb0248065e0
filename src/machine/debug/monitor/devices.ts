/** `monitor devices` and `monitor mmio`: the physical address space outside RAM, and real accesses to it. */
import type { Width } from "../../../bus/contract.js";
import { isSecure } from "../../../cpu/debug.js";
import { TargetError } from "../../../gdb/target.js";
import { physicalRegions } from "../regions.js";
import { hex, type MonitorCommand, parseNumber, refuse, selected } from "./command.js";

export const devices: MonitorCommand = {
  name: "devices",
  help: "the physical address map: memory and devices",
  example: "monitor devices",
  run: ({ machine }) =>
    physicalRegions(machine).map(
      ({ start, length, name }) => `${hex(start, 12)}-${hex(start + length - 1n, 12)} ${name}`,
    ),
};

const WIDTHS: readonly Width[] = [1, 2, 4, 8];

/** Physical address and width; 4 bytes unless said otherwise. */
function parsePlace(address: string, width: string | undefined): { at: number; width: Width } | TargetError {
  const at = parseNumber(address);
  if (at instanceof TargetError) return at;
  const bytes = WIDTHS.find((w) => String(w) === (width ?? "4"));
  if (bytes === undefined) return refuse(`width ${width}: an access has 1, 2, 4 or 8 bytes`);
  if (at >> 48n !== 0n) return refuse(`${address}: physical addresses have 48 bits`);
  if (at % BigInt(bytes) !== 0n) return refuse(`${address} is no multiple of ${bytes}`);
  return { at: Number(at), width: bytes };
}

export const mmioRead: MonitorCommand = {
  name: "mmio read",
  usage: "PA [WIDTH]",
  help: "a real read of a device register, with all its side effects",
  example: "monitor mmio read 0x9000018 4",
  arguments: [1, 2],
  run(context, [address = "", size]) {
    const place = parsePlace(address, size);
    if (place instanceof TargetError) return place;
    const { at, width } = place;
    const value = context.machine.platform.bus.read(at, width, isSecure(selected(context).vcpu));
    return typeof value === "bigint" ? [`${hex(at)}: ${hex(value, 2 * width)}`] : refuse(value.reason);
  },
};

export const mmioWrite: MonitorCommand = {
  name: "mmio write",
  usage: "PA VALUE [WIDTH]",
  help: "a real write of a device register, with all its side effects",
  example: "monitor mmio write 0x9000000 0x41 1",
  arguments: [2, 3],
  run(context, [address = "", text = "", size]) {
    const place = parsePlace(address, size);
    if (place instanceof TargetError) return place;
    const value = parseNumber(text);
    if (value instanceof TargetError) return value;
    const { at, width } = place;
    if (value >> BigInt(8 * width) !== 0n) return refuse(`${text} does not fit in ${width} bytes`);
    const fault = context.machine.platform.bus.write(at, width, value, isSecure(selected(context).vcpu));
    return fault === undefined ? [`${hex(at)} <- ${hex(value, 2 * width)}`] : refuse(fault.reason);
  },
};
