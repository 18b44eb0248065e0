/** Debian's kernels on our machine: to their own power-off, with one vCPU and several, and the same way every time. */
import { describe, expect, it } from "vitest";
import { bootLinux } from "./guest.js";

describe("Debian 6.1, hosted EL2", () => {
  it("boots the same way twice: console, time stamps and final state", async () => {
    const commands = "cat /proc/cpuinfo /proc/interrupts /proc/iomem; sleep 1; date; uname -a; dmesg | tail -5";
    const first = await bootLinux({ commands });
    const second = await bootLinux({ commands });
    expect(first.exit.reason).toBe("system-off");
    expect(first.console).toContain("CPU part\t: 0xd08");
    expect(first.console).toContain("Machine model: linux,dummy-virt");
    expect(second.console).toBe(first.console);
    expect(second.machine.stateHash()).toBe(first.machine.stateHash());
    expect(second.machine.scheduler.now()).toBe(first.machine.scheduler.now());
  });

  it("brings up four vCPUs, switches one off and on again", async () => {
    const { console, exit, machine } = await bootLinux({
      cpus: 4,
      commands: `
cd /sys/devices/system/cpu
echo online: $(cat online)
echo 0 > cpu2/online && echo now: $(cat online)
echo 1 > cpu2/online && echo again: $(cat online)
taskset 4 sh -c 'echo on cpu $(cut -d" " -f39 /proc/self/stat)'
for i in 1 2 3 4; do (j=0; while [ $j -lt 2000 ]; do j=$((j+1)); done; echo done $i) & done; wait`,
    });
    expect(exit.reason).toBe("system-off");
    expect(console).toContain("smp: Brought up 1 node, 4 CPUs");
    expect(console).toContain("online: 0-3");
    expect(console).toContain("now: 0-1,3");
    expect(console).toContain("again: 0-3");
    expect(console).toContain("on cpu 2");
    for (const i of [1, 2, 3, 4]) expect(console).toContain(`done ${i}`);
    expect(machine.stats().exits).toMatchObject({ CpuUp: 4, CpuDown: 1 });
  });

  it("is the same run with four vCPUs, compiled or interpreted", async () => {
    const commands = `
for i in 1 2 3 4; do (echo $i; head -c 100000 /dev/zero | gzip -c | sha256sum; cat /proc/uptime) & done
wait
cat /proc/interrupts`;
    const first = await bootLinux({ cpus: 4, commands });
    const second = await bootLinux({ cpus: 4, commands, engine: "interpreter" });
    expect(first.machine.engine.compiled.regions).toBeGreaterThan(100);
    expect(second.machine.engine.compiled.regions).toBe(0);
    expect(second.console).toBe(first.console);
    expect(second.machine.stateHash()).toBe(first.machine.stateHash());
  });

  it("is the same run when everything is compiled before it is executed", async () => {
    const commands = "cat /proc/uptime /proc/interrupts";
    const first = await bootLinux({ commands, engine: "compile-all" });
    const second = await bootLinux({ commands });
    expect(first.machine.engine.compiled.regions).toBeGreaterThan(3000);
    expect(first.console).toBe(second.console);
    expect(first.machine.stateHash()).toBe(second.machine.stateHash());
  });

  it("ends with system-reset when the guest reboots under --no-reboot", async () => {
    const { exit } = await bootLinux({ commands: "reboot -f" });
    expect(exit.reason).toBe("system-reset");
  });
});

describe("Debian 6.1, the guest's own EL2", () => {
  it("enters at EL2 and initialises KVM in nVHE mode on cortex-a72", async () => {
    const { console, exit } = await bootLinux({ el2: "guest", cpus: 2, commands: "dmesg | grep -i kvm" });
    expect(exit.reason).toBe("system-off");
    expect(console).toContain("CPU: All CPU(s) started at EL2");
    expect(console).toContain("Hyp mode initialized successfully");
  });

  it("runs in VHE mode on max", async () => {
    const { console, exit } = await bootLinux({ el2: "guest", cpu: "max", commands: "dmesg | grep -i -e kvm -e VHE" });
    expect(exit.reason).toBe("system-off");
    expect(console).toContain("VHE mode initialized successfully");
  });
});

describe("Debian 6.12", () => {
  it("boots with 4K pages and two vCPUs", async () => {
    const { console, exit } = await bootLinux({ kernel: { series: "6.12" }, cpus: 2, commands: "uname -r" });
    expect(exit.reason).toBe("system-off");
    expect(console).toMatch(/\n6\.12\./);
    expect(console).toContain("smp: Brought up 1 node, 2 CPUs");
  });

  it("boots with 16K pages, on max", async () => {
    const { console, exit } = await bootLinux({
      kernel: { series: "6.12", pages: "16k" },
      cpu: "max",
      commands: "uname -r; cat /proc/cpuinfo | grep Features",
    });
    expect(exit.reason).toBe("system-off");
    expect(console).toMatch(/\n6\.12\.\S*-arm64-16k/);
    expect(console).toMatch(/Features.*atomics.*sha512/);
  });
});
