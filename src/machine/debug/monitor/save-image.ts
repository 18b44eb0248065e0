/** `monitor save-image`: physical memory to a file of the host that trapframe runs on. */
import { closeSync, openSync, writeSync } from "node:fs";
import { TargetError } from "../../../gdb/target.js";
import { systemReason } from "../../errors.js";
import { HostedLevels } from "../../hosted-levels.js";
import { hex, type MonitorCommand, type MonitorContext, parseNumber, refuse } from "./command.js";

/** Bytes written at a time. */
const PIECE = 1 << 24;

interface Range {
  readonly host: number;
  readonly start: bigint;
  readonly length: number;
}

/** All of RAM, or [start, start + length) where it is in one memory. */
function parseRange({ machine: { engine } }: MonitorContext, from?: string, size?: string): Range | TargetError {
  if (from === undefined) {
    const ram = engine.regions.find((region) => region.name === "ram");
    if (ram === undefined) return refuse("this machine has no RAM");
    return { host: ram.host, start: ram.base, length: ram.size };
  }
  const start = parseNumber(from);
  const length = parseNumber(size ?? "");
  if (start instanceof TargetError) return start;
  if (length instanceof TargetError)
    return size === undefined ? refuse("save-image FILE PA LENGTH: how many bytes?") : length;
  const region = engine.regionAt(start);
  if (region === undefined || HostedLevels.isOwnMemory(region)) return refuse(`${hex(start)}: no RAM or ROM is there`);
  const offset = Number(start - region.base);
  if (length === 0n || length > BigInt(region.size - offset)) {
    return refuse(`${region.name} has ${hex(region.size - offset)} bytes from ${hex(start)} on, not ${hex(length)}`);
  }
  return { host: region.host + offset, start, length: Number(length) };
}

export const saveImage: MonitorCommand = {
  name: "save-image",
  usage: "FILE [PA LENGTH]",
  help: "writes physical memory, all of RAM unless told otherwise, to a new file of trapframe's host, byte for byte",
  example: "monitor save-image ram.bin 0x40000000 0x100000",
  arguments: [1, 3],
  text: "first",
  run(context, [path = "", from, size]) {
    const range = parseRange(context, from, size);
    if (range instanceof TargetError) return range;
    const { host, start, length } = range;
    try {
      // A debugger's slip of the pen costs nobody a file.
      const fd = openSync(path, "wx");
      try {
        const { bytes } = context.machine.engine;
        for (let done = 0; done < length; ) {
          done += writeSync(fd, bytes, host + done, Math.min(PIECE, length - done));
        }
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      return refuse(`${path}: ${systemReason(error)}`);
    }
    return [`${hex(length)} bytes from physical address ${hex(start)} on are in ${path}`];
  },
};
