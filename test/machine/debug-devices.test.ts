/** Watchpoints and what devices do to memory by themselves: here fw_cfg, told by a guest to read an item. */
import { describe, expect, it, vi } from "vitest";
import type { WatchKind } from "../../src/gdb/index.js";
import { assemble, Rig, type RigOptions, TABLE } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

/**
 * The signature, item 0, goes to `buffer`: control word, length and address are big endian (fw_cfg's specification).
 */
const GUEST = `
  adr x0, buffer
  rev x0, x0
  adr x1, descriptor
  str x0, [x1, #8]
  rev x2, x1
  ldr x3, =0x09020010
  mov w4, #0x0a000000
loop:
  str w4, [x1]
  add x9, x9, #1
tell:
  str x2, [x3]
told:
  nop
  cmp x9, #2
  b.ne loop
end:
  b end
  .balign 8
descriptor:
  .byte 0, 0, 0, 0, 0, 0, 0, 4
  .quad 0
  .space 64
buffer: .space 16
`;
const SIGNATURE = 0x554d4551n;

const rig = (options: RigOptions = {}): Promise<Rig> => Rig.create(assemble(GUEST), { el2: "guest", ...options });

describe("a watchpoint sees what a device does", () => {
  it.each<{ what: string; kind: WatchKind; label: string; offset: number; length: number; hits: number; text: string }>(
    [
      { what: "a write", kind: "write", label: "buffer", offset: 0, length: 4, hits: 0, text: "written 4 bytes" },
      {
        what: "its last byte",
        kind: "access",
        label: "buffer",
        offset: 3,
        length: 8,
        hits: 3,
        text: "written 4 bytes",
      },
      { what: "one before it too", kind: "write", label: "buffer", offset: -4, length: 5, hits: 0, text: "written 4" },
      { what: "a read", kind: "read", label: "descriptor", offset: 5, length: 1, hits: 5, text: "read 16 bytes" },
    ],
  )("$what, $kind", async ({ kind, label, offset, length, hits, text }) => {
    const machine = await rig();
    const { program } = machine;
    machine.point({ kind, address: program.at(label) + BigInt(offset), length });
    const stop = await machine.continue();
    const address = program.at(label) + BigInt(hits);
    expect(stop).toMatchObject({ vcpu: 0, reason: { kind: "watchpoint", via: kind, address } });
    expect("text" in stop.reason && stop.reason.text).toMatch(new RegExp(`^a device has ${text}.* physical 0x400`));
    // It has happened, and so has the instruction that told the device.
    expect(machine.pc()).toBe(program.at("told"));
    expect(machine.memory(program.at("buffer"), 4)).toBe(SIGNATURE);
    expect((await machine.continue()).reason.kind).toBe("watchpoint");
    expect(machine.x(9)).toBe(2n);
  });

  it("and what a semihosting call does", async () => {
    const program = assemble(`
      adr   x1, block
      adr   x2, buffer
      mov   x3, #32
      stp   x2, x3, [x1]
      mov   w0, #0x15             // SYS_GET_CMDLINE
      hlt   #0xf000
told: b     .
      .balign 8
block: .space 16
buffer: .space 32
`);
    const machine = await Rig.create(program, { semihosting: { commandLine: "guest one" } });
    machine.point({ kind: "write", address: program.at("buffer") + 6n, length: 1 });
    const stop = await machine.continue();
    expect(stop).toMatchObject({ reason: { kind: "watchpoint", via: "write", address: program.at("buffer") + 6n } });
    expect("text" in stop.reason && stop.reason.text).toMatch(
      /^a semihosting call has written 10 bytes at physical 0x400/,
    );
    expect(machine.pc()).toBe(program.at("told"));
  });

  it.each([
    // What it reads: the block, the text by its address and length, a text that ends with NUL; and no byte more.
    { name: "SYS_WRITE", operation: 5, argument: "block", label: "block", watched: [23, 4], size: 8, hit: 23n },
    { name: "SYS_WRITE", operation: 5, argument: "block", label: "text", watched: [4, 8], size: 5, hit: 4n },
    { name: "SYS_WRITE0", operation: 4, argument: "text", label: "text", watched: [8, 8], size: 9, hit: 8n },
    { name: "SYS_WRITE0", operation: 4, argument: "text", label: "text", watched: [9, 8], size: 0, hit: 0n },
    { name: "SYS_WRITE", operation: 5, argument: "block", label: "text", watched: [5, 1], size: 0, hit: 0n },
    // A long text is read in pieces, which are one reading.
    { name: "SYS_WRITE0", operation: 4, argument: "over", label: "over", watched: [0, 9], size: 9, hit: 0n },
  ])("and what it reads: $name, $watched of $label", async ({ operation, argument, label, watched, size, hit }) => {
    const program = assemble(`
      adr   x1, opened
      mov   w0, #1                // SYS_OPEN: the console's output, handle 1
      hlt   #0xf000
      adr   x1, ${argument}
      mov   w0, #${operation}
      hlt   #0xf000
told: nop
end:  b     .
      .balign 8
opened: .quad console, 4, 3
block:  .quad 1, text, 5
        .space 8
console: .ascii ":tt"
text:   .asciz "read me!"
        .balign 64
        .space 60
over:   .asciz "read me!"
        .space 16
`);
    const machine = await Rig.create(program, { semihosting: { commandLine: "" } });
    const [offset = 0, length = 0] = watched;
    const address = program.at(label) + BigInt(offset);
    machine.point({ kind: "read", address, length });
    machine.break("end");
    const stop = await machine.continue();
    expect(machine.console).toBe(operation === 4 ? "read me!" : "read ");
    if (size === 0) {
      expect(stop.reason.kind).toBe("breakpoint");
      return;
    }
    expect(stop).toMatchObject({
      reason: { kind: "watchpoint", via: "read", address: program.at(label) + hit },
    });
    expect("text" in stop.reason && stop.reason.text).toContain(`a semihosting call has read ${size} bytes at`);
    expect(machine.pc()).toBe(program.at("told"));
  });

  it("and what it reads is looked up only where something is watched", async () => {
    const program = assemble(`
      adr   x1, text
      mov   w0, #4                // SYS_WRITE0
      hlt   #0xf000
end:  b     .
text:   .asciz "read me!"
`);
    const rig = await Rig.create(program, { semihosting: { commandLine: "" } });
    const told = vi.spyOn(rig.machine.debug, "deviceAccess");
    rig.point({ kind: "write", address: program.at("text"), length: 8 });
    rig.break("end");
    expect((await rig.continue()).reason.kind).toBe("breakpoint");
    expect(rig.console).toBe("read me!");
    expect(told).not.toHaveBeenCalled();
  });

  it.each<[WatchKind, number, number]>([
    ["read", 0, 16],
    ["write", 4, 8],
    ["access", -1, 1],
  ])("and not what it leaves alone: %s of %i from buffer, %i bytes", async (kind, offset, length) => {
    const machine = await rig();
    machine.point({ kind, address: machine.program.at("buffer") + BigInt(offset), length });
    machine.break("end");
    expect((await machine.continue()).reason.kind).toBe("breakpoint");
    expect(machine.memory(machine.program.at("buffer"), 4)).toBe(SIGNATURE);
  });

  it("by the address at which the guest has it, wherever that is", async () => {
    const machine = await rig({ el2: "hosted" });
    machine.cacheRam();
    // Devices at their own address, and RAM once more, at 2 GiB: a block of 1 GiB.
    machine.machine.engine.writePhysical(TABLE + 16n, Buffer.from("0107004000000000", "hex"));
    machine.machine.engine.writePhysical(TABLE, Buffer.from("0507000000000000", "hex"));
    const elsewhere = machine.program.at("buffer") + 0x4000_0000n;
    machine.point({ kind: "write", address: elsewhere, length: 4 });
    expect((await machine.continue()).reason).toMatchObject({ kind: "watchpoint", address: elsewhere });
  });

  it("by its physical address, whatever is mapped", async () => {
    const machine = await rig();
    const address = machine.program.at("buffer") + 3n;
    machine.target.physicalMemory = true;
    machine.point({ kind: "write", address, length: 8 });
    expect((await machine.continue()).reason).toMatchObject({ kind: "watchpoint", address });
    expect(machine.pc()).toBe(machine.program.at("told"));
  });

  it("if the condition that it has been given holds", async () => {
    const machine = await rig();
    const buffer = machine.program.at("buffer");
    machine.break("end");
    const remove = machine.point({ kind: "write", address: buffer, length: 4 });
    machine.target.monitor(`condition 0x${buffer.toString(16)} $new == 0x${SIGNATURE.toString(16)} && $x9 == 2`, 0);
    expect((await machine.continue()).reason.kind).toBe("watchpoint");
    expect(machine.x(9)).toBe(2n);
    remove();
    expect((await machine.continue()).reason.kind).toBe("breakpoint");
  });

  it("and the guest's run is the same with a watchpoint that nothing hits", async () => {
    const hashes: string[] = [];
    for (const watched of [false, true]) {
      const machine = await rig();
      if (watched) machine.point({ kind: "access", address: machine.program.at("buffer") + 8n, length: 8 });
      const remove = machine.break("end");
      await machine.continue();
      remove();
      hashes.push(`${machine.machine.stats().instructions} ${machine.memory(machine.program.at("buffer"), 8)}`);
    }
    expect(hashes[1]).toBe(hashes[0]);
  });
});
