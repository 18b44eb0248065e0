/** Debian's Xen owns EL2, and Debian's kernel is its dom0: to a shell there, and off again. */
import { expect, it } from "vitest";
import { runMachine } from "./guest.js";
import { xenConfig } from "./xen.js";

it("Xen brings dom0 up on four vCPUs, which does some work and powers off", async () => {
  const { console, exit } = await runMachine({
    ...(await xenConfig({
      commands: `
cat /sys/hypervisor/type
echo online: $(cat /sys/devices/system/cpu/online)
for i in 1 2 3 4; do (head -c 300000 /dev/zero | sha256sum) & done; wait
echo interrupted: $(grep arch_timer /proc/interrupts | tr -s ' ')
sleep 1; echo slept`,
    })),
    cpus: 4,
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toContain("(XEN) Brought up 4 CPUs");
  expect(console).toContain("Xen 4.17 support found");
  expect(console).toMatch(/\nxen\r*\n/);
  expect(console).toContain("online: 0-3");
  const sum = "886715e4051e827f4fe215df3053af3f85ad0d352db2c829c7487af6d78efe30";
  expect(console.split(sum).length).toBe(5);
  expect(console).toMatch(/interrupted: 11: [1-9]\d* [1-9]\d* [1-9]\d* [1-9]\d* GICv3 27 Level arch_timer/);
  expect(console).toContain("slept");
  expect(console).toContain("(XEN) Hardware Dom0 halted: halting machine");
});
