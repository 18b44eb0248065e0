import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/machine/errors.js";
import { type LoadedKernel, loadKernel } from "../../../src/machine/loaders/kernel.js";
import { placeBoot } from "../../../src/machine/loaders/placement.js";
import { arm64Image, elf, RAW_CODE } from "./fixtures.js";

const MIB = 2 ** 20;
const ram = (size: number) => ({ base: 0x4000_0000, size });
const image = (size: number) => loadKernel(arm64Image({ imageSize: BigInt(size) }), "Image");
const bare = (physical: bigint) => loadKernel(elf([{ virtual: physical, physical, bytes: RAW_CODE }]), "x.elf");

describe("placement", () => {
  it("is QEMU's for an Image with an initrd", () => {
    expect(placeBoot(ram(1024 * MIB), image(33 * MIB), 5 * MIB + 1, 8000)).toEqual({
      segments: [0x4020_0000],
      entry: 0x4020_0000,
      modules: [],
      initrd: 0x4800_0000,
      dtb: 0x4860_0000,
    });
  });

  it("puts a raw binary at RAM + 0x80000", () => {
    const place = placeBoot(ram(64 * MIB), loadKernel(RAW_CODE, "raw"), undefined, 8000);
    expect(place).toEqual({ segments: [0x4008_0000], entry: 0x4008_0000, modules: [], dtb: 0x4200_0000 });
  });

  it("puts the tree of an ELF file at the start of RAM when that is free, else behind it", () => {
    expect(placeBoot(ram(64 * MIB), bare(0x4008_0000n), undefined, 8000).dtb).toBe(0x4000_0000);
    expect(placeBoot(ram(64 * MIB), bare(0x4000_0000n), undefined, 8000).dtb).toBe(0x4020_0000);
  });

  it("moves the initrd past a kernel that reaches beyond its usual place", () => {
    const place = placeBoot(ram(128 * MIB), image(80 * MIB), 5 * MIB, 8000);
    expect(place.initrd).toBe(0x4000_0000 + 82 * MIB);
    expect(place.dtb).toBe(0x4000_0000 + 88 * MIB);
  });

  it("leaves modules where they are given, finds places for the others, and keeps both free", () => {
    const modules = [
      { name: "here", size: 20 * MIB, address: 0x4800_0000 },
      { name: "anywhere", size: 3 * MIB },
      { name: "anywhere else", size: 1 },
    ];
    const place = placeBoot(ram(1024 * MIB), image(33 * MIB), MIB, 8000, modules);
    expect(place.modules).toEqual([0x4800_0000, 0x4960_0000, 0x49a0_0000]);
    expect(place.initrd).toBe(0x4940_0000);
    expect(place.dtb).toBe(0x49c0_0000);
  });

  it.each([
    [[{ name: "m", size: MIB, address: 0x3fff_0000 }], "m: a module at 0x3fff0000 to 0x400effff is not within RAM"],
    [
      [{ name: "m", size: MIB, address: 0x4030_0000 }],
      "in the way of the kernel (0x40200000 to 0x422fffff); leave addr=",
    ],
    [
      [
        { name: "a", size: 2 * MIB, address: 0x4300_0000 },
        { name: "b", size: MIB, address: 0x4310_0000 },
      ],
      "b: a module at 0x43100000 to 0x431fffff is in the way of a (0x43000000 to 0x431fffff)",
    ],
    [[{ name: "big", size: 64 * MIB }], "big (64 MiB) does not fit beside the kernel"],
  ])("refuses modules that cannot be there", (modules, message) => {
    expect(() => placeBoot(ram(64 * MIB), image(33 * MIB), undefined, 8000, modules)).toThrow(message);
  });

  it("uses the space below the kernel before it gives up", () => {
    const place = placeBoot(ram(35 * MIB), image(33 * MIB), MIB, 8000);
    expect(place.initrd).toBe(0x4000_0000);
    expect(place.dtb).toBe(0x4000_0000 + MIB);
  });

  it.each([
    [
      () => placeBoot(ram(32 * MIB), image(33 * MIB), undefined, 8000),
      "Image: the kernel needs 0x40200000 to 0x422fffff, which is not within RAM (0x40000000 to 0x41ffffff, 32 MiB); give it more: --memory 96M",
    ],
    [
      () => placeBoot(ram(64 * MIB), bare(0x1000n), undefined, 8000),
      "x.elf: the kernel needs 0x1000 to 0x1007, which is not within RAM (0x40000000 to 0x43ffffff, 64 MiB); link it for this machine's memory map",
    ],
    [
      () => placeBoot(ram(64 * MIB), image(33 * MIB), 40 * MIB, 8000),
      "the initrd (40 MiB) does not fit beside the kernel (33 MiB) in 64 MiB of memory; give more with --memory",
    ],
    [
      () => placeBoot(ram(4 * MIB), image(2 * MIB), 2 * MIB, 8000),
      "the device tree (7.8 KiB) does not fit beside the kernel (4 MiB) in 4 MiB of memory; give more with --memory",
    ],
  ])("refuses what memory cannot hold (%#)", (place, message) => {
    expect(place).toThrow(new ConfigError("NO_ROOM", message));
  });

  it("never overlaps, never leaves RAM, and keeps the boot protocol's alignments", () => {
    const size = fc.integer({ min: 1, max: 200 * MIB });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 2 * MIB }), size, (memory, kernelSize, dtbSize, initrdSize) => {
        const kernel: LoadedKernel = image(kernelSize);
        try {
          const place = placeBoot(ram(memory), kernel, initrdSize, dtbSize);
          const blocks = [
            [place.segments[0]!, kernelSize],
            [place.initrd!, initrdSize],
            [place.dtb, dtbSize],
          ].sort((a, b) => a[0]! - b[0]!);
          expect(blocks[0]![0]!).toBeGreaterThanOrEqual(0x4000_0000);
          expect(blocks[0]![0]! + blocks[0]![1]!).toBeLessThanOrEqual(blocks[1]![0]!);
          expect(blocks[1]![0]! + blocks[1]![1]!).toBeLessThanOrEqual(blocks[2]![0]!);
          expect(blocks[2]![0]! + blocks[2]![1]!).toBeLessThanOrEqual(0x4000_0000 + memory);
          expect(place.dtb % 8).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 500, seed: 2 },
    );
  });
});
