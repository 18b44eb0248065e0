/** vCPUs that power themselves down and come back: PSCI SYSTEM_SUSPEND and CPU_SUSPEND (DEN0022, 5.20 and 5.4). */
import { expect, it } from "vitest";
import { loadMachineDescription } from "../../src/index.js";
import { writeFdt } from "../../src/machine/device-tree/fdt.js";
import { generateDeviceTree } from "../../src/machine/device-tree/generate.js";
import { cells, strings } from "../../src/machine/device-tree/tree.js";
import { bootLinux } from "./guest.js";

const MEMORY = 512 << 20;
const CPUS = 2;

/** The board's tree with an idle state in which the CPU loses all but its timers (bindings/cpu/idle-states.yaml). */
function treeWithIdleState(el2: "hosted" | "guest"): Uint8Array {
  const description = loadMachineDescription("virt");
  const virtualization = el2 === "guest";
  const options = { description, cpu: "cortex-a72", cpus: CPUS, memory: MEMORY, virtualization } as const;
  const root = generateDeviceTree({ ...options, psci: virtualization ? "smc" : "hvc" });
  const cpus = root.child("cpus")!;
  const phandle = 0x2000;
  for (let cpu = 0; cpu < CPUS; cpu++) cpus.child(`cpu@${cpu}`)!.set("cpu-idle-states", cells(phandle));
  cpus
    .add("idle-states")
    .set("entry-method", strings("psci"))
    .add("down")
    .set("compatible", strings("arm,idle-state"))
    .set("arm,psci-suspend-param", cells(0x1_0000))
    .set("entry-latency-us", cells(100))
    .set("exit-latency-us", cells(100))
    .set("min-residency-us", cells(500))
    .set("phandle", cells(phandle));
  return writeFdt(root);
}

/** A Linux that has the physical GIC for its own switches off its CPU interface before it asks to be powered down. */
const OWNERS = ["hosted", "guest"] as const;

it.each(OWNERS)("sleeps until the alarm of the real-time clock, and goes on, EL2 %s", async (el2) => {
  const { console, exit, machine } = await bootLinux({
    cpus: CPUS,
    el2,
    commands: `
      clock() { cat /sys/class/rtc/rtc0/since_epoch; }
      began=$(clock)
      echo +30 > /sys/class/rtc/rtc0/wakealarm
      echo mem > /sys/power/state && echo "slept $(($(clock) - began)) s"
      echo "online: $(cat /sys/devices/system/cpu/online)"`,
  });
  expect(console).toMatch(/slept 3[01] s/);
  expect(console).toContain("online: 0-1");
  expect(exit.reason).toBe("system-off");
  // No more than a boot takes: a slice in which a vCPU is reset is counted like any other.
  expect(machine.stats().instructions).toBeLessThan(10e9);
});

it.each(OWNERS)("idles powered down, and its timers wake it, EL2 %s", async (el2) => {
  const { console, exit } = await bootLinux({
    cpus: CPUS,
    el2,
    memory: MEMORY,
    dtb: treeWithIdleState(el2),
    commands: `
      for round in 1 2 3 4 5; do sleep 0.2; taskset 1 true; taskset 2 true; done
      for cpu in 0 1; do cd /sys/devices/system/cpu/cpu$cpu/cpuidle/state1; echo "$(cat name) $(cat usage)"; done`,
  });
  const slept = [...console.matchAll(/^down (\d+)\r/gm)].map(([, times]) => Number(times));
  expect(slept.length).toBe(CPUS);
  for (const times of slept) expect(times).toBeGreaterThan(5);
  expect(exit.reason).toBe("system-off");
});
