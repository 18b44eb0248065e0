/** Sessions of the real gdb-multiarch with the stub in front of the small machine. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Code, type FakeOptions, RAM } from "./fake-machine.js";
import { type GdbOptions, gdb } from "./gdb-client.js";
import { InteractiveGdb } from "./interactive.js";
import { fakeWithStub } from "./stub.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

async function machineWithStub(options: FakeOptions = {}, endpoint = "0") {
  const { machine, place, warnings } = await fakeWithStub(options, endpoint);
  onTestFinished(() => expect(warnings).toEqual([]));
  return { machine, place, gdb: (commands: string[], more?: GdbOptions) => gdb(place, commands, more) };
}

describe("gdb-multiarch", () => {
  it("lists vCPUs as named threads", async () => {
    const { machine, gdb } = await machineWithStub({ vcpus: 3 });
    machine.switchOff(2);
    const text = await gdb(["info threads", "thread 3", "p $_thread"]);
    expect(text).toMatch(/^\* 1 +Thread 1\.1 "CPU0" \(EL1 running\) +0x0000000040000000 in \?\? \(\)$/m);
    expect(text).toMatch(/^ {2}3 +Thread 1\.3 "CPU2" \(halted \(PSCI off\)\) /m);
    expect(text).toMatch(/^\$1 = 3$/m);
  });

  it("reads and writes registers, by architecture's names and types", async () => {
    const { machine, gdb } = await machineWithStub();
    const text = await gdb([
      "info registers",
      "set var $x7 = 0x1122334455667788",
      "p/x $w7",
      "p $v3",
      "set var $v3.d.u[1] = 0x4000000000000000",
      "p $v3.d.f",
      "p $q3",
      "p/x $cpsr",
      "info registers cpsr",
      "set var $fpsr = 0x8000001",
      "p $fpsr",
      "thread 2",
      "p $x7",
      "p $sp",
    ]);
    expect(text).toMatch(/^x30 +0x0 +0$/m);
    expect(text).toMatch(/^pc +0x40000000 +0x40000000$/m);
    expect(text).toContain("= 0x55667788");
    expect(text).toMatch(
      /\$2 = \{d = \{f = \{0, 0\}, u = \{0, 0\}, s = \{0, 0\}\}, s = .*bf = .*q = \{u = \{0\}, s = \{0\}\}\}/,
    );
    expect(text).toContain("= {0, 2}");
    expect(text).toMatch(/^cpsr +0x3c5 +\[ SP EL=1 F I A D BTYPE=0 \]$/m);
    expect(text).toContain("= [ IOC QC ]");
    expect(text).toContain("$7 = 0");
    expect(machine.x(0, 7)).toBe(0x1122334455667788n);
    expect(machine.readRegister(0, 1, 3)).toEqual(Uint8Array.of(...Array<number>(15).fill(0), 0x40));
  });

  it("disassembles, reads and writes memory, and hears where there is none", async () => {
    const { machine, gdb } = await machineWithStub();
    const text = await gdb([
      "x/3i $pc",
      "set var *(unsigned long *) 0x40001000 = 0x2423_7d2a".replace("_", ""),
      "x/gx 0x40001000",
      "x/wx 0x1000",
      "x/2wx 0x4001fffc",
    ]);
    expect(text).toMatch(/nop\s+0x40000004:\s+add\s+x0, x0, #0x1\s+0x40000008:\s+b\s+0x40000000/);
    expect(text).toMatch(/0x40001000:\s+0x0000000024237d2a/);
    expect(text).toContain("Cannot access memory at address 0x1000");
    expect(text).toMatch(/0x4001fffc:\s+0x00000000\s+Cannot access memory at address 0x40020000/);
    expect([...machine.ram.slice(0x1000, 0x1004)]).toEqual([0x2a, 0x7d, 0x23, 0x24]);
  });

  it("steps one instruction at a time", async () => {
    const { gdb } = await machineWithStub();
    const text = await gdb([
      "set scheduler-locking on",
      "stepi",
      "stepi",
      "stepi",
      "stepi",
      "p $x0",
      "thread 2",
      "p $x0",
      "p $pc",
    ]);
    const places = [...text.matchAll(/^(0x[0-9a-f]{16}) in/gm)].map(([, place]) => Number(place) - Number(RAM));
    expect(places).toEqual([0, 4, 8, 0, 4]);
    expect(text).toContain("$1 = 1");
    expect(text).toMatch(/\$2 = 0\n.*\$3 = \(void \(\*\)\(\)\) 0x40000000/s);
  });

  it("lets the other vCPUs run while one steps, unless told otherwise", async () => {
    const { machine, gdb } = await machineWithStub();
    await gdb(["stepi", "stepi", "p $x0"]);
    expect(machine.x(1, 0)).toBeGreaterThan(0n);
  });

  it.each(["break", "hbreak", "tbreak"])("stops at a breakpoint of %s and goes on from it", async (kind) => {
    const { machine, gdb } = await machineWithStub();
    const code = machine.ram.slice(0, 12);
    const text = await gdb([
      `${kind} *0x40000008`,
      "continue",
      "p $x0",
      "stepi",
      "p $pc",
      "info breakpoints",
      "detach",
    ]);
    expect(text).toMatch(/Thread 1 "CPU0" hit (Breakpoint|Temporary breakpoint) 1, 0x0000000040000008 in/);
    expect(text).toContain("$1 = 1");
    expect(text).toContain("$2 = (void (*)()) 0x40000000");
    expect(text).toContain("[Inferior 1 (process 1) detached]");
    expect(machine.ram.slice(0, 12)).toEqual(code);
    expect(machine.points).toEqual([]);
  });

  it("counts passes of a breakpoint on every vCPU", async () => {
    const { machine, gdb } = await machineWithStub({ vcpus: 4 });
    const text = await gdb(["break *0x40000004", ...Array<string>(8).fill("continue"), "p $x0", "info breakpoints"]);
    expect(text.match(/hit Breakpoint 1/g)).toHaveLength(8);
    expect(new Set(text.match(/"CPU\d" hit/g)).size).toBeGreaterThan(1);
    expect(text).toContain("breakpoint already hit 8 times");
    expect(machine.points).toEqual([]);
  });

  it.each(["Ctrl-C", "BREAK", "BREAK-g"])("interrupts with %s", async (sequence) => {
    const { machine, gdb } = await machineWithStub();
    const commands = [`set remote interrupt-sequence ${sequence}`, "continue", "p $pc"];
    const text = await gdb(commands, { interruptWhen: () => machine.retired > 1000 });
    expect(text).toMatch(/Thread 1 "CPU0" received signal SIGINT, Interrupt\./);
    expect(text).toMatch(/\$1 = .*0x4000000/);
  });

  it("detaches, attaches again and finds the guest further on", async () => {
    const { machine, gdb } = await machineWithStub();
    await gdb(["detach"]);
    expect(machine.standing).toBeUndefined();
    const text = await gdb(["p $x0 > 0", "break *0x40000000", "continue", "disconnect"]);
    expect(text).toContain("$1 = 1");
    expect(text).toContain("hit Breakpoint 1");
    expect(machine.points).toEqual([]);
    expect(await gdb(["info threads"])).toContain('"CPU1"');
  });

  it("attaches twice within one process", async () => {
    const { place, gdb } = await machineWithStub();
    const text = await gdb(["detach", `target remote ${place}`, "stepi", "p 1 + 1"]);
    expect(text).toContain("$1 = 2");
    expect(text).not.toMatch(/error|closed|timed out/i);
  });

  it("sees the machine go off", async () => {
    const { gdb } = await machineWithStub({ code: [Code.NOP, Code.HVC] });
    expect(await gdb(["continue"])).toContain("[Inferior 1 (process 1) exited normally]");
  });

  it("detaches in extended mode and attaches again over the same connection", async () => {
    const { gdb } = await machineWithStub();
    const text = await gdb(["detach", "attach 1", "p $x0 > 0", "info threads"], { connect: "target extended-remote" });
    expect(text).toContain("$1 = 1");
    expect(text).toContain('"CPU1"');
  });

  it("kills the machine", async () => {
    const { machine, gdb } = await machineWithStub();
    expect(await gdb(["kill"])).toContain("[Inferior 1 (process 1) killed]");
    expect(machine.log).toEqual(["kill"]);
  });

  it("passes monitor commands on, and shows what went wrong with one", async () => {
    const { gdb } = await machineWithStub();
    const text = await gdb(["monitor where", "monitor typo", "monitor where"]);
    expect(text.match(/CPU0 of 2\nnaïve\n/g)).toHaveLength(2);
    expect(text).toContain('no monitor command "typo"\n');
    expect(text).not.toContain("Protocol error");
  });

  it("dumps memory", async () => {
    const { machine, gdb } = await machineWithStub();
    for (let n = 0x100; n < machine.ram.length; n++) machine.ram[n] = (n * 7919) >> 5;
    const text = await gdb([
      "dump binary memory /dev/stdout 0x40000100 0x40000140",
      "find /w 0x40000100, 0x4001ffff, *(int *) 0x40012344",
    ]);
    expect(text).toMatch(/^0x40012344$/m);
  });

  it("goes round and round", async () => {
    const { gdb } = await machineWithStub();
    const round = [
      "break *0x40000004",
      "continue",
      "info registers pc",
      "delete",
      "stepi",
      "x/i $pc",
      "thread 2",
      "stepi",
    ];
    const text = await gdb([...round, ...round, ...round, "p 40 + 2"]);
    expect(text).toContain("$1 = 42");
    expect(text).not.toMatch(/error|malformed|timeout|Remote failure/i);
  });

  it("connects to a unix socket", async () => {
    const directory = mkdtempSync(join(tmpdir(), "trapframe-gdb-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const { gdb } = await machineWithStub({}, `unix:${join(directory, "socket")}`);
    expect(await gdb(["stepi", "p $pc"])).toContain("$1 = (void (*)()) 0x40000004");
  });

  it("is killed in the middle of whatever it does, and the next one is served", async () => {
    const { machine, place, gdb } = await machineWithStub();
    const doings = [
      "restore /dev/zero binary 0x40001000 0 0x8000",
      "continue",
      "stepi 100000",
      "find 0x40000000, +0x20000, 1L",
    ];
    for (const [n, doing] of [...doings, ...doings].entries()) {
      const victim = new InteractiveGdb(["file /dev/null"]);
      await victim.say(`target remote ${place}`, /in \?\? \(\)[\s\S]*\(gdb\) /);
      await victim.say("break *0x40000100", /Breakpoint 1/);
      void victim.say(doing, /never/).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 7 * n));
      await victim.kill();
    }
    expect(await gdb(["stepi", "p 6 * 7"])).toContain("$1 = 42");
    expect(machine.points).toEqual([]);
  });

  it("observes a machine that another debugger has", async () => {
    const { place, machine, gdb: first } = await machineWithStub();
    const observe = ["info threads", "x/i $pc", "p $x0 = 5", "set var *(int *)0x40000100 = 1", "break *0x40000004"];
    const more = ["stepi", "delete", "stepi", "stepi 3", "kill", "monitor where", "monitor control", "detach"];
    const script = [...observe, ...more].map((line) => `-ex '${line}'`).join(" ");
    const text = await first([
      `shell gdb-multiarch -nx -batch -ex 'set architecture aarch64' -ex 'target remote ${place}' ${script} 2>&1`,
      "p $x0 + 42",
    ]);
    expect(text).toContain('"CPU1"');
    expect(text).toMatch(/=> 0x40000000:\s+nop/);
    expect(text).toContain("E.P: this client observes; another one controls the machine (see: monitor control)");
    expect(text).toContain("Cannot access memory at address 0x40000100");
    expect(text).toContain("Cannot insert breakpoint 1.");
    expect(text.match(/^step: this client observes/gm)).toHaveLength(2);
    expect(text).toContain("CPU0 seen");
    expect(text).toContain("another has it");
    expect(text).toContain("[Inferior 1 (process 1) detached]");
    expect(text).toContain("$1 = 42");
    expect(machine.log).toEqual([]);
  });
});
