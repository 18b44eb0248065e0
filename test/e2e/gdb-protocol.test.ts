/** What only a real GDB with a real machine shows of the protocol: extended mode, info os, memory maps, searches. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadKernel } from "../../src/machine/loaders/kernel.js";
import { gdb } from "../gdb/gdb-client.js";
import { FirmwareSessions, type Session } from "./session.js";

const firmware = new FirmwareSessions();

const EXTENDED = { connect: "target extended-remote" };

describe("extended mode", () => {
  it("runs again after the guest has switched the machine off, with its breakpoints", async () => {
    const session = await firmware.start();
    const text = await session.gdb(
      ["break transfer", "continue", "set var finish = 1", "continue", "info breakpoints", "run", "bt", "p finish"],
      EXTENDED,
    );
    expect(text).toContain("[Inferior 1 (process 1) exited normally]");
    expect(text.match(/Breakpoint 1, transfer \(from/g)).toHaveLength(2);
    expect(text).toMatch(/#0 +transfer[\s\S]*#1 .*main \(\)/);
    expect(text).toContain("$1 = 0");
    expect(session.console).toMatch(/^hello\nright\nhello\n/);
  });

  it("ends a machine that its guest has switched off once the debugger is gone", async () => {
    const session = await firmware.start();
    await session.gdb(["set var finish = 1", "break power_off", "continue", "set var finish = 1", "delete"], EXTENDED);
    const text = await session.gdb(["break worker", "continue", "set var finish = 1", "delete", "continue"], EXTENDED);
    expect(text).toMatch(/exited normally|Cannot|not being run/);
    expect(await session.ended).toEqual({ reason: "system-off" });
  });

  it("kills, runs, and starts at the first instruction", async () => {
    const session = await firmware.start({ cpus: 2 });
    const text = await session.gdb(
      ["break on_svc", "continue", "kill", "info threads", "run", "bt 1", "starti", "p $pc", "info threads"],
      EXTENDED,
    );
    expect(text).toContain("[Inferior 1 (process 1) killed]");
    expect(text).toContain("No threads.");
    expect(text.match(/Breakpoint 1, on_svc \(number=42\)/g)).toHaveLength(2);
    expect(text).toMatch(/\$1 = .* <_start>/);
    expect(text).toMatch(/2 +Thread 1\.2 "CPU1" \(halted \(PSCI off\)\)/);
    expect(session.machine.ended).toBeUndefined();
  });

  it("detaches, with the guest running on, and attaches again", async () => {
    const session = await firmware.start({ cpus: 2 });
    const text = await session.gdb(
      ["tbreak worker", "continue", "detach", "shell sleep 0.3", "attach 1", "p rounds[0] > 100", "run 1 2"],
      EXTENDED,
    );
    expect(text).toContain("[Inferior 1 (process 1) detached]");
    expect(text).toContain("$1 = 1");
    // GDB shows no words to vRun; a machine takes no arguments.
    expect(text).toContain("Running the default executable on the remote target failed");
  });

  it("keeps breakpoints over a reset that the guest asks for", async () => {
    const session = await firmware.start();
    const text = await session.gdb(
      ["break fib if n == 10", "continue", "monitor reset", "stepi", "continue"],
      EXTENDED,
    );
    expect(text.match(/Breakpoint 1, fib \(n=10\)/g)).toHaveLength(2);
  });
});

it("leaves symbols where GDB's user has put them, at each connection", async () => {
  const session = await firmware.start();
  const text = await gdb(
    session.place,
    ["info address transfer", "disconnect", `target remote ${session.place}`, "info address transfer"],
    { symbols: session.symbols, settings: ["symbol-file", `symbol-file -o 0x100000 ${session.symbols}`] },
  );
  const places = [...text.matchAll(/^Symbol "transfer".* (0x\w+)/gm)].map(([, place]) => place);
  expect(places).toEqual([expect.stringMatching(/^0x401/), places[0]]);
});

describe("a GDB without a file", () => {
  it("gets the program from the machine, with symbols and source", async () => {
    const session = await firmware.start();
    const text = await gdb(session.place, ["break transfer", "continue", "bt", "info files", "list transfer"]);
    expect(text).toMatch(/Reading .*firmware\.elf from remote target/);
    expect(text).toMatch(/Breakpoint 1, transfer \(from/);
    expect(text).toMatch(/#1 .*main \(\)/);
  });

  it("gets nothing where there is nothing to read symbols from", async () => {
    const nops = new Uint8Array(Uint32Array.from({ length: 64 }, () => 0xd503201f).buffer);
    const session = await firmware.start({ kernel: loadKernel(nops, "nops") });
    const text = await gdb(session.place, ["stepi", "remote get /etc/passwd /dev/null"]);
    expect(text).toContain('determining executable automatically.  Try using the "file" command');
    expect(text).toContain("Remote I/O error: Function not implemented");
  });
});

describe("info os", () => {
  it("lists its tables, and vCPUs, interrupts, timers, stage 2, exits and devices", async () => {
    const session = await firmware.start({ cpus: 2 });
    const tables = ["processes", "threads", "vcpus", "interrupts", "timers", "stage2", "exits", "devices"];
    const text = await session.gdb([
      "tbreak worker",
      "continue",
      "info os",
      ...tables.map((table) => `info os ${table}`),
      "info os nonsense",
    ]);
    for (const table of tables) expect(text).toMatch(new RegExp(`^${table} +Listing of `, "m"));
    // What -list-thread-groups --available looks for.
    expect(text).toMatch(/^pid +command +cores *\n1 +virt, cortex-a72 +0,1 *$/m);
    expect(text).toMatch(/^1 +virt +2 +1 *$/m);
    expect(text).toMatch(/^CPU +State +PC +MPIDR/m);
    expect(text).toMatch(/^1 +(EL1 running|halted \(PSCI off\)) +0x\w+ +0x1 *$/m);
    expect(text).toMatch(/^0 +CNTV_EL0 +no +no +no +0 *$/m);
    expect(text).toMatch(/^0x40000000 +0x40ffffff +0x40000000 +rwx/m);
    expect(text).toMatch(/^CpuUp +1 *$/m);
    expect(text).toMatch(/^uart0 +0x9000000 +0x1000 +device *$/m);
  });
});

describe("memory", () => {
  it("is all there to a GDB that takes what is in no region for unreadable", async () => {
    const { gdb } = bind(await firmware.start());
    const text = await gdb(["info mem", "x/wx 0x09000fe0", "x/wx 0x40080000", "x/wx 0x90000000", "p *accounts"]);
    expect(text).toMatch(/Using memory regions provided by the target/);
    expect(text).toMatch(/0x9000fe0:\s+0x00000011/);
    expect(text).toContain("Cannot access memory at address 0x90000000");
    expect(text).toContain('"ada", balance = 10');
  });

  it("is searched and compared without being fetched", async () => {
    const session = await firmware.start();
    const text = await session.gdb([
      "set debug remote 1",
      "find &accounts, +4096, (char)\"r\"[0], (char)'i', (char)'g'",
      "find 0x40000000, +0x1000000, 0x1122334455667788",
      "set var *(long *)0x40ff0000 = 0x1122334455667788",
      "find 0x40000000, +0x1000000, 0x1122334455667788",
      "set debug remote 0",
      "compare-sections .text",
      "set var *(int *)main = 0",
      "compare-sections .text",
    ]);
    expect(text).toContain("$qSearch:memory:");
    expect(text).toContain("Pattern not found.");
    expect(text).toMatch(/^0x40ff0000$/m);
    expect(text).toContain("Section .text, range 0x40080");
    expect(text).toMatch(/matched\.[\s\S]*MIS-MATCHED!/);
  });

  it("is loaded and dumped in large packets", async () => {
    const session = await firmware.start();
    const file = join(firmware.directory, "image.bin");
    writeFileSync(file, Buffer.from(Array.from({ length: 0x5_0000 }, (_, n) => (n * 7919) >> 3)));
    const copy = join(firmware.directory, "copy.bin");
    const text = await session.gdb([
      `restore ${file} binary 0x40200000`,
      `dump binary memory ${copy} 0x40200000 0x40250000`,
      `shell cmp ${file} ${copy} && echo same bytes`,
    ]);
    expect(text).toContain("same bytes");
  });
});

function bind(session: Session) {
  return { gdb: session.gdb.bind(session) };
}
