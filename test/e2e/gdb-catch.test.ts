/** The real gdb-multiarch with what `monitor catch` stops at, and with steps that interrupts come to. */
import { expect, it } from "vitest";
import { FirmwareSessions, type SessionOptions } from "./session.js";

const firmware = new FirmwareSessions();

async function gdb(commands: readonly string[], options: Partial<SessionOptions> = {}): Promise<string> {
  return (await firmware.start(options)).gdb(commands);
}

it("explains an exception on GDB's console, and stands at the vector", async () => {
  const text = await gdb([
    "monitor catch svc 42",
    "continue",
    "p/x $pc - $VBAR_EL1",
    "p $ESR_EL1",
    "x/i $ELR_EL1 - 4",
    "monitor catch",
    "monitor catch delete all",
    "break put if text[0] == 'r'",
    "continue",
  ]);
  expect(text).toMatch(
    /^catch 1 \(svc 42\): CPU0 SVC: immediate 0x2a, from EL1 to EL1, vector 0x200 \(synchronous, same level\)$/m,
  );
  expect(text).toMatch(/^ {2}ESR_EL1 0x5600002a: EC 0x15, IL 1, ISS 0x2a$/m);
  expect(text).toMatch(/received signal SIGTRAP.*\nvectors \(\) at/);
  expect(text).toContain("$1 = 0x200");
  expect(text).toContain("$2 = [ ISS=42 IL EC=21 ISS2=0 ]");
  expect(text).toMatch(/<main\+\d+>:\s+svc\s+#0x2a/);
  expect(text).toMatch(/svc 42 +hit 1 times/);
  expect(text).toMatch(/Breakpoint 1, put \(text=0x\w+ "right\\n"\)/);
});

it("stands before a call to hosted EL2, goes on over it, and sees the vCPU come up", async () => {
  const text = await gdb(
    [
      "monitor catch psci cpu_on",
      "monitor catch power on",
      "continue",
      "x/i $pc",
      "p/x $x0",
      "continue",
      "info threads",
    ],
    { cpus: 2 },
  );
  expect(text).toMatch(
    /^catch 1 \(psci cpu_on\): CPU0 HVC: immediate 0x0, function 0xc4000003 \(PSCI CPU_ON\), from EL1 to hosted EL2/m,
  );
  expect(text).toMatch(/=> 0x\w+ <start_second\+16>:\s+hvc\s+#0x0/);
  expect(text).toContain("$1 = 0xc4000003");
  expect(text).toMatch(/^catch 2 \(power on\): CPU1 switched on, at EL1, PC 0x\w+, X0 0x0$/m);
  expect(text).toMatch(/^\* 2 +Thread 1\.2 "CPU1" .* _start \(\)/m);
});

it("stops before a system register is written", async () => {
  const text = await gdb([
    "monitor catch sysreg vbar_el1 write once",
    "continue",
    "x/i $pc",
    "p/x $x1",
    "stepi",
    "p/x $VBAR_EL1 == $x1",
  ]);
  expect(text).toMatch(/^catch 1 \(sysreg vbar_el1 write once\): CPU0 MSR VBAR_EL1, X1, which is 0x\w+, at EL1$/m);
  expect(text).toMatch(/=> 0x\w+ <_start\+4>:\s+msr\s+vbar_el1, x1/);
  expect(text).toContain("$2 = 0x1");
});

it("says in GDB's words what cannot be caught", async () => {
  const text = await gdb(["monitor catch svx", "monitor catch svc to el7", "monitor help catch"]);
  expect(text).toContain('nothing called "svx" can be caught; there are exception, undefined,');
  expect(text).toContain("to el7: to which level? el1 to el3");
  expect(text).toContain("monitor catch [KIND [WHAT] [to ELn] [from ELn] [cpu N] [once]");
});

it("takes QEMU's step bits", async () => {
  const text = await gdb([
    "maintenance packet qqemu.sstep",
    "maintenance packet Qqemu.sstep=0x7",
    "maintenance packet qqemu.sstep",
    "monitor step",
    "stepi",
    "maintenance packet Qqemu.sstep=0x0",
  ]);
  expect(text).toMatch(/received: "0x9"[\s\S]*received: "OK"[\s\S]*received: "0x7"/);
  expect(text).toMatch(/^interrupts mask /m);
  expect(text).toMatch(/^timers stop /m);
  expect(text).toContain("bit 0, ENABLE, must be set");
});
