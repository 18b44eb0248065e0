/** The initramfs of `trapframe start --drive`: the shell has the disk and its file system. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { disksInitramfs } from "../../src/guests/drivers.js";
import { READY_LINE } from "../../src/guests/initramfs.js";
import { loadKernelFile } from "../../src/index.js";
import { fatDisk, memoryDisk } from "./disks.js";
import { runFirmware } from "./firmware.js";

it("a file is read from a disk, and one written to it, at the shell", async () => {
  const guest = await fetchDebian();
  const disk = memoryDisk(fatDisk({ "HELLO.TXT": "a file on a virtio disk" }));
  const { answers, machine } = await runFirmware({
    flash: [],
    kernel: loadKernelFile(guest.kernel),
    initrd: readFileSync(await disksInitramfs(guest)),
    append: "console=ttyAMA0 quiet",
    drives: [disk],
    dialogue: [
      [READY_LINE, ""],
      ["# ", "mount /dev/vda /tmp && cat /tmp/hello.txt\r"],
      ["# ", "echo written in the guest > /tmp/new.txt; umount /tmp\r"],
      ["# ", "grep -c ext4 /proc/filesystems; poweroff\r"],
    ],
  });
  expect(answers[2]).toContain("a file on a virtio disk");
  expect(disk.bytes.includes("written in the guest\n")).toBe(true);
  expect(machine.ended).toEqual({ reason: "system-off" });
});
