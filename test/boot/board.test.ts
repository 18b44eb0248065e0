/** Debian's kernel on the other board, which has nothing where virt has it, by the device tree that is made for it. */
import { expect, it } from "vitest";
import { loadMachineDescription } from "../../src/index.js";
import { bootLinux } from "./guest.js";

it("boots on the small board, with four CPUs in two clusters and the second UART as its console", async () => {
  const description = loadMachineDescription("small");
  const { console, exit } = await bootLinux({
    description,
    memory: description.ram.default,
    cpus: 4,
    commands: `
echo cluster: $(cat /sys/devices/system/cpu/cpu3/topology/cluster_cpus_list)
grep -e pl011 -e arch_timer -e arm-pmu /proc/interrupts | tr -s ' '
grep -e 'System RAM' -e pl0 /proc/iomem
hwclock -u
sleep 1
echo $(cut -d. -f1 /proc/uptime) seconds`,
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toContain("Machine model: A small board");
  expect(console).toContain("arch_timer: cp15 timer(s) running at 50.00MHz (virt)");
  expect(console).toContain("CPU3: Booted secondary processor 0x0000000101");
  expect(console).toContain("cluster: 2-3");
  expect(console).toMatch(/1c0a0000\.pl011: ttyAMA0 .*\(irq = \d+/);
  expect(console).toMatch(/1c090000\.pl011: ttyAMA1 /);
  expect(console).toMatch(/GICv3 38 Level uart-pl011/);
  expect(console).toMatch(/GICv3 22 Level arm-pmu/);
  expect(console).toContain("80000000-8fffffff : System RAM");
  expect(console).toMatch(/Mon Jan {2}1 00:00:0\d 2024/);
  expect(console).toMatch(/\n[1-9] seconds/);
});
