import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { notFirmware } from "../../../src/machine/loaders/firmware.js";
import { arm64Image, RAW_CODE, zboot } from "./fixtures.js";

it.each([
  ["an ELF file", Buffer.from("\x7fELF\x02\x01\x01", "latin1"), "an ELF file; flash takes the program itself"],
  ["a compressed kernel", gzipSync(arm64Image()), "compressed with gzip; unpack it first, or give it with --kernel"],
  [
    "a kernel's Image",
    Buffer.concat([Buffer.from("MZ\0\x91", "latin1"), arm64Image().subarray(4)]),
    "a kernel's Image",
  ],
  ["a zboot Image", zboot("gzip", Buffer.alloc(4)), "a kernel as an EFI program; give it with --kernel"],
  ["an empty file", new Uint8Array(), "an empty file"],
  ["an erased bank", new Uint8Array(4096).fill(0), "its first word, 0x0, is no A64 instruction"],
  ["a disk image", Buffer.from("QFI\xfb", "latin1"), "a qcow2 disk image"],
])("says of %s what it is", (_what, bytes, phrase) => {
  expect(notFirmware(bytes)).toContain(phrase);
});

it("takes code, and an Image, which begins with code: U-Boot can have its header", () => {
  expect(notFirmware(Uint8Array.from(RAW_CODE))).toBeUndefined();
  expect(notFirmware(arm64Image())).toBeUndefined();
});
