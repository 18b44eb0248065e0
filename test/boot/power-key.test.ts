/**
 * The power key pressed under Linux: the GPIO's interrupt, gpio-keys, input events, and what userspace makes of them.
 */
import { expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchKernelModules } from "../../src/guests/kernel-modules.js";
import { bootLinux } from "./guest.js";

/** Four events of 24 bytes: the key and a report, down and up again (Linux, input.h: EV_KEY 1, KEY_POWER 116). */
const SCRIPT = `
insmod /evdev.ko && insmod /gpio_keys.ko
cat /sys/class/input/event0/device/name
head -c 96 /dev/input/event0 > /tmp/events &
sleep 0.2
echo waiting for the key
wait
od -A n -t u2 -v -w24 /tmp/events | while read a b c d e f g h type code value rest; do echo event $type $code $value; done
echo off it goes`;

it("reaches a process as KEY_POWER, down and up", async () => {
  const { release } = await fetchDebian();
  let presses = 0;
  const { console, exit } = await bootLinux({
    files: await fetchKernelModules(release, ["evdev", "gpio_keys"]),
    append: "quiet",
    commands: SCRIPT,
    onConsole: (text, machine) => {
      if (presses === 0 && text.endsWith("waiting for the key\r\n")) {
        presses++;
        expect(machine.pressPowerKey()).toBe(true);
      }
    },
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toContain("gpio-keys");
  const events = [...console.matchAll(/event (.*)\r/g)].map(([, event]) => event);
  expect(events).toEqual(["1 116 1", "0 0 0", "1 116 0", "0 0 0"]);
});
