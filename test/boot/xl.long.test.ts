/** Xen's own tools in dom0: xl starts a domain, moves it about and ends it, again and again. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { fetchKernelModules } from "../../src/guests/kernel-modules.js";
import { bytesOf, loadKernelFile } from "../../src/index.js";
import { initScript, runMachine } from "./guest.js";
import { packageFiles } from "./packages.js";
import { xenConfig } from "./xen.js";

const MODULES = ["xen_privcmd", "xenfs", "xen_evtchn", "xen_gntdev", "xen_gntalloc"];
const PROGRAMS = ["xl", "xenstored", "xenconsoled", "xen-init-dom0"];
const XEN_LIBRARIES = ["call", "devicemodel", "evtchn", "foreignmemory", "gnttab", "hypfs", "toolcore", "toollog"];
const LIBRARIES = [
  ...[
    "ld-linux-aarch64.so.1",
    "libc.so.6",
    "libgcc_s.so.1",
    "libz.so.1",
    "libfdt.so.1",
    "libuuid.so.1",
    "libyajl.so.2",
  ],
  ...["libxenctrl.so.4.17", "libxenguest.so.4.17", "libxenlight.so.4.17", "libxlutil.so.4.17", "libxenstore.so.4"],
  ...XEN_LIBRARIES.map((name) => `libxen${name}.so.1`),
];
const PACKAGES = [
  ...[
    "xen-utils-4.17",
    "libxenmisc4.17",
    "libxenstore4",
    "libc6",
    "libgcc-s1",
    "zlib1g",
    "libfdt1",
    "libuuid1",
    "libyajl2",
  ],
  ...XEN_LIBRARIES.map((name) => `libxen${name}1`),
];

const DOMAIN = `name = "guest"
kernel = "/domU/Image"
ramdisk = "/domU/initrd"
memory = 128
vcpus = 2
extra = "console=hvc0 quiet panic=-1"
`;

const COMMANDS = `
for m in ${MODULES.join(" ")}; do insmod /$m.ko; done
mkdir -p /run/xen /run/xenstored /run/lock /var/lib/xen /var/lib/xenstored /var/log/xen/console /dev/pts
ln -s /run /var/run; ln -s /run/lock /var/lock
mount -t devpts devpts /dev/pts; mount -t xenfs xenfs /proc/xen
xenstored; sleep 1; xen-init-dom0; xenconsoled --log=all
xl create -q /domain.cfg; echo created $?
xl list | awk '{print "domain", $1, $3}'
while xl domid guest > /tmp/id 2>/dev/null; do sleep 1; done
cat /var/log/xen/console/guest-guest.log
for i in 1 2 3; do
  xl create -q /domain.cfg && xl vcpu-pin guest all 1 && xl pause guest && xl unpause guest && sleep 1
  xl vcpu-list guest | awk '{print "pinned", $3, $7}'; xl destroy guest; echo destroyed $?
done
xl list | awk '{print "left", $1}'`;

it("xl in dom0 starts a domain that powers off, and others that it pins, pauses and destroys", async () => {
  const { kernel, busybox, release } = await fetchDebian();
  const image = bytesOf(loadKernelFile(kernel).segments[0]!.bytes);
  const init = initScript("echo domain $(cat /sys/hypervisor/type) of $(nproc)");
  const programs = await packageFiles(PACKAGES, [...PROGRAMS, ...LIBRARIES]);
  const placed = Object.entries(programs).map(([name, bytes]) => [
    `${name.includes(".so") ? "lib" : "bin"}/${name}`,
    bytes,
  ]);
  const { console, exit } = await runMachine({
    ...(await xenConfig({
      commands: COMMANDS,
      files: {
        ...Object.fromEntries(placed),
        ...(await fetchKernelModules(release, MODULES)),
        "domU/Image": image,
        "domU/initrd": buildInitramfs({ busybox: readFileSync(busybox), init }),
        "domain.cfg": DOMAIN,
        "etc/xen/xl.conf": "",
      },
    })),
    cpus: 2,
  });
  expect(exit.reason).toBe("system-off");
  const lines = console.replaceAll("\r", "").split("\n");
  expect(lines).toContain("created 0");
  expect(lines).toContain("domain guest 128");
  expect(lines).toContain("domain xen of 2");
  expect(lines.filter((line) => /^pinned \d+ 1$/.test(line))).toHaveLength(6);
  expect(lines.filter((line) => line === "destroyed 0")).toHaveLength(3);
  expect(lines.filter((line) => line.startsWith("left "))).toEqual(["left Name", "left Domain-0"]);
});
