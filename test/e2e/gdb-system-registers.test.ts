/** System registers through the real gdb-multiarch: by name, as flags, in a group, written and refused. */
import { expect, it } from "vitest";
import { FirmwareSessions } from "./session.js";

const firmware = new FirmwareSessions();

async function gdb(commands: readonly string[]): Promise<string> {
  return (await firmware.start()).gdb(commands);
}

it("prints and sets system registers by their architectural names", async () => {
  const text = await gdb([
    "p $SCTLR_EL1",
    "p/x $MIDR_EL1",
    "set $SCTLR_EL1 |= 0x1000",
    "p $SCTLR_EL1",
    "set $VBAR_EL1 = 0x40090000",
    "maintenance flush register-cache",
    "p/x $VBAR_EL1",
    "set $TCR_EL1 = 0x580803510",
    "p $TCR_EL1",
    "set $ESR_EL1 = 0x96000045ul",
    "p $ESR_EL1",
    "p ($ESR_EL1 >> 26) == 0x25",
    "p $HCR_EL2",
    "p $SPSR_EL2",
    "p $ELR_EL2",
    "set $ICC_PMR_EL1 = 0xf0",
    "maintenance flush register-cache",
    "p/x $ICC_PMR_EL1",
  ]);
  const lines = text.split("\n").filter((line) => line.startsWith("$"));
  expect(lines).toEqual([
    "$1 = [ ITD SED EOS TSCXT EIS SPAN nTLSMD LSMAOE ]",
    "$2 = 0x410fd083",
    "$3 = [ ITD SED EOS I TSCXT EIS SPAN nTLSMD LSMAOE ]",
    "$4 = 0x40090000",
    "$5 = [ T0SZ=16 IRGN0=1 ORGN0=1 SH0=3 TG0=0 T1SZ=0 EPD1 IRGN1=0 ORGN1=0 SH1=0 TG1=2 IPS=5 ]",
    "$6 = [ ISS=69 IL EC=37 ISS2=0 ]",
    "$7 = 1",
    "$8 = [ VM FMO IMO BSU=0 TSC RW ]",
    "$9 = [ SP EL=1 F I A D BTYPE=0 ]",
    expect.stringMatching(/^\$10 = \(void \(\*\)\(\)\) 0x\w+ <_start>$/),
    "$11 = 0xf0",
  ]);
});

it("lets scripts reckon with addresses", async () => {
  const text = await gdb([
    "set $SP_EL0 = 0xffff000002651040",
    "p $SP_EL0 >> 63",
    "set $TPIDR_EL1 = 0xffff80000a000007",
    "p/x $TPIDR_EL1 & ~7",
    "set $FAR_EL1 = 0x12345678",
    "p/x $FAR_EL1 % 4096",
    "p *(unsigned int *) $ELR_EL2 == *(unsigned int *) ($ELR_EL2 + 0)",
  ]);
  const lines = text.split("\n").filter((line) => line.startsWith("$"));
  expect(lines).toEqual(["$1 = 1", "$2 = 0xffff80000a000000", "$3 = 0x678", "$4 = 1"]);
});

it("says why a register is not written", async () => {
  const text = await gdb(["set $MIDR_EL1 = 1", "p/x $MIDR_EL1", "set $SCTLR_EL1 |= 0x40000000000000"]);
  expect(text).toContain("'E.MIDR_EL1 is read-only'");
  expect(text).toContain("$1 = 0x410fd083");
  expect(text).toContain("'E.SCTLR_EL1: bits 0x40000000000000 cannot be changed on this CPU; it holds 0x30d00980'");
});

it("shows them as a group, general registers first", async () => {
  const text = await gdb(["info registers system", "echo ----\\n", "info registers"]);
  const [system = "", all = ""] = text.split("----");
  expect(system).toMatch(/^SCTLR_EL1 +0x30d00980 +\[ ITD SED EOS TSCXT EIS SPAN nTLSMD LSMAOE \]$/m);
  expect(system).toMatch(/^CNTFRQ_EL0 +0x3b9aca0 +62500000$/m);
  expect(system).not.toMatch(/^x0 |unavailable|ID_RAZ/m);
  expect(all).toMatch(/^\n?x0 /);
});

it("leaves them out of the next connection's description when that is said", async () => {
  const session = await firmware.start();
  await session.gdb(["monitor description core"]);
  const text = await session.gdb(["info registers", "p $SCTLR_EL1", "monitor sysreg SCTLR_EL1"]);
  expect(text).toMatch(/^x0 [\s\S]*^cpsr [\s\S]*^fpcr [^\n]*\n\$1 = void\nSCTLR_EL1 = 0x0000000030d00980$/m);
  expect(await session.gdb(["monitor description all"])).toContain("all: core and system registers");
  expect(await session.gdb(["p/x $MIDR_EL1"])).toContain("$1 = 0x410fd083");
});

it("leaves them alone when GDB calls a function of the guest", async () => {
  const text = await gdb([
    "break main",
    "continue",
    "set $CNTV_CVAL_EL0 = 77",
    "p fib(5)",
    "p $CNTV_CVAL_EL0",
    "p $pc",
  ]);
  expect(text).toMatch(/\$1 = \d+\n\$2 = 77\n\$3 = .*<main/);
});

it("takes QEMU's packets and the monitor's commands", async () => {
  const text = await gdb([
    "maintenance packet Qqemu.PhyMemMode:1",
    "maintenance packet qqemu.PhyMemMode",
    "x/xw 0x8000ffe8",
    "maintenance packet Qqemu.PhyMemMode:0",
    "maintenance packet qqemu.sstepbits",
    "monitor view pa",
    "x/xw 0x080affe8",
    "monitor walk 0x40080000 el1",
    "monitor sysreg MIDR_EL1 1",
  ]);
  expect(text).toMatch(/sending: qqemu.PhyMemMode\nreceived: "1"/);
  expect(text).toContain("Cannot access memory at address 0x8000ffe8");
  expect(text).toMatch(/^0x80affe8:\s+0x000000[34]b$/m);
  expect(text).toMatch(/is at physical address 0x40080000$/m);
  expect(text).toContain("MIDR_EL1 is read-only");
  expect(text).toContain("ENABLE=1,NOIRQ=2,NOTIMER=4");
});
