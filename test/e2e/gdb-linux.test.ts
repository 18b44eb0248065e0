/**
 * The real gdb-multiarch with Debian's symbols on Debian's kernel, which is fetched when the cache does not have it.
 */
import { readFileSync } from "node:fs";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { type DebianGuest, fetchDebian } from "../../src/guests/debian.js";
import { buildInitramfs } from "../../src/guests/initramfs.js";
import { loadKernelFile } from "../../src/index.js";
import { Session, type SessionOptions } from "./session.js";

let guest: DebianGuest;
beforeAll(async () => {
  guest = await fetchDebian({ symbols: true });
});

const open: Session[] = [];
afterEach(async () => {
  for (const session of open.splice(0)) await session.close();
});

async function start(init: string, options: Partial<SessionOptions>): Promise<Session> {
  const session = await Session.start({
    kernel: loadKernelFile(guest.kernel),
    symbols: guest.symbols ?? "",
    initrd: buildInitramfs({ busybox: readFileSync(guest.busybox), init: `#!/bin/busybox sh\n${init}\n` }),
    append: "console=ttyAMA0",
    ...options,
  });
  open.push(session);
  return session;
}

/** After `ready` the kernel has nothing to do. */
const IDLE = "echo ready; /bin/busybox sleep 100000";

const isIdle = ({ machine, console }: Session): boolean =>
  console.includes("ready") && machine.cores.every(({ state }) => state !== "running");

describe("Debian 6.1, one vCPU", () => {
  it("is debugged from before the MMU is on to an idle shell", async () => {
    const session = await start(IDLE, { idle: "realtime" });
    const interruptWhen = session.resumed(() => session.console.includes("Run /init"));
    const boot = await session.gdb(
      [
        "info threads",
        "x/i $pc",
        "hbreak start_kernel",
        "continue",
        "p linux_banner",
        "p init_task.comm",
        "x/i $pc",
        "p $sp > &init_thread_union && $sp <= (char *) &init_thread_union + 16384",
        "delete",
        "break kmem_cache_init",
        "continue",
        "continue",
        "bt",
        "p slab_state",
        "p $old = $pc",
        "stepi",
        "p (char *) $pc - (char *) $old",
        "finish",
        "p slab_state",
        "delete",
        "hbreak do_basic_setup",
        "break kmem_cache_alloc",
        "ignore 4 300",
        "continue",
        "info breakpoints",
        "disable 4",
        "continue",
        "bt",
        "delete",
        "watch system_state",
        "continue",
        "delete",
        "continue",
        "info threads",
        "p jiffies_64 > 0",
        "detach",
      ],
      { interruptWhen },
    );
    expect(boot).toMatch(/^\* 1 +Thread 1\.1 "CPU0" \(EL1 running\) 0x0000000040200000 in \?\? \(\)$/m);
    expect(boot).toMatch(/^=> 0x40200000:\s+ccmp/m);
    expect(boot).toMatch(/^Breakpoint 1\.1, 0xffff8000\w+ in start_kernel \(\)$/m);
    expect(boot).toMatch(/^\$1 = 0xffff8000\w+ <linux_banner> "Linux version 6\.1\./m);
    expect(boot).toMatch(/^\$2 = "swapper\\000/m);
    expect(boot).toMatch(/^=> 0xffff8000\w+ <start_kernel>:\s+nop$/m);
    expect(boot).toMatch(
      /^#0 +kmem_cache_init \(\) at .*\n(?:.*\n)*?#1 .* mm_init \(\) at init\/main\.c:\d+\n#2 +start_kernel \(\) at init\/main\.c:\d+\n#3 .*__primary_switched \(\)/m,
    );
    expect(boot).toMatch(/= DOWN\n/);
    expect(boot).toMatch(/^\$6 = 4$/m);
    expect(boot).toMatch(/= UP\n/);
    expect(boot).toContain("breakpoint already hit 301 times");
    expect(boot).toMatch(/Breakpoint 3, do_basic_setup \(\) at init\/main\.c:\d+\n/);
    expect(boot).toMatch(
      /#1 +kernel_init_freeable \(\) at .*\n#2 .* in kernel_init \(.*\) at .*\n#3 .* in ret_from_fork \(\)/,
    );
    expect(boot).toMatch(/Hardware watchpoint 5: system_state\s+Old value = SYSTEM_SCHEDULING\s+New value = \w+\n/);
    expect(boot).toMatch(/received signal SIGINT, Interrupt\./);
    expect(boot).toMatch(/^\$\d+ = 1\n\[Inferior 1 \(process 1\) detached\]$/m);

    await until(() => isIdle(session));
    const idle = await session.gdb(
      [
        "info threads",
        "shell sleep 0.2",
        "continue",
        "bt",
        "monitor info cores",
        "break __arm64_sys_newuname",
        "detach",
      ],
      { interruptWhen: session.resumed(() => isIdle(session)) },
    );
    expect(idle).toMatch(/"CPU0" \(EL1 waiting \(WFI\)\)/);
    expect(idle).toMatch(/received signal SIGINT, Interrupt\./);
    expect(idle).toMatch(
      /^#0 +.*(cpu_do_idle|arch_cpu_idle|default_idle_call) \(\).*\n(?:.*\n)*#\d+ .* in arch_call_rest_init \(\)/m,
    );
    expect(idle).toMatch(/^\* CPU0 {2}pc 0xffff8000\w+ {2}MPIDR 0x0 {2}EL1 waiting \(WFI\)$/m);
  });
});

describe("Debian 6.1, four vCPUs", () => {
  it("runs under breakpoints as it does alone, to the last byte", async () => {
    const off = "/bin/busybox cat /proc/self/maps; /bin/busybox poweroff -f";
    const alone = await start(off, { cpus: 4, wait: false });
    const session = await start(off, { cpus: 4 });
    expect(await alone.ended).toEqual({ reason: "system-off" });
    const text = await session.gdb([
      "hbreak secondary_start_kernel",
      "continue",
      "info threads",
      "continue",
      "continue",
      "info threads",
      "thread apply all bt 2",
      "break do_sys_openat2",
      "continue",
      "continue",
      "p how->flags",
      "ignore 2 8",
      "continue",
      "bt 3",
      "info threads",
      "delete",
      "continue",
    ]);
    expect(text).toMatch(/^ {2}4 +Thread 1\.4 "CPU3" \(halted \(PSCI off\)\)/m);
    for (const n of [1, 2, 3]) expect(text).toMatch(new RegExp(`"CPU${n}" hit Breakpoint 1, secondary_start_kernel`));
    expect(text).toMatch(/hit Breakpoint 2(\.\d)?, .*do_sys_openat2 \(/);
    expect(text).toMatch(/\$1 = \d+\n/);
    expect(text).toContain("[Inferior 1 (process 1) exited normally]");
    expect(await session.ended).toEqual({ reason: "system-off" });
    expect(session.console).toBe(alone.console);
    expect(session.machine.stateHash()).toBe(alone.machine.stateHash());
  });
});

/** Polls; the test's time limit is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 50));
}
