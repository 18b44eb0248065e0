import { execFileSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/machine/errors.js";
import { loadKernel, loadKernelFile } from "../../../src/machine/loaders/kernel.js";
import { arm64Image, elf, RAW_CODE, zboot } from "./fixtures.js";

const zstd = (bytes: Uint8Array) => execFileSync("zstd", ["-q", "-c"], { input: bytes });

function failure(bytes: Uint8Array, name = "x"): string {
  try {
    loadKernel(bytes, name);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error("the file was accepted");
}

describe("arm64 Image", () => {
  it.each([
    [0n, 0x200000],
    [0x800n, 0x200800],
    [0x1000n, 0x1000],
    [0x80000n, 0x80000],
    [0x123_4000n, 0x123_4000],
  ])("with text_offset %s goes where QEMU puts it", (textOffset, offset) => {
    expect(loadKernel(arm64Image({ textOffset, imageSize: 0x5000n }), "Image").entry).toEqual({ base: "ram", offset });
  });

  it("claims image_size", () => {
    const bytes = arm64Image({ textOffset: 0x80000n, imageSize: 0x5000n });
    const kernel = loadKernel(bytes, "Image");
    expect(kernel).toEqual({
      kind: "image",
      name: "Image",
      segments: [{ address: { base: "ram", offset: 0x80000 }, bytes, memorySize: 0x5000 }],
      entry: { base: "ram", offset: 0x80000 },
    });
  });

  it("takes text_offset as 0x80000 when image_size is 0, as kernels before 3.17 mean it", () => {
    for (const textOffset of [0n, 1n << 40n]) {
      const bytes = arm64Image({ textOffset, imageSize: 0n });
      const kernel = loadKernel(bytes, "Image");
      expect(kernel.entry.offset).toBe(0x80000);
      expect(kernel.segments[0]!.memorySize).toBe(bytes.length);
    }
  });

  it("refuses a big-endian kernel and a damaged header", () => {
    expect(failure(arm64Image({ flags: 0xbn }))).toMatch(/^x: a big-endian kernel/);
    expect(failure(arm64Image({ textOffset: 0x1234_5678_9abcn }))).toMatch(/text_offset 0x123456789abc/);
    expect(failure(arm64Image({ imageSize: 1n << 40n }))).toMatch(/image_size 0x10000000000/);
  });
});

describe("compressed kernels", () => {
  const image = arm64Image();
  it.each([
    ["gzip", gzipSync(image)],
    ["zstd", zstd(image)],
    ["zboot gzip", zboot("gzip", gzipSync(image))],
    ["zboot zstd", zboot("zstd", zstd(image))],
    ["gzip round zboot", gzipSync(zboot("gzip", gzipSync(image)))],
  ])("unpacks %s", (_, bytes) => {
    const kernel = loadKernel(bytes, "x");
    expect(kernel.kind).toBe("image");
    expect(Buffer.from(kernel.segments[0]!.bytes as Uint8Array)).toEqual(image);
  });

  it("says how to unpack what it does not", () => {
    expect(failure(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 1, 2]), "Image.xz")).toBe(
      "Image.xz: compressed with xz; unpack it first: xz -dc Image.xz > Image",
    );
    expect(failure(zboot("lzma", image))).toMatch(/compressed with lzma/);
    expect(failure(zboot("pied-piper", image))).toMatch(/unknown compression, "pied-piper"/);
  });

  it("refuses damaged streams, endless nesting and a payload outside the file", () => {
    expect(failure(gzipSync(image).subarray(0, 40))).toMatch(/^x: the gzip stream is damaged/);
    expect(failure(zstd(image).subarray(0, 20))).toMatch(/^x: the zstd stream is damaged/);
    expect(failure(gzipSync(gzipSync(gzipSync(gzipSync(image)))))).toMatch(/compressed more than 3 times/);
    const cut = zboot("gzip", gzipSync(image));
    cut.writeUInt32LE(1 << 30, 12);
    expect(failure(cut)).toMatch(/not within the file/);
  });
});

describe("ELF", () => {
  const code = Buffer.alloc(32, 0x1f);

  it("goes to physical addresses and is entered at the physical address of e_entry", () => {
    const file = elf(
      [
        { type: 4, virtual: 0n, physical: 0n, bytes: Buffer.from("a note") },
        { virtual: 0xffff_8000_0000_0000n, physical: 0x4000_0000n, bytes: code, memorySize: 100 },
        { virtual: 0xffff_8000_0001_0000n, physical: 0x4010_0000n, bytes: Buffer.from("data") },
      ],
      { entry: 0xffff_8000_0000_0008n },
    );
    const kernel = loadKernel(file, "x.elf");
    expect(kernel.kind).toBe("elf");
    expect(kernel.entry).toEqual({ base: "absolute", offset: 0x4000_0008 });
    expect(kernel.segments.map(({ address, memorySize }) => [address.offset, memorySize])).toEqual([
      [0x4000_0000, 100],
      [0x4010_0000, 4],
    ]);
    expect(Buffer.from(kernel.segments[0]!.bytes as Uint8Array)).toEqual(code);
  });

  it("places a Linux vmlinux, whose physical addresses are virtual ones, by its Image header", () => {
    const kernel = loadKernel(
      elf([
        { virtual: 0xffff_8000_0800_0000n, physical: 0xffff_8000_0800_0000n, bytes: arm64Image() },
        { virtual: 0xffff_8000_0801_0000n, physical: 0xffff_8000_0801_0000n, bytes: code, memorySize: 0x9000 },
      ]),
      "vmlinux",
    );
    expect(kernel.kind).toBe("vmlinux");
    expect(kernel.entry).toEqual({ base: "ram", offset: 0x200000 });
    expect(kernel.segments[1]).toMatchObject({ address: { base: "ram", offset: 0x210000 }, memorySize: 0x9000 });
  });

  it.each([
    [{ machine: 62 }, "x.elf: ELF for x86-64, not AArch64"],
    [{ machine: 40, class: 1 }, "x.elf: ELF for 32-bit Arm, not AArch64"],
    [{ machine: 22, data: 2 }, "x.elf: ELF for S/390, not AArch64"],
    [{ data: 2 }, "x.elf: ELF for big-endian AArch64, not 64-bit little-endian AArch64"],
    [{ machine: 999 }, "x.elf: ELF for machine type 999, not AArch64"],
    [{ type: 1 }, "x.elf: ELF, but an object file, not yet linked"],
    [{ entry: 0x9999n }, "x.elf: the ELF entry point 0x9999 is in none of its segments"],
  ])("refuses %o", (fields, message) => {
    expect(failure(elf([{ virtual: 0x40000000n, physical: 0x40000000n, bytes: code }], fields), "x.elf")).toBe(message);
  });

  it("refuses what is cut short, loads nothing, or wants memory where none can be", () => {
    const whole = elf([{ virtual: 0x40000000n, physical: 0x40000000n, bytes: code }]);
    expect(failure(whole.subarray(0, whole.length - 1))).toMatch(/segment 0 is not within it/);
    expect(failure(whole.subarray(0, 100))).toMatch(/program headers are not within/);
    expect(failure(whole.subarray(0, 50))).toMatch(/cut off within its header/);
    expect(failure(elf([]))).toMatch(/nothing to load/);
    const high = elf([{ virtual: 0xffff_0000_0000_0000n, physical: 0xffff_0000_0000_0000n, bytes: code }]);
    expect(failure(high)).toMatch(/at 0xffff000000000000, where no memory can be/);
  });
});

describe("raw binary", () => {
  it("goes to RAM + 0x80000 and is entered at its first byte", () => {
    const kernel = loadKernel(RAW_CODE, "blob");
    expect(kernel.kind).toBe("raw");
    expect(kernel.entry).toEqual({ base: "ram", offset: 0x80000 });
    expect(kernel.segments[0]!.address).toEqual(kernel.entry);
  });

  it.each([
    ["an empty file", Buffer.alloc(0)],
    ["a text file", Buffer.from("Hello, I am the readme.\n")],
    ["a script", Buffer.from("#!/bin/sh\nexit\n")],
    ["give it with --dtb", Buffer.from([0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 0])],
    ["given with --initrd", Buffer.from("070701000000")],
    ["given with --initrd", gzipSync(Buffer.from("070701000000"))],
    ["a PE program without an arm64 Image header", Buffer.from("MZ\x90\0\x03\0\0\0", "latin1")],
    ["less than one instruction", Buffer.from([0x00, 0x91])],
    ["its first word, 0x0, is no A64 instruction", Buffer.alloc(4096)],
  ])("is not %s", (what, bytes) => {
    expect(failure(bytes)).toContain(what);
  });
});

it("names a file that cannot be read", () => {
  expect(() => loadKernelFile("/nonexistent/Image")).toThrow(
    "/nonexistent/Image: cannot read the kernel: no such file or directory",
  );
  expect(() => loadKernelFile("/")).toThrow("/: cannot read the kernel: is a directory");
});

it("answers any damaged file with a kernel or one line, never another exception", () => {
  const good = [
    arm64Image(),
    elf([{ virtual: 0x40000000n, physical: 0x40000000n, bytes: RAW_CODE }]),
    zboot("gzip", gzipSync(arm64Image())),
    zboot("zstd", zstd(arm64Image())),
  ];
  const damage = fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { maxLength: 12 });
  fc.assert(
    fc.property(fc.constantFrom(...good), damage, fc.nat(2000), (file, changes, length) => {
      const bytes = Buffer.from(file.subarray(0, length));
      for (const [offset, value] of changes) {
        bytes[offset % Math.max(1, bytes.length)] = value;
      }
      try {
        loadKernel(bytes, "x");
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as ConfigError).message).toMatch(/^x: [^\n]+$/);
      }
    }),
    { numRuns: 2000, seed: 1 },
  );
});
