/** What firmware finds around it, in a whole machine: flash as memory and as a device, fw_cfg's DMA, the power key. */
import { beforeEach, describe, expect, it } from "vitest";
import { CPU } from "../../src/engine/layout.js";
import { loadMachineDescription, Machine } from "../../src/index.js";
import type { FlashImage } from "../../src/machine/boot.js";

const RAM = 0x4000_0000;
const FLASH0 = 0n;
const FLASH1 = 0x0400_0000;
const FW_CFG_DMA = 0x0902_0010;
const GPIO = 0x0903_0000;
/** What a walk of no translation says of an address: EL3's context, a read. */
const CONTEXT_EL3 = 7;
const READ = 0;

async function create(flash: readonly (FlashImage | undefined)[], el: "hosted" | "guest" = "guest"): Promise<Machine> {
  return Machine.create({
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    cpus: 1,
    memory: 16 << 20,
    flash,
    serial: { transmit() {}, onReceive() {} },
    el2: el,
    el3: el,
    idle: "skip",
    noReboot: true,
  });
}

const firmware: FlashImage = { name: "firmware", bytes: Uint8Array.of(0x11, 0x22, 0x33, 0x44) };
let machine: Machine;
beforeEach(async () => {
  machine = await create([firmware]);
});

/** Whether a read at EL3 goes straight to memory: an address in it, not a device (below the engine's own areas). */
const isMemory = (address: bigint): boolean =>
  machine.engine.exports.refill(machine.cores[0]?.vcpu.base ?? 0, CONTEXT_EL3, address, READ) > CPU.v;

const write32 = (address: number, value: number) => machine.platform.bus.write(address, 4, BigInt(value), true);

describe("flash", () => {
  it("holds its file, and is where the machine starts", () => {
    const host = machine.engine.hostAddress(FLASH0) ?? 0;
    expect([...machine.engine.bytes.subarray(host, host + 5)]).toEqual([0x11, 0x22, 0x33, 0x44, 0]);
    expect(machine.cores[0]?.vcpu.pc).toBe(FLASH0);
    expect(machine.cores[0]?.vcpu.el).toBe(3);
  });

  it("is memory in array mode and a device in every other one, also after a reset", () => {
    expect(isMemory(FLASH0)).toBe(true);
    write32(0, 0x0090_0090);
    expect(isMemory(FLASH0)).toBe(false);
    expect(isMemory(BigInt(FLASH1)), "the other bank stays").toBe(true);
    expect(machine.platform.bus.read(0, 4, true)).toBe(0x0089_0089n);
    write32(0, 0x00ff_00ff);
    expect(isMemory(FLASH0)).toBe(true);
    write32(0, 0x0070_0070);
    machine.reset();
    expect(isMemory(FLASH0)).toBe(true);
  });

  it("without a file is written in memory; with one it is read-only unless what is written is kept", async () => {
    const program = (address: number) => {
      write32(address, 0x0040_0040);
      write32(address, 0);
      return machine.platform.bus.read(address, 1, true);
    };
    expect([program(FLASH1), program(0)]).toEqual([0x80n, 0x90n]);

    const kept: [number, number[]][] = [];
    const bytes = new Uint8Array(64 << 20).fill(0xff);
    machine = await create([
      firmware,
      { name: "variables", bytes, write: (offset, bytes) => kept.push([offset, [...bytes]]) },
    ]);
    write32(FLASH1 + 8, 0x0040_0040);
    write32(FLASH1 + 8, 0x0403_0201);
    expect(kept).toEqual([[8, [1, 2, 3, 4]]]);
    expect(bytes[8], "the caller's copy is the caller's").toBe(0xff);
  });
});

describe("fw_cfg's DMA", () => {
  /** Reads the item QEMU to `target`; the descriptor's control word afterwards. */
  function dma(target: bigint): number {
    const descriptor = Buffer.alloc(16);
    descriptor.writeUInt32BE(0x0000_000a, 0);
    descriptor.writeUInt32BE(4, 4);
    descriptor.writeBigUInt64BE(target, 8);
    machine.engine.writePhysical(BigInt(RAM), descriptor);
    const register = Buffer.alloc(8);
    register.writeBigUInt64BE(BigInt(RAM));
    machine.platform.bus.write(FW_CFG_DMA, 8, register.readBigUInt64LE());
    return machine.engine.view.getUint32(machine.engine.hostAddress(BigInt(RAM)) ?? 0);
  }

  it("reaches RAM, and neither flash nor what is nowhere", () => {
    const target = BigInt(RAM + 0x1000);
    expect(dma(target)).toBe(0);
    const host = machine.engine.hostAddress(target) ?? 0;
    expect(Buffer.from(machine.engine.bytes.subarray(host, host + 4)).toString()).toBe("QEMU");
    expect([dma(FLASH0), dma(BigInt(RAM + (16 << 20) - 2)), dma(1n << 50n)]).toEqual(Array(3).fill(1));
  });

  it("does not reach the stage 2 tables of hosted EL2", async () => {
    machine = await create([firmware], "hosted");
    const tables = machine.engine.regions.find(({ name }) => name === "stage-2 tables");
    const before = machine.engine.bytes.slice(tables?.host, (tables?.host ?? 0) + 16);
    expect(dma(tables?.base ?? 0n)).toBe(1);
    expect(machine.engine.bytes.slice(tables?.host, (tables?.host ?? 0) + 16)).toEqual(before);
  });
});

it("the power key is line 3 of the GPIO", () => {
  const line = () => machine.platform.bus.peek(GPIO + 0x3fc, 4);
  expect(machine.pressPowerKey()).toBe(true);
  expect(line()).toBe(8n);
  machine.platform.powerKey?.tick();
  expect(line()).toBe(0n);
});
