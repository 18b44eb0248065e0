/** Initramfs archives round a static busybox: an interactive one, and ones whose /init a test or benchmark gives. */
import { type CpioEntry, writeCpio } from "./cpio.js";

/** The line the interactive guest prints when its shell is about to read. */
export const READY_LINE = "trapframe: the shell is ready";

const DIRECTORIES = ["bin", "dev", "etc", "proc", "root", "sbin", "sys", "tmp", "usr", "usr/bin", "usr/sbin"];

/** busybox's poweroff asks an init program that is not there; with -f it asks the kernel. */
const SHELL_ALIASES = "alias poweroff='poweroff -f' reboot='reboot -f' halt='halt -f'\n";

/**
 * An /init that ends in a shell. `commands` are lines that run before the shell does. cttyhack gives it a controlling
 * terminal, so that Ctrl-C and job control work.
 */
export const interactiveInit = (commands: string): string => `#!/bin/busybox sh
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root TERM=\${TERM:-vt102} PS1='\\w # ' ENV=/etc/shrc
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
${commands}hostname trapframe
cd /root
echo
echo "Linux $(uname -r), $(nproc) CPU(s). 'poweroff' ends the machine, as does leaving the shell."
echo '${READY_LINE}'
setsid cttyhack sh
poweroff -f
`;

export const INTERACTIVE_INIT = interactiveInit("");

export interface InitramfsOptions {
  /** The static AArch64 program that is /bin/busybox. */
  readonly busybox: Uint8Array;
  /** The text of /init, a script for /bin/busybox sh; INTERACTIVE_INIT without. */
  readonly init?: string;
  /** Further files, by path without a leading slash; directories that the archive lacks are made. */
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
}

/** An uncompressed archive, as `--initrd` takes it. The same options give the same bytes. */
export function buildInitramfs({ busybox, init = INTERACTIVE_INIT, files = {} }: InitramfsOptions): Uint8Array {
  const entries: CpioEntry[] = DIRECTORIES.map((path) => ({ path, kind: "directory" }));
  entries.push(
    // The kernel opens it for /init's standard streams, before anything is mounted.
    { path: "dev/console", kind: "character-device", permissions: 0o600, device: { major: 5, minor: 1 } },
    { path: "bin/busybox", kind: "file", content: busybox },
    { path: "bin/sh", kind: "symlink", permissions: 0o777, content: "busybox" },
    { path: "etc/shrc", kind: "file", permissions: 0o644, content: SHELL_ALIASES },
    { path: "init", kind: "file", content: init },
  );
  const known = new Set(DIRECTORIES);
  for (const [path, content] of Object.entries(files)) {
    const parts = path.split("/").slice(0, -1);
    for (const directory of parts.map((_, index) => parts.slice(0, index + 1).join("/"))) {
      if (!known.has(directory)) {
        known.add(directory);
        entries.push({ path: directory, kind: "directory" });
      }
    }
    entries.push({ path, kind: "file", content });
  }
  return writeCpio(entries);
}
