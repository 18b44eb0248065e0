/** Debian's U-Boot and EDK2 enumerate PCIe and read files from a virtio disk. */
import { describe, expect, it } from "vitest";
import { fatDisk, memoryDisk } from "./disks.js";
import { firmwareImage, runFirmware } from "./firmware.js";

const GREETING = "a file on a virtio disk";
const disk = () => memoryDisk(fatDisk({ "OTHER.TXT": "x".repeat(1500), "HELLO.TXT": GREETING }));

describe("a virtio disk on PCIe", () => {
  it.each([
    ["hosted", "hosted"],
    ["guest", "guest"],
  ] as const)("is there for U-Boot, with el2 %s and el3 %s", async (el2, el3) => {
    const { answers } = await runFirmware({
      flash: [await firmwareImage("u-boot")],
      drives: [disk()],
      el2,
      el3,
      dialogue: [
        ["stop autoboot", "\r"],
        ["=> ", "pci enum; pci\r"],
        ["=> ", "pci regions; pci bar 0.2.0\r"],
        ["=> ", "virtio scan; virtio info; ls virtio 0\r"],
        ["=> ", "load virtio 0 42000000 hello.txt; md.b 42000000 17\r"],
        ["=> ", ""],
      ],
    });
    const [, , pci, , files, loaded] = answers;
    expect(pci).toMatch(/00\.00\.00 +0x1b36 +0x0008 +Bridge device/);
    expect(pci).toMatch(/00\.02\.00 +0x1af4 +0x1042 +Mass storage controller/);
    expect(files).toMatch(/4\.0 MB/);
    expect(files).toContain(`${GREETING.length}   HELLO.TXT`);
    expect(loaded).toContain(`${GREETING.length} bytes read`);
    expect(loaded).toContain("a file on a vir");
  });

  it("is there for the UEFI shell", async () => {
    const { answers } = await runFirmware({
      flash: [await firmwareImage("edk2")],
      drives: [disk()],
      dialogue: [
        ["in 5 seconds to skip", "\x1b"],
        [/Shell> /, "pci\r"],
        [/Shell> /, "type fs0:\\hello.txt\r"],
        [/Shell> /, "reset -s\r"],
      ],
    });
    const [shell, , pci, file] = answers;
    expect(shell).toBeDefined();
    expect(pci).toMatch(/Vendor 1AF4 Device 1042/);
    expect(file).toContain(GREETING);
  });
});
