/** Memory as ranges: GDB's map leaves nothing out, LLDB's follow the translation tables. */
import { describe, expect, it } from "vitest";
import type { DebugTarget } from "../../src/gdb/index.js";
import { assemble, Rig, TABLE, TCR } from "./debug-rig.js";

const LOOP = "loop: b loop\n";

const region = ({ target }: Rig, address: bigint) => (target as Required<DebugTarget>).memoryRegion(0, address);

describe("the memory map", () => {
  it("has every address in some region", async () => {
    const rig = await Rig.create(assemble(LOOP));
    const map = (rig.target as Required<DebugTarget>).memoryMap();
    let at = 0n;
    for (const { start, length } of map) {
      expect(start).toBe(at);
      expect(length).toBeGreaterThan(0n);
      at += length;
    }
    expect(at).toBe(1n << 64n);
    expect(map).toContainEqual({ kind: "ram", start: 0x4000_0000n, length: 16n << 20n });
    expect(map.filter(({ start }) => start < 0x4000_0000n)).toHaveLength(1);
    expect(map.some(({ kind }) => kind !== "ram")).toBe(false);
  });
});

describe("ranges of virtual memory", () => {
  it("are physical while the MMU is off", async () => {
    const rig = await Rig.create(assemble(LOOP));
    expect(region(rig, 0x4008_0000n)).toEqual({
      start: 0x4000_0000n,
      size: 16n << 20n,
      permissions: "rwx",
      name: "ram",
    });
    expect(region(rig, 0x0900_0123n)).toMatchObject({ start: 0x0900_0000n, permissions: "rw", name: "uart0" });
    const hole = region(rig, 0x5000_0000n);
    expect(hole.permissions).toBeUndefined();
    expect(hole.start).toBe(0x4100_0000n);
  });

  it.each(["hosted", "guest"] as const)("have none beyond physical addresses, EL2 %s", async (el2) => {
    const rig = await Rig.create(assemble(LOOP), { el2 });
    const { start, size, permissions } = region(rig, 1n << 44n);
    expect([start > 0x4100_0000n, start + size, permissions]).toEqual([true, 1n << 64n, undefined]);
  });

  it("are what the tables map alike, and the holes between", async () => {
    const rig = await Rig.create(assemble(LOOP));
    rig.cacheRam();
    // Level 1: 1 GiB at 0x40000000, read-write; then, through a level 2 table, two read-only blocks of 2 MiB, no
    // execution.
    const next = TABLE + 0x1000n;
    rig.machine.engine.writePhysical(TABLE + 16n, word(next | 3n));
    const readOnly = 0x4000_0000n | (0b11n << 53n) | (1n << 7n) | 0x701n;
    rig.machine.engine.writePhysical(next + 8n, word(readOnly));
    rig.machine.engine.writePhysical(next + 16n, word(readOnly));
    rig.machine.engine.exports.flushCpu(rig.machine.cores[0]!.vcpu.base);
    expect(TCR & 0x3fn).toBe(25n);
    // Stage 1 has one GiB there, stage 2 the 16 MiB of RAM.
    expect(region(rig, 0x4003_4567n)).toEqual({
      start: 0x4000_0000n,
      size: 16n << 20n,
      permissions: "rwx",
      name: "ram",
    });
    expect(region(rig, 0x4123_4567n).permissions).toBeUndefined();
    expect(region(rig, 0x1000n)).toEqual({ start: 0n, size: 1n << 30n });
    expect(region(rig, 0x8000_0000n)).toEqual({ start: 0x8000_0000n, size: 0x20_0000n });
    expect(region(rig, 0x8020_1234n)).toEqual({ start: 0x8020_0000n, size: 0x40_0000n, permissions: "r", name: "ram" });
    expect(region(rig, 0x1000_0000_0000n)).toEqual({
      start: 1n << 39n,
      size: (1n << 64n) - (1n << 40n),
    });
  });

  it("are devices too where hosted EL2 leaves them out of stage 2", async () => {
    const rig = await Rig.create(assemble(LOOP));
    rig.cacheRam();
    rig.machine.engine.writePhysical(TABLE, word(0x405n | (0b11n << 53n)));
    rig.machine.engine.exports.flushCpu(rig.machine.cores[0]!.vcpu.base);
    const uart = { start: 0x0900_0000n, size: 0x1000n, permissions: "rw", name: "uart0" };
    expect(region(rig, 0x0900_0123n)).toEqual(uart);
    expect(region(rig, uart.start + uart.size)).not.toMatchObject({ name: "uart0" });
  });

  it.each([false, true])("are what a guest's own stage 2 lets through, its stage 1 on: %s", async (on) => {
    const rig = await Rig.create(assemble(LOOP), { el2: "guest" });
    const { vcpu } = rig.machine.cores[0]!;
    // 39 bits from level 1; of 2 MiB each: all allowed, not to be written, nothing, and the same again elsewhere.
    const stage2 = TABLE + 0x2000n;
    const blocks = [0x4000_07fdn, 0x4020_077dn, 0n, 0x4040_077dn, 0x4060_077dn];
    rig.machine.engine.writePhysical(stage2 + 8n, word((stage2 + 0x1000n) | 3n));
    blocks.forEach((block, n) => void rig.machine.engine.writePhysical(stage2 + 0x1000n + BigInt(8 * n), word(block)));
    vcpu.pstate = 0x3c5;
    vcpu.setSysreg("VTCR_EL2", 0x8002_3559n);
    vcpu.setSysreg("VTTBR_EL2", stage2);
    vcpu.setSysreg("HCR_EL2", 0x8000_0001n);
    vcpu.recomputeModes();
    if (on) rig.cacheRam();
    const mb2 = 0x20_0000n;
    expect(region(rig, 0x4003_4567n)).toEqual({ start: 0x4000_0000n, size: mb2, permissions: "rwx", name: "ram" });
    expect(region(rig, 0x4023_4567n)).toEqual({ start: 0x4020_0000n, size: mb2, permissions: "rx", name: "ram" });
    expect(region(rig, 0x4043_4567n)).toEqual({ start: 0x4040_0000n, size: mb2 });
    expect(region(rig, 0x4063_4567n)).toEqual({ start: 0x4060_0000n, size: 2n * mb2, permissions: "rx", name: "ram" });
    expect(region(rig, 1n << 42n).permissions).toBeUndefined();
    if (!on) expect(region(rig, 1n << 42n)).toEqual({ start: 1n << 39n, size: (1n << 64n) - (1n << 39n) });
  });
});

function word(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}
