/** The real gdb-multiarch on the real machine, with firmware of our own: MMU off, two vCPUs, devices, an exception. */
import { describe, expect, it } from "vitest";
import { FirmwareSessions, type Session } from "./session.js";

const firmware = new FirmwareSessions();

describe("one vCPU", () => {
  it("stands at the first instruction, steps, and shows what is there", async () => {
    const { gdb } = bind(await firmware.start());
    const text = await gdb(["info threads", "x/2i $pc", "stepi", "stepi", "p $pc", "p/x $x1", "info registers cpsr"]);
    expect(text).toMatch(/^\* 1 +Thread 1\.1 "CPU0" \(EL1 running\) _start \(\) at .*start\.S:4$/m);
    expect(text).toMatch(/=> 0x\w+ <_start>:\s+adr\s+x1, 0x\w+ <vectors>\s+0x\w+ <_start\+4>:\s+msr\s+vbar_el1, x1/);
    expect(text).toMatch(/\$1 = \(void \(\*\)\(\)\) 0x\w+ <_start\+8>/);
    expect(text).toMatch(/\$2 = 0x4008\w800/);
    expect(text).toMatch(/^cpsr +0x3c5 +\[ SP EL=1 F I A D BTYPE=0 \]$/m);
  });

  it("is debugged in its source: breakpoints, frames, variables, calls", async () => {
    const session = await firmware.start();
    const { gdb } = bind(session);
    const text = await gdb([
      "break fib if n == 7",
      "break transfer",
      "continue",
      "info args",
      "p *from",
      "next",
      "p accounts[0].balance",
      "finish",
      "p accounts",
      "continue",
      "bt",
      "up",
      "info locals",
      "p $_siginfo",
      "delete",
      "finish",
      "p square_of_nothing",
      "p fib(12)",
      "tbreak put",
      "set var accounts[1].owner = accounts[0].owner",
      "continue",
      "p text",
      "p accounts[1].owner",
      "finish",
    ]);
    expect(text).toMatch(/Breakpoint 2, transfer \(from=0x\w+ <accounts>, to=0x\w+ <accounts\+16>, amount=3\)/);
    expect(text).toContain("$1 = {owner = 0x");
    expect(text).toMatch(/"ada", balance = 10\}/);
    expect(text).toContain("$2 = 7");
    expect(text).toMatch(/\$3 = \{\{owner = 0x\w+ "ada", balance = 7\}, \{owner = 0x\w+ "grace", balance = 23\}\}/);
    expect(text).toMatch(
      /#0 +fib \(n=7\)[\s\S]*#1 .* fib \(n=8\)[\s\S]*#2 .* fib \(n=9\)[\s\S]*#3 .* fib \(n=10\)[\s\S]*#4 .* main \(\)/,
    );
    expect(text).toContain("Value returned is $4 = 21");
    expect(text).toContain('No symbol "square_of_nothing" in current context.');
    expect(text).toContain("$5 = 144");
    expect(text).toMatch(/\$6 = 0x\w+ "right\\n"/);
    expect(text).toMatch(/\$7 = 0x\w+ "ada"/);
    expect(session.console).toBe("hello\nright\n");
  });

  it("steps into an exception and out of it", async () => {
    const { gdb } = bind(await firmware.start());
    const text = await gdb([
      "break on_svc",
      "continue",
      "p number",
      "delete",
      "finish",
      "stepi 3",
      "x/i $pc-4",
      "p last_svc",
      "p $cpsr",
    ]);
    expect(text).toContain("$1 = 42");
    expect(text).toMatch(/0x\w+ <main\+\d+>:\s+svc\s+#0x2a/);
    expect(text).toContain("$2 = 42");
    expect(text).toContain("$3 = [ SP EL=1 F I A D BTYPE=0 N ]");
  });

  it("is loaded from GDB, with breakpoints set before", async () => {
    const { gdb } = bind(await firmware.start());
    const text = await gdb([
      "break transfer",
      "set var accounts[0].balance = 99",
      "load",
      "continue",
      "p from->balance",
    ]);
    expect(text).toMatch(/Start address 0x\w+, load size \d+/);
    expect(text).toContain("Breakpoint 1, transfer");
    expect(text).toContain("$1 = 10");
  });

  it("is reset by the monitor, and the breakpoint hits again", async () => {
    const session = await firmware.start();
    const text = await session.gdb([
      "break on_svc",
      "continue",
      "monitor reset",
      "maintenance flush register-cache",
      "p $pc",
      "continue",
      "info breakpoints",
      "monitor help",
      "monitor stats",
      "monitor nonsense",
    ]);
    expect(text).toContain("reset: the machine stands at its first instruction\n");
    expect(text).toMatch(/\$1 = .* <_start>/);
    expect(text).toContain("breakpoint already hit 2 times");
    expect(text).toMatch(/^instructions retired {2}\d{3,}$/m);
    expect(text).toContain('no monitor command "nonsense"; see: monitor help');
    expect(session.console).toMatch(/^hello\nhello\n/);
  });

  it("shows devices without touching them, and says where nothing is", async () => {
    const session = await firmware.start();
    const text = await session.gdb([
      "x/4wx 0x09000fe0",
      "x/wx 0x09000018",
      "x/wx 0x48000000",
      "set var *(int *)0x09000000 = 65",
    ]);
    expect(text).toMatch(/0x9000fe0:\s+0x00000011\s+0x00000010\s+0x00000034\s+0x00000000/);
    expect(text).toMatch(/0x9000018:\s+0x00000097/);
    expect(text).toContain("Cannot access memory at address 0x48000000");
    expect(session.console).toMatch(/^Ahello\n/);
  });

  it("goes off", async () => {
    const session = await firmware.start();
    const text = await session.gdb(["break start_second", "continue", "set var finish = 1", "delete", "continue"]);
    expect(text).toContain("[Inferior 1 (process 1) exited normally]");
    expect(await session.ended).toEqual({ reason: "system-off" });
  });

  it("is killed", async () => {
    const session = await firmware.start();
    expect(await session.gdb(["kill"])).toContain("[Inferior 1 (process 1) killed]");
    expect(await session.ended).toEqual({ reason: "killed" });
  });
});

describe("two vCPUs", () => {
  const both = { cpus: 2 };

  it("come up one after the other, and stop together", async () => {
    const { gdb } = bind(await firmware.start(both));
    const text = await gdb([
      "info threads",
      "break worker",
      "continue",
      "continue",
      "info threads",
      "thread apply all p cpu",
      "monitor info cores",
    ]);
    expect(text).toMatch(/^ {2}2 +Thread 1\.2 "CPU1" \(halted \(PSCI off\)\) 0x0000000000000000 in \?\? \(\)$/m);
    expect(new Set(text.match(/"CPU\d" hit Breakpoint 1, worker \(cpu=\d\)/g))).toEqual(
      new Set(['"CPU0" hit Breakpoint 1, worker (cpu=0)', '"CPU1" hit Breakpoint 1, worker (cpu=1)']),
    );
    expect(text.match(/^[* ] \d +Thread 1\.\d "CPU\d" \(EL1 running\) .*worker \(cpu=\d\)/gm)).toHaveLength(2);
    expect(text).toMatch(/^[* ] CPU1 {2}pc 0x\w{16} {2}MPIDR 0x1 {2}EL1 running$/m);
  });

  it("step alone when the scheduler is locked", async () => {
    const { gdb } = bind(await firmware.start(both));
    const text = await gdb([
      "break worker if cpu == 1",
      "continue",
      "set scheduler-locking on",
      "p rounds[0]",
      "stepi 200",
      "p rounds[0] == $1",
      "p rounds[1] > 10",
      "thread 1",
      "stepi 200",
      "p rounds[0] - $1 > 10",
    ]);
    expect(text).toContain("$2 = 1\n");
    expect(text).toContain("$3 = 1\n");
    expect(text).toContain("$4 = 1\n");
  });

  it("stop before whichever of them touches what is watched", async () => {
    const { gdb } = bind(await firmware.start(both));
    const text = await gdb([
      "watch rounds[1]",
      "continue",
      "continue",
      "delete",
      "rwatch finish",
      "continue",
      "delete",
      "awatch rounds[0]",
      "continue",
    ]);
    expect(text).toMatch(/Thread 2 "CPU1" hit Hardware watchpoint 1: rounds\[1\]\s+Old value = 0\s+New value = 1\n/);
    expect(text).toMatch(/Old value = 1\s+New value = 2\n/);
    expect(text).toMatch(/hit Hardware read watchpoint 2: finish\s+Value = 0/);
    expect(text).toMatch(/hit Hardware access \(read\/write\) watchpoint 3: rounds\[0\]/);
  });

  it("are interrupted, let go, and attached to again", async () => {
    const session = await firmware.start({ ...both, wait: false });
    const interruptWhen = session.resumed();
    const first = await session.gdb(["shell sleep 0.2", "continue", "p rounds[0]", "detach"], { interruptWhen });
    expect(first).toMatch(/received signal SIGINT/);
    expect(first).toContain("[Inferior 1 (process 1) detached]");
    const before = BigInt(/\$1 = (\d+)/.exec(first)?.[1] ?? 0);
    const second = await session.gdb([`p rounds[0] > ${before}`, "info threads"]);
    expect(second).toContain("$1 = 1\n");
    expect(second).toContain('"CPU1" (EL1 running)');
  });
});

function bind(session: Session) {
  return { gdb: session.gdb.bind(session) };
}
