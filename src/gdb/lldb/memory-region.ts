/** `qMemoryRegionInfo:ADDR`: the range of memory around an address, or the hole there, for LLDB. */

import { command, nothing, type Reply, UNSUPPORTED } from "../commands/command.js";
import { hex } from "../packet/hex.js";

export const qMemoryRegionInfo = command({
  name: "qMemoryRegionInfo",
  observers: true,
  parse: (args) => (args.accept(":") ? args.address() : nothing()),
  handle(session, address): Reply {
    const { target, general } = session;
    if (target.memoryRegion === undefined) return UNSUPPORTED;
    const { start, size, permissions, name } = target.memoryRegion(general, address ?? 0n);
    const flags = permissions === undefined ? "" : `permissions:${permissions};`;
    const label = name === undefined ? "" : `name:${hex(Buffer.from(name))};`;
    return `start:${start.toString(16)};size:${size.toString(16)};${flags}${label}`;
  },
});
