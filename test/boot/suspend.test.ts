/** Suspend to RAM by PSCI SYSTEM_SUSPEND (DEN0022, 5.20), ended by the real-time clock: seconds pass, the run goes on. */
import { expect, it } from "vitest";
import { bootLinux } from "./guest.js";

it("sleeps until the alarm of the real-time clock, and goes on", async () => {
  const { console, exit, machine } = await bootLinux({
    cpus: 2,
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
