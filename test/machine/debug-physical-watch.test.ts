/**
 * Watchpoints by physical address: set while the debugger looks at physical memory, seen from wherever it is mapped.
 */
import { describe, expect, it, vi } from "vitest";
import type { WatchKind } from "../../src/gdb/index.js";
import { assemble, Rig, TABLE } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 20_000 });

/** RAM is at 1 GiB and, once more, at 2 GiB: X0 is the buffer there. X4 counts beside it in a loop that gets hot. */
const GUEST = `
  adr x0, buffer
  mov x1, #0x40000000
  add x0, x0, x1
  mov x1, #0x80
  mov x3, #0x18000
loop:
  add x4, x4, #1
  str x4, [x0, #-16]
  ldr x5, [x0, #-16]
  subs x3, x3, #1
  b.ne loop
store: str w1, [x0, #4]
pair: ldp x5, x6, [x0, #-8]
single: ldr x5, [x0, #-8]
unaligned: stur x1, [x0, #-5]
  add x8, x0, #16
atomic: ldadd x1, x5, [x8]
zero: dc zva, x0
border: add x7, x0, #4096 - 64 - 4
across: str x1, [x7]
end: b end
  .balign 4096
  .space 64
buffer: .space 4096
`;

async function rig(): Promise<Rig> {
  const machine = await Rig.create(assemble(GUEST), { cpu: "max" });
  machine.cacheRam();
  const { engine } = machine.machine;
  engine.writePhysical(TABLE + 16n, Buffer.from("0107004000000000", "hex"));
  engine.writePhysical(TABLE, Buffer.from("0507000000000000", "hex"));
  return machine;
}

/** A watchpoint of physical addresses; what removes it. */
function watch(machine: Rig, kind: WatchKind, address: bigint, length: number): () => void {
  machine.target.physicalMemory = true;
  const remove = machine.point({ kind, address, length });
  machine.target.physicalMemory = false;
  return remove;
}

describe("a watchpoint by physical address", () => {
  it.each<[string, WatchKind, number, number, number]>([
    ["store", "write", 4, 4, 4],
    ["store", "access", 7, 1, 7],
    ["pair", "read", 0, 8, 0],
    ["unaligned", "write", 2, 1, 2],
    ["atomic", "read", 16, 8, 16],
    ["zero", "write", 63, 1, 63],
    ["across", "write", 4096 - 64 + 2, 1, 4096 - 64 + 2],
  ])("stops before the %s through another mapping (%s, %i)", async (label, kind, offset, length, first) => {
    const machine = await rig();
    const address = machine.program.at("buffer") + BigInt(offset);
    watch(machine, kind, address, length);
    const stop = await machine.continue();
    expect(stop.reason).toEqual({
      kind: "watchpoint",
      via: kind,
      address: machine.program.at("buffer") + BigInt(first),
    });
    expect(machine.pc()).toBe(machine.program.at(label));
  });

  it("is none of the same virtual address", async () => {
    const machine = await rig();
    watch(machine, "access", machine.program.at("buffer") + 0x4000_0000n, 16);
    machine.break("end");
    expect((await machine.continue()).reason.kind).toBe("breakpoint");
  });

  it.each([true, false])("sees a device's register, physical: %s", async (physical) => {
    // Through hosted EL2, whose stage 2 maps no devices.
    const source = "mov w2, #0x09000000; mov w1, #0x21; device: str w1, [x2]; end: b end";
    const machine = await Rig.create(assemble(source));
    machine.target.physicalMemory = physical;
    machine.point({ kind: "write", address: 0x900_0001n, length: 1 });
    expect((await machine.continue()).reason).toMatchObject({ kind: "watchpoint", address: 0x900_0001n });
    expect(machine.pc()).toBe(machine.program.at("device"));
    expect(machine.console).toBe("");
  });

  it("leaves everything as it is where nothing touches it, and is gone when it was removed", async () => {
    const ends: string[] = [];
    for (const watched of [false, true]) {
      const machine = await rig();
      if (watched) watch(machine, "access", machine.program.at("buffer") - 32n, 8);
      if (watched) watch(machine, "access", machine.program.at("buffer"), 8)();
      machine.break("end");
      expect((await machine.continue()).reason.kind).toBe("breakpoint");
      ends.push(`${machine.machine.stats().instructions} ${machine.x(4)}`);
    }
    expect(ends[1]).toBe(ends[0]);
  });
});
