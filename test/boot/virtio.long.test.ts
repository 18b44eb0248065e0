/** LPIs of a disk under Linux that takes their vCPU away: it has the ITS move them (MOVI). */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { memoryDisk, pattern } from "./disks.js";
import { bootLinux } from "./guest.js";

it("messages of a disk follow to another vCPU when theirs goes off", async () => {
  const disk = memoryDisk(pattern(1 << 20));
  const sum = createHash("sha256").update(disk.bytes).digest("hex");
  const { console } = await bootLinux({
    virtio: true,
    cpus: 2,
    el2: "guest",
    append: "quiet",
    drives: [disk],
    commands: `
irq=$(grep virtio1-req.0 /proc/interrupts | cut -d: -f1 | tr -d ' ')
look() {
  echo 3 > /proc/sys/vm/drop_caches
  sha256sum /dev/vda
  echo to CPU$(cat /proc/irq/$irq/effective_affinity_list): $(grep virtio1-req.0 /proc/interrupts)
}
look
echo 0 > /sys/devices/system/cpu/cpu0/online; look
echo 1 > /sys/devices/system/cpu/cpu0/online
echo 0 > /sys/devices/system/cpu/cpu1/online
echo 1 > /sys/devices/system/cpu/cpu1/online; look`,
  });
  expect(console.split(`${sum}  /dev/vda`).length).toBe(4);
  // Of a vCPU that is off there is no column.
  const counts = [...console.matchAll(/to CPU(\d): \d+: (\d+)(?: (\d+))? ITS-MSI/g)].map((match) => match.slice(1));
  expect(counts.map(([cpu]) => cpu)).toEqual(["0", "1", "0"]);
  const [[, first], [, second], [, third, other]] = counts as [string[], string[], string[]];
  expect(Number(first)).toBeGreaterThan(3);
  expect(Number(second)).toBeGreaterThan(3);
  expect(Number(third)).toBeGreaterThan(Number(first));
  expect(other).toBe(second);
});
