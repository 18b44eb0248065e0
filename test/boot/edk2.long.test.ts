/** EDK2 to Linux by its EFI stub, on every model and level; variables that Linux writes outlive reset and process. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openFlashBanks } from "../../src/cli/flash.js";
import { fetchDebian } from "../../src/guests/debian.js";
import { fetchFirmware } from "../../src/guests/firmware.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { fetchKernelModules } from "../../src/guests/kernel-modules.js";
import { loadKernelFile } from "../../src/index.js";
import { initScript, type RunOptions, runMachine } from "./guest.js";

let directory: string;
let variables: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "trapframe-edk2-"));
  variables = join(directory, "variables.fd");
  copyFileSync(await fetchFirmware("edk2-variables"), variables);
});
afterAll(() => rmSync(directory, { recursive: true }));

const warn = (line: string): void => {
  throw new Error(line);
};

async function options(commands: string, bank1: string): Promise<RunOptions> {
  const { kernel, busybox, release } = await fetchDebian();
  const files = await fetchKernelModules(release, ["efivarfs", "qemu_fw_cfg"]);
  return {
    flash: openFlashBanks([await fetchFirmware("edk2-code"), bank1], warn),
    memory: 1 << 30,
    kernel: loadKernelFile(kernel),
    initrd: buildInitramfs({ busybox: readFileSync(busybox), init: initScript(commands), files }),
    append: "console=ttyAMA0 quiet",
  };
}

it.each([
  ["cortex-a72", "hosted", 1],
  ["cortex-a72", "guest", 2],
  ["max", "hosted", 2],
  ["max", "guest", 4],
] as const)("starts Linux by its EFI stub on %s, el2 %s, %i vCPUs", async (cpu, el2, cpus) => {
  const { console, exit } = await runMachine({
    ...(await options(
      `
dmesg | grep -o -e 'EFI v.*' -e 'CPUs.* started at EL.' -e 'Brought up.*'
insmod /qemu_fw_cfg.ko; cat /sys/firmware/qemu_fw_cfg/by_name/opt/org.example/key/raw; echo`,
      `${variables},rw`,
    )),
    cpu,
    cpus,
    el2,
    fwCfg: [{ name: "opt/org.example/key", bytes: Buffer.from("a word from outside") }],
  });
  expect(exit.reason).toBe("system-off");
  expect(console).toMatch(/EFI v2\.\d+ by EDK II/);
  expect(console).toContain(`${cpus} CPU${cpus > 1 ? "s" : ""}`);
  expect(console).toContain("a word from outside");
});

const VARIABLE = "/sys/firmware/efi/efivars/Trapframe-12345678-1234-1234-1234-123456789abc";
const WRITE_OR_READ = `
insmod /efivarfs.ko && mount -t efivarfs efivarfs /sys/firmware/efi/efivars
if [ -e ${VARIABLE} ]; then echo found: $(tail -c +5 ${VARIABLE})
else printf '\\007\\000\\000\\000kept' > ${VARIABLE} && echo written; reboot -f; fi`;

it("keeps a variable that Linux has set over a reset, and in the file", async () => {
  const before = readFileSync(variables);
  const first = await runMachine({ ...(await options(WRITE_OR_READ, `${variables},rw`)), noReboot: false });
  expect(first.exit.reason).toBe("system-off");
  expect(first.console).toMatch(/written[\s\S]*found: kept/);
  expect(readFileSync(variables).equals(before)).toBe(false);

  const after = readFileSync(variables);
  const second = await runMachine(await options(WRITE_OR_READ, variables));
  expect(second.console).toContain("found: kept");
  expect(second.console).not.toContain("written");
  expect(readFileSync(variables).equals(after)).toBe(true);
});
