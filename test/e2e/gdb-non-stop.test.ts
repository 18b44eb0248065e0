/** Non-stop mode with the real gdb-multiarch: a vCPU that stands is not scheduled, the others run on. */
import { describe, expect, it } from "vitest";
import { InteractiveGdb } from "../gdb/interactive.js";
import { FirmwareSessions } from "./session.js";

const firmware = new FirmwareSessions();

/** A machine at its first instruction, and a GDB that is connected to it. */
async function start(cpus: number, mode = "set non-stop on") {
  const session = await firmware.start({ cpus });
  const gdb = new InteractiveGdb([mode, `file ${firmware.file}`]);
  firmware.finally(() => gdb.kill());
  await gdb.say(`target remote ${session.place}`, /_start \(\)[\s\S]*start\.S:4[\s\S]*\(gdb\) /);
  const number = async (expression: string): Promise<number> =>
    Number(/= (\d+)\n/.exec(await gdb.say(`p ${expression}`, /\$\d+ = \d+\n/))?.[1]);
  return { session, gdb, number };
}

describe.each([2, 4])("non-stop with %i vCPUs", (cpus) => {
  it("stops one at a breakpoint, steps it, and lets the others run", async () => {
    const { session, gdb, number } = await start(cpus);
    await gdb.say("break worker if cpu == 1", /Breakpoint 1 at/);
    await gdb.say("continue &", /Continuing\./);
    await gdb.until(/Thread 2 "CPU1" hit Breakpoint 1, worker \(cpu=1\)/);
    const threads = await gdb.say("info threads", /1\.2 "CPU1" [^\n]*\n(?![\s\S]*\(running\)$)/);
    expect(threads).toMatch(/1 +Thread 1\.1 "CPU0" \(EL1 running\) +\(running\)/);
    expect(threads).toMatch(/2 +Thread 1\.2 "CPU1" \(EL1 running\) +worker \(cpu=1\) at .*main\.c/);
    await gdb.say("thread 2", /Switching to thread 2 [\s\S]*#0[\s\S]*\(gdb\) /);
    await gdb.say("delete", /\(gdb\) /);

    const before = await number("rounds[0]");
    // From the loop's entry, a branch, to its condition; and one on.
    await gdb.say("stepi", /\d+\t/);
    const pc = session.machine.cores[1]?.vcpu.pc ?? 0n;
    await gdb.say("stepi", /\d+\t/);
    expect(session.machine.cores[1]?.vcpu.pc).toBe(pc + 4n);
    expect(await number("rounds[1]")).toBe(0);
    const later = await number("rounds[0]");
    expect(later).toBeGreaterThan(before);
    expect(session.machine.isPaused).toBe(false);

    const own = await number("rounds[1]");
    await gdb.say("continue &", /Continuing\./);
    await gdb.say("interrupt", /Thread 2 "CPU1" stopped\./);
    expect(await number("rounds[1]")).toBeGreaterThan(own);
    await gdb.say("interrupt -a", /Thread 1 "CPU0" stopped\./);
    const standing = await number("rounds[0]");
    expect(await number("rounds[0]")).toBe(standing);
    await gdb.say("detach", /\[Inferior 1 \(process 1\) detached\]/);
    expect([session.machine.isPaused, session.machine.cores.some(({ held }) => held)]).toEqual([false, false]);
  });

  it("stops with Ctrl-C, goes on, and hears of the end", async () => {
    const { session, gdb } = await start(cpus);
    await gdb.say("tbreak start_second", /at 0x/);
    await gdb.say("continue", /hit Temporary breakpoint 1, start_second/);
    await gdb.say("set var finish = 0", /\(gdb\) /);
    await gdb.say("continue", /Continuing\./);
    for (let n = 0; session.machine.cores[1]?.state === "off" && n < 1000; n++) await tick();
    gdb.interrupt();
    await gdb.until(/Thread \d "CPU\d" (received signal SIGINT|stopped)[\s\S]*\(gdb\) /);
    // A vCPU that runs sees it, and switches the machine off.
    await gdb.say("set var finish = 1", /\[Inferior 1 \(process 1\) exited normally\]/);
    expect(await session.ended).toEqual({ reason: "system-off" });
  });
});

it("serves GDB's all-stop commands over a non-stop connection", async () => {
  const { gdb, number } = await start(2, "maintenance set target-non-stop on");
  await gdb.say("break worker", /Breakpoint 1 at/);
  await gdb.say("continue", /hit Breakpoint 1, worker/);
  await gdb.say("continue", /hit Breakpoint 1, worker/);
  expect(await gdb.say("info threads", /2 +Thread[^\n]*\n/)).not.toContain("(running)");
  await gdb.say("delete", /\(gdb\) /);
  await gdb.say("stepi", /\d+\t/);
  await gdb.say("watch rounds[1] if rounds[1] > 5", /Hardware watchpoint 2/);
  await gdb.say("continue", /Old value = 5[\s\S]*New value = 6/);
  expect(await number("rounds[1]")).toBe(6);
});

function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
