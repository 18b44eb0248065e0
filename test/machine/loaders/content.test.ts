/** Files that are loaded: read when they are wanted, and found out when they cannot be. */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bytesOf, copyContent, FileContent } from "../../../src/machine/loaders/content.js";
import { loadKernelFile } from "../../../src/machine/loaders/kernel.js";
import { arm64Image } from "./fixtures.js";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-content-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("a file's content", () => {
  it("is read where it is wanted", async () => {
    const path = join(directory, "data");
    writeFileSync(path, "some bytes");
    const content = FileContent.open(path, "the initrd");
    const target = new Uint8Array(content.length);
    await copyContent(content, target);
    expect(Buffer.from(target).toString()).toBe("some bytes");
    expect(Buffer.from(bytesOf(content)).toString()).toBe("some bytes");
  });

  it("is read in pieces where it is long", async () => {
    const path = join(directory, "long");
    const bytes = Uint8Array.from({ length: (9 << 20) + 5 }, (_, n) => n >>> 12);
    writeFileSync(path, bytes);
    const target = new Uint8Array(bytes.length);
    await copyContent(FileContent.open(path, "the initrd"), target);
    expect(Buffer.compare(target, bytes)).toBe(0);
  });

  it("is read at once from a pipe", () => {
    const path = join(directory, "pipe");
    execFileSync("mkfifo", [path]);
    spawn("sh", ["-c", 'printf "once only" > "$1"', "sh", path], { stdio: "ignore" });
    const content = FileContent.open(path, "the initrd");
    expect(content).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(bytesOf(content)).toString()).toBe("once only");
  });

  it("is not there, or a directory: said before anything starts", () => {
    expect(() => FileContent.open(join(directory, "none"), "the initrd")).toThrow(
      /none: cannot read the initrd: no such/,
    );
    expect(() => FileContent.open(directory, "the initrd")).toThrow(/cannot read the initrd: is a directory/);
  });

  it("has become shorter", async () => {
    const path = join(directory, "shrinks");
    writeFileSync(path, "some bytes");
    const content = FileContent.open(path, "the initrd");
    truncateSync(path, 3);
    expect(() => bytesOf(content)).toThrow(/shrinks: cannot read the initrd: it has become shorter/);
    const target = new Uint8Array(content.length);
    await expect(copyContent(content, target)).rejects.toThrow(
      /shrinks: cannot read the initrd: it has become shorter/,
    );
  });

  it("is a kernel's Image of which only the header was read, and so not all of the file", () => {
    const path = join(directory, "Image");
    const image = arm64Image({ textOffset: 0n, imageSize: 0x10000n });
    writeFileSync(path, image);
    const segment = loadKernelFile(path).segments[0];
    expect(segment?.bytes).toBeInstanceOf(FileContent);
    expect(segment?.memorySize).toBe(0x10000);
    expect(Buffer.from(bytesOf(segment?.bytes as FileContent))).toEqual(Buffer.from(image));
  });
});
