/** A kernel that KASLR has moved: VBAR_EL1 tells by how much, and GDB reads the symbols there. */
import { readFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { loadKernelFile, loadMachineDescription } from "../../src/index.js";
import { prepareBoot } from "../../src/machine/boot.js";
import { readFdt, writeFdt } from "../../src/machine/device-tree/fdt.js";
import { Session } from "./session.js";

const open: Session[] = [];
afterEach(async () => {
  for (const session of open.splice(0)) await session.close();
});

it.each([
  ["is found where it went, and debugged by its names there", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)],
  // With vectors against Spectre-BHB, then: KASLR has others.
  ["is found where it is linked, if that is where it is", undefined],
] as const)("%s", async (_name, seed) => {
  const guest = await fetchDebian({ symbols: true });
  const kernel = loadKernelFile(guest.kernel);
  const init = "#!/bin/busybox sh\necho ready; /bin/busybox sleep 100000\n";
  const initrd = buildInitramfs({ busybox: readFileSync(guest.busybox), init });
  const options = { kernel, initrd, append: "console=ttyAMA0", memory: 512 << 20, cpus: 1 };
  const { dtb } = prepareBoot({
    ...options,
    description: loadMachineDescription("virt"),
    cpu: "cortex-a72",
    el2: "hosted",
    el3: "hosted",
  });
  const tree = readFdt(dtb, "the tree");
  if (seed !== undefined) tree.child("chosen")?.set("kaslr-seed", seed);

  const session = await Session.start({
    ...options,
    dtb: writeFdt(tree),
    symbols: guest.symbols ?? "",
    wait: false,
    idle: "realtime",
  });
  open.push(session);
  while (!session.console.includes("ready")) await new Promise((resolve) => setTimeout(resolve, 20));
  const text = await session.gdb([
    "p $offset = ((long) $VBAR_EL1 - (long) &vectors) & ~0xffff",
    `symbol-file -o $offset ${guest.symbols}`,
    "p linux_banner",
    "break __arm64_sys_nanosleep",
    "break __schedule",
    "continue",
    "bt -3",
    "p init_task.comm",
    "p (long) strlen(init_task.comm)",
  ]);
  expect(text).toMatch(seed === undefined ? /\$1 = 0\n/ : /\$1 = [1-9]\d+\n/);
  expect(text).toMatch(/\$2 = 0xffff\w+ <linux_banner> "Linux version 6\.1\./);
  expect(text).toMatch(/Breakpoint \d, .*(__schedule|nanosleep)/);
  expect(text).toMatch(/"swapper/);
  // Called in the kernel, from where it returns to what is not mapped.
  expect(text).toMatch(/\$4 = [79]\n/);
});
