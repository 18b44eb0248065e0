/** `monitor catch` on the real machine: what stops, where it then stands, and that the run is the same. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Stop, TargetError } from "../../src/gdb/index.js";
import { describeSyndrome } from "../../src/machine/debug/catch/syndrome.js";
import { assemble, Rig, type RigOptions, TEXT } from "./debug-rig.js";

/**
 * EL1 with vectors that return (from a fault behind the instruction), and EL0 that calls, breaks, faults, reads a
 * register.
 */
const GUEST = `
      adr   x0, vectors
      msr   vbar_el1, x0
      mov   x0, #(3 << 20)
      msr   cpacr_el1, x0
      adr   x0, user
      msr   elr_el1, x0
      msr   spsr_el1, xzr
      mov   x9, #1
      msr   tpidr_el1, x9
      eret
user: mov   x8, #64
call: svc   #7
      ldr   x1, =0x40200001
fault: ldxr w2, [x1]
trap: brk   #3
      svc   #1
      mrs   x3, tpidr_el0
      mov   x8, #93
last: svc   #0
      b     .
      .balign 2048
vectors:
      .space 0x400
      mrs   x10, esr_el1
      mrs   x12, tpidr_el1
      lsr   x11, x10, #26
      cmp   x11, #0x15
      b.ne  1f
      cmp   x8, #93
      b.eq  off
      eret
1:    mrs   x11, elr_el1
      add   x11, x11, #4
      msr   elr_el1, x11
      eret
off:  ldr   w0, =0x84000008
      hvc   #0
      b     .
`;

const text = (output: string | TargetError): string =>
  output instanceof TargetError ? `refused: ${output.text}` : output;
const monitor = (rig: Rig, command: string): string => text(rig.target.monitor(command, 0));

function reportOf({ reason }: Stop): string {
  if (reason.kind !== "catch") throw new Error(`stopped for ${reason.kind}`);
  return reason.text;
}

async function start(source = GUEST, options: RigOptions = {}): Promise<Rig> {
  return Rig.create(assemble(source), options);
}

describe("an exception to a level of the guest's", () => {
  it("stops at the vector, and says what it was", async () => {
    const rig = await start();
    expect(monitor(rig, "catch svc from el0")).toBe("catch 1: svc from el0\n");
    const vector = rig.program.at("vectors") + 0x400n;
    const report = reportOf(await rig.continue());
    expect(rig.pc()).toBe(vector);
    expect(report).toBe(
      "catch 1 (svc from el0): CPU0 SVC: immediate 0x7, from EL0 to EL1, vector 0x400 (synchronous, lower level)\n" +
        "  ESR_EL1 0x56000007: EC 0x15, IL 1, ISS 0x7\n" +
        `  ELR_EL1 0x${(rig.program.at("call") + 4n).toString(16)}, SPSR_EL1 0x0\n`,
    );
    expect(reportOf(await rig.continue())).toContain("immediate 0x1, ");
    expect(monitor(rig, "catch")).toMatch(/^1 {3}svc from el0 +hit 2 times\n$/);
    expect(monitor(rig, "catch delete 1")).toBe("catch 1 deleted\n");
    expect((await rig.continue()).reason).toEqual({ kind: "exited", code: 0 });
  });

  it.each([
    [
      "dabort",
      "fault",
      /^catch 1 \(dabort\): CPU0 Data Abort from a lower level: Alignment fault, read, from EL0 to EL1/,
    ],
    ["exception 0x24", "fault", /Data Abort/],
    ["brk 3", "trap", /BRK: immediate 0x3, from EL0 to EL1/],
    ["brk 0x3 to el1 from el0 cpu 0 once", "trap", /BRK/],
    ["svc 0", "last", /SVC: immediate 0x0/],
    ["el1", "call", /SVC/],
    ["vector 0x400", "call", /SVC/],
    ["vector sync", "call", /SVC/],
  ])("catch %s", async (what, label, words) => {
    const rig = await start();
    monitor(rig, `catch ${what}`);
    const report = reportOf(await rig.continue());
    expect(report).toMatch(words);
    const elr = rig.machine.cores[0]?.vcpu.sysreg("ELR_EL1") ?? 0n;
    expect([rig.program.at(label), rig.program.at(label) + 4n]).toContain(elr);
    expect(monitor(rig, "catch")).toMatch(what.endsWith("once") ? /nothing is caught/ : /hit 1 times/);
  });

  it("is told and counted for all that it is caught by", async () => {
    const rig = await start();
    for (const what of ["svc 7 once", "brk", "el1 from el0"]) monitor(rig, `catch ${what}`);
    expect(reportOf(await rig.continue())).toMatch(/^catch 1 \(svc 7 once\), catch 3 \(el1 from el0\): CPU0 SVC: /);
    expect(monitor(rig, "catch")).toMatch(/^2 +brk +hit 0 times\n3 +el1 from el0 +hit 1 times\n$/);
  });

  it.each(["brk 4", "svc 9", "hvc 0x84000003", "el2 from el2", "serror", "irq 27", "fp", "to el3 svc", "stage2"])(
    "catch %s lets all of this pass",
    async (what) => {
      const rig = await start();
      monitor(rig, `catch ${what}`);
      expect((await rig.continue()).reason).toEqual({ kind: "exited", code: 0 });
    },
  );
});

it("is in words where ESR_ELx is shown", async () => {
  const rig = await start();
  monitor(rig, "catch brk");
  await rig.continue();
  expect(monitor(rig, "sysreg esr_el1")).toBe("ESR_EL1 = 0x00000000f2000003\n  BRK: immediate 0x3\n");
});

describe("a call to the guest's own EL2", () => {
  it("has a function by the SMC calling convention with immediate 0 only, and by Xen's where it is Xen's", async () => {
    const eret = "adr x0, vectors\nmsr vbar_el2, x0\nmov x0, #0x3c5\nmsr spsr_el2, x0\nmov x0, #1\nlsl x0, x0, #31";
    const calls = "ldr w0, =0x84000000\nmov x16, #29\nhvc #5\nhvc #0xea1\nhvc #0\nb .";
    const rig = await start(
      `${eret}\nmsr hcr_el2, x0\nadr x0, 1f\nmsr elr_el2, x0\neret\n1: ${calls}\n.balign 2048\nvectors: .skip 0x400\neret`,
      { el2: "guest" },
    );
    monitor(rig, "catch hvc");
    monitor(rig, "catch psci");
    const next = async () => reportOf(await rig.continue()).split(", vector")[0];
    expect(await next()).toBe("catch 1 (hvc): CPU0 HVC: immediate 0x5, from EL1 to EL2");
    expect(await next()).toBe("catch 1 (hvc): CPU0 HVC: immediate 0xea1, Xen's hypercall 29, from EL1 to EL2");
    expect(await next()).toBe(
      "catch 1 (hvc), catch 2 (psci): CPU0 HVC: immediate 0x0, function 0x84000000 (PSCI VERSION), from EL1 to EL2",
    );
  });
});

describe("a call to a hosted level", () => {
  it.each([
    [
      "hosted",
      "hvc",
      "catch hvc",
      /^catch 1 \(hvc\): CPU0 HVC: immediate 0x0, function 0x84000008 \(PSCI SYSTEM_OFF\), from EL1 to hosted EL2/,
    ],
    ["hosted", "hvc", "catch hvc 0x84000008", /SYSTEM_OFF/],
    ["hosted", "hvc", "catch psci system_off", /SYSTEM_OFF/],
    ["hosted", "hvc", "catch psci 0x84000008", /SYSTEM_OFF/],
    ["hosted", "smc", "catch smc", /SMC: .*SYSTEM_OFF.* from EL1 to hosted EL2/],
    ["guest", "smc", "catch psci", /SMC: .*SYSTEM_OFF.* from EL2 to hosted EL3/],
  ] as const)("with EL2 %s by %s: %s", async (el2, call, command, words) => {
    const rig = await start(`nop\nldr w0, =0x84000008\nhere: ${call} #0\nb .`, { el2 });
    monitor(rig, command);
    const report = reportOf(await rig.continue());
    expect(report).toMatch(words);
    expect(report).toContain("has not handled it yet");
    // The vCPU stands at the instruction, with its own registers.
    expect([rig.pc(), rig.x(0)]).toEqual([rig.program.at("here"), 0x84000008n]);
    expect(rig.machine.cores[0]?.vcpu.el).toBe(el2 === "hosted" ? 1 : 2);
    expect((await rig.continue()).reason).toEqual({ kind: "exited", code: 0 });
  });

  it("can be changed before it happens, and is one step", async () => {
    const rig = await start("ldr w0, =0x84000008\nhere: hvc #0\nnop\nhvc #1\nb .", { el2: "hosted" });
    monitor(rig, "catch hvc");
    await rig.continue();
    rig.setRegister(0, 0x84000000n);
    expect((await rig.step()).reason.kind).toBe("step");
    expect([rig.pc(), rig.x(0)]).toEqual([rig.program.at("here") + 4n, 0x10001n]);
    expect(reportOf(await rig.continue())).toContain("immediate 0x1");
  });

  it("is caught again in a loop", async () => {
    const rig = await start("here: ldr w0, =0x84000000\nhvc #0\nadd x5, x5, #1\nb here", { el2: "hosted" });
    monitor(rig, "catch hvc");
    for (let n = 0n; n < 4n; n++) {
      await rig.continue();
      expect([rig.pc(), rig.x(5)]).toEqual([TEXT + 4n, n]);
    }
  });
});

describe("a stage 2 fault", () => {
  const LOST = "mov x1, #0x0c000000\nldr w2, [x1, #8]\nb .";
  const UART = "mov x1, #0x09000000\nldr w2, [x1, #0x18]\nhere: ldr w3, [x1]\nb .";

  it("is caught where no device is", async () => {
    const rig = await start(`adr x0, 1f\nmsr vbar_el1, x0\n${UART.replace("b .", "")}\n${LOST}\n.balign 2048\n1: b .`);
    monitor(rig, "catch stage2");
    const report = reportOf(await rig.continue());
    expect(report).toMatch(
      /Data Abort from a lower level: Translation fault, level \d, read of 4 bytes to W2, from EL1 to hosted EL2/,
    );
    expect(report).toContain("FAR_EL2 0xc000008, IPA 0xc000008");
    // What hosted EL2 makes of it, the guest takes at EL1: an exception to be caught as well.
    monitor(rig, "catch dabort to el1");
    expect(reportOf(await rig.continue())).toContain("synchronous External abort, read, from EL1 to EL1");
  });

  it.each(["dabort", "exception", "vector sync"])(
    "of hosted EL2 is no %s of the guest's, unless asked for",
    async (what) => {
      const rig = await start(
        `adr x0, 1f\nmsr vbar_el1, x0\n${UART.replace("b .", "")}\n${LOST}\n.balign 2048\n1: b .`,
      );
      monitor(rig, `catch ${what}`);
      expect(reportOf(await rig.continue())).toContain("synchronous External abort, read, from EL1 to EL1");
      const hosted = await start(UART);
      monitor(hosted, `catch ${what} to el2`);
      expect(reportOf(await hosted.continue())).toContain("from EL1 to hosted EL2");
    },
  );

  it.each(["0x9000018", "0x9000010-0x9000018"])("is caught at %s, a device's too", async (range) => {
    const rig = await start(UART);
    monitor(rig, `catch stage2 ${range}`);
    expect(reportOf(await rig.continue())).toContain("IPA 0x9000018");
    expect(rig.pc()).toBe(rig.program.at("here") - 4n);
    rig.break("here");
    await rig.continue();
    expect(rig.x(2) & 0x90n).toBe(0x90n);
  });
});

describe("a system register", () => {
  it("stops before MRS and MSR, plain or not, and the access then happens", async () => {
    const rig = await start();
    monitor(rig, "catch sysreg TPIDR_EL1");
    monitor(rig, "catch sysreg vbar_el1 write");
    monitor(rig, "catch sysreg tpidr_el0 read from el0");
    const first = reportOf(await rig.continue());
    expect(first).toBe(
      `catch 2 (sysreg vbar_el1 write): CPU0 MSR VBAR_EL1, X0, which is 0x${rig.x(0).toString(16)}, at EL1\n`,
    );
    expect(rig.pc()).toBe(TEXT + 4n);
    expect(reportOf(await rig.continue())).toContain("MSR TPIDR_EL1, X9, which is 0x1, at EL1");
    expect(rig.machine.cores[0]?.vcpu.sysreg("TPIDR_EL1")).toBe(0n);
    for (let n = 0; n < 2; n++) {
      expect(reportOf(await rig.continue())).toContain("MRS X12, TPIDR_EL1");
      expect(rig.machine.cores[0]?.vcpu.sysreg("TPIDR_EL1")).toBe(1n);
    }
    await rig.step();
    expect(rig.x(12)).toBe(1n);
  });

  it.each(["interpreter", "compile"] as const)("is caught in code that is hot already, %s", async (engine) => {
    const source = "1: mrs x3, tpidr_el1\nmsr tpidr_el1, x4\nadd x4, x4, #1\nb 1b";
    const rig = await start(source, { engine } as RigOptions);
    const stopped = rig.continue();
    const compiled = (): number => rig.machine.stats().regions.regions;
    const enough = (): boolean => (engine === "compile" ? compiled() > 0 : rig.x(4) > 10_000n);
    while (!enough()) await new Promise((resolve) => setTimeout(resolve, 5));
    rig.target.interrupt();
    await stopped;
    rig.setRegister(4, 1000n);
    monitor(rig, "catch sysreg tpidr_el1 write");
    const first = Number(/which is (0x\w+)/.exec(reportOf(await rig.continue()))?.[1]);
    for (let n = 1; n < 10; n++) {
      expect(reportOf(await rig.continue())).toContain(`which is 0x${(first + n).toString(16)}`);
    }
    monitor(rig, "catch delete all");
    const before = compiled();
    const again = rig.continue();
    while (engine === "compile" && compiled() === before) await new Promise((resolve) => setTimeout(resolve, 5));
    rig.target.interrupt();
    expect((await again).reason.kind).toBe("interrupt");
  });

  it("is refused where there is none of that name", async () => {
    const rig = await start();
    expect(monitor(rig, "catch sysreg SCTLR_EL9")).toBe("refused: there is no system register SCTLR_EL9");
    expect(monitor(rig, "catch sysreg TTBR0_EL1 both")).toBe("refused: catch sysreg TTBR0_EL1 both: read or write");
  });
});

const SECOND = `
      mrs   x5, mpidr_el1
      and   x5, x5, #0xff
      cbnz  x5, 1f
      ldr   x0, =0xc4000003
      mov   x1, #1
      adr   x2, _start
      mov   x3, #0x55
      hvc   #0
      b     .
1:    ldr   w0, =0x84000002
      hvc   #0
off:  b     .
`;

describe("power", () => {
  it("is caught as a vCPU is switched on and off", async () => {
    const rig = await start(SECOND, { cpus: 2 });
    monitor(rig, "catch power");
    const on = await rig.continue();
    expect([on.vcpu, reportOf(on)]).toEqual([
      1,
      `catch 1 (power): CPU1 switched on, at EL1, PC 0x${TEXT.toString(16)}, X0 0x55\n`,
    ]);
    const off = await rig.continue();
    expect([off.vcpu, reportOf(off)]).toEqual([1, "catch 1 (power): CPU1 switched off\n"]);
  });

  it("leaves the vCPU that is off behind its call", async () => {
    for (const config of [{}, { el2: "guest" }] as const) {
      // At EL2, where there is no hypervisor below, the conduit is SMC.
      const rig = await start(config.el2 ? SECOND.replaceAll("hvc", "smc") : SECOND, { cpus: 2, ...config });
      monitor(rig, "catch power off");
      expect((await rig.continue()).vcpu).toBe(1);
      expect([rig.pc(1), rig.machine.cores[1]?.vcpu.el]).toEqual([rig.program.at("off"), config.el2 ? 2 : 1]);
    }
  });

  it("is not caught when it is the debugger's own doing", async () => {
    const rig = await start("b .", { cpus: 2 });
    monitor(rig, "catch power");
    expect(monitor(rig, `power on 1 0x${TEXT.toString(16)}`)).toContain("CPU1 is on");
    expect(monitor(rig, "power off 1")).toContain("CPU1 is off");
    const stop = rig.continue();
    rig.target.interrupt();
    expect((await stop).reason.kind).toBe("interrupt");
    expect(monitor(rig, "catch last")).toBe("nothing was caught so far\n");
  });

  it("is caught at a reset", async () => {
    const rig = await start("ldr w0, =0x84000009\nhvc #0\nb .", { noReboot: false });
    monitor(rig, "catch reset");
    expect(reportOf(await rig.continue())).toContain("the machine was reset");
    expect([rig.pc(), rig.machine.scheduler.now()]).toEqual([TEXT, 0n]);
  });
});

describe("the counter", () => {
  it("reads as it would if nobody caught it", async () => {
    const source = "mov x5, #100\n1: subs x5, x5, #1\nb.ne 1b\nmrs x1, cntvct_el0\nnop\nmrs x2, cntpct_el0\nhere: b .";
    const read = async (what: string): Promise<bigint[]> => {
      const rig = await start(source);
      monitor(rig, what);
      rig.break("here");
      while ((await rig.continue()).reason.kind === "catch");
      return [rig.x(1), rig.x(2)];
    };
    expect(await read("catch sysreg cntvct_el0")).toEqual(await read("catch"));
    expect(await read("catch sysreg cntpct_el0")).toEqual(await read("catch"));
  });
});

describe("the run", () => {
  it("is the same whatever is caught and passed", async () => {
    const end = async (...catches: string[]): Promise<unknown[]> => {
      const rig = await start(GUEST);
      for (const what of catches) monitor(rig, what);
      let stops = -1;
      let stop: Stop;
      do {
        stop = await rig.continue();
        stops++;
      } while (stop.reason.kind !== "exited");
      const { vcpu } = rig.machine.cores[0]!;
      return [stops, rig.machine.stateHash(), rig.machine.scheduler.now(), vcpu.x(10)];
    };
    const [, ...alone] = await end();
    const all = [
      "catch exception",
      "catch el2",
      "catch sysreg tpidr_el1",
      "catch sysreg tpidr_el0",
      "catch sysreg elr_el1",
      "exits record",
    ];
    const [stops, ...caught] = await end(...all);
    expect(caught).toEqual(alone);
    expect(stops).toBeGreaterThan(10);
    expect((await end("catch fiq", "exits record")).slice(1)).toEqual(alone);
  });

  it("is let go of with the debugger", async () => {
    const rig = await start();
    monitor(rig, "catch svc");
    rig.target.detach();
    expect(await rig.ended).toEqual({ reason: "system-off" });
  });
});

describe("a record of exceptions", () => {
  it("lists those to the guest's own levels", async () => {
    const rig = await start();
    expect(monitor(rig, "exits record")).toMatch(/^exceptions to EL1 EL2 EL3 are recorded/);
    await rig.continue();
    const lines = monitor(rig, "exits 3");
    expect(lines).toMatch(/^exceptions to EL1 +5$/m);
    expect(lines).toMatch(/CPU0 SVC: immediate 0x0, from EL0 to EL1, at 0x/);
    expect(monitor(rig, "exits record off")).toBe("exceptions are not recorded\n");
    expect(monitor(rig, "exits record el4")).toMatch(/^refused/);
  });
});

describe("calls to hosted EL3", () => {
  it("are in the record of exits and of power states, with EL2 the guest's", async () => {
    const rig = await start("ldr w0, =0x84000000\nsmc #0\nldr w0, =0x84000008\nsmc #0\nb .", { el2: "guest" });
    await rig.continue();
    expect(monitor(rig, "exits")).toMatch(
      /CPU0 SMC: .*0x84000000 \(PSCI VERSION\), from EL2 to hosted EL3, at 0x40080004$/m,
    );
    expect(monitor(rig, "psci")).toMatch(/SYSTEM_OFF\), from EL2 to hosted EL3/);
    expect(monitor(rig, "psci")).not.toContain("VERSION");
  });
});

describe("words of all kinds", () => {
  const words = [
    "catch",
    "step",
    "exits",
    "log",
    "walk",
    "maps",
    "view",
    "sysreg",
    "info registers",
    "mmio read",
    "mmio write",
  ];
  const more = [
    "gic",
    "timer",
    "psci",
    "devices",
    "tlb",
    "stats",
    "inject irq",
    "inject serror",
    "power on",
    "power off",
    "help",
  ];
  const argument = fc.oneof(
    fc.constantFrom(
      "el1",
      "all",
      "kinds",
      "last",
      "delete",
      "record",
      "off",
      "on",
      "once",
      "to",
      "from",
      "cpu",
      "svc",
      "sysreg",
    ),
    fc.constantFrom(
      "0",
      "-1",
      "0x",
      "0xffffffffffffffff",
      "18446744073709551616",
      "1e9",
      "ipa",
      "NaN",
      "VBAR_EL1",
      "#3",
      "5-",
    ),
    fc.string({ maxLength: 12 }),
  );

  it("are answered or refused, and never more than that", async () => {
    const rig = await start(GUEST, { cpus: 2 });
    fc.assert(
      fc.property(fc.constantFrom(...words, ...more), fc.array(argument, { maxLength: 5 }), (name, rest) => {
        const line = [name, ...rest].join(" ");
        const output = rig.target.monitor(line, 0);
        expect(output instanceof TargetError ? output.text.length : typeof output).toBeTruthy();
      }),
      { numRuns: 1500 },
    );
    rig.target.monitor("catch delete all", 0);
    rig.target.monitor("power on 0 0x40080000", 0);
  });
});

describe("words", () => {
  it.each([
    [0x56000000n, "SVC: immediate 0x0"],
    [0x92000046n, "Data Abort from a lower level: Translation fault, level 2, write"],
    [0x93c08006n, "Data Abort from a lower level: Translation fault, level 2, read of 8 bytes to X0"],
    [0x9600004fn, "Data Abort from the same level: Permission fault, level 3, write"],
    [0x8600000dn, "Instruction Abort from the same level: Permission fault, level 1"],
    [0x62300001n, "trapped MSR, MRS or System instruction: MRS X0, MIDR_EL1"],
    [0x7e000000n | (0x1fn << 26n), "exception class 0x1f, ISS 0x0"],
    [0x02000000n, "Unknown reason (UNDEFINED instruction)"],
    [0x07e00001n, "trapped WFI or WFE: WFE"],
    [0x92000210n, "Data Abort from a lower level: synchronous External abort, EA 1, read"],
  ])("of ESR %#x", (esr, words) => {
    expect(describeSyndrome(esr)).toBe(words);
  });

  it.each([
    ["catch nonsense", /^refused: nothing called "nonsense" can be caught; there are exception, /],
    ["catch svc 1 2", /^refused: "2" is too much; usage: monitor catch svc \[IMMEDIATE\]/],
    ["catch svc to el0", /^refused: to el0/],
    ["catch svc cpu 9", /^refused: there is no CPU9/],
    ["catch psci NOTHING", /^refused: no PSCI function/],
    ["catch svc 0x10000", /^refused: 0x10000: immediates are 0 to 0xffff/],
    ["catch hvc 0x100000000", /^refused: .*functions are 0 to 0xffffffff/],
    ["catch hvc #65536", /^refused: 65536: immediates/],
    ["catch hvc cpu_on", /^catch 1: hvc cpu_on/],
    ["catch exception 64", /^refused: 64: exception classes are 0 to 0x3f/],
    ["catch irq 1020", /^refused: 1020: INTIDs are 0 to 1019/],
    ["catch intid 8192", /^catch 1: intid 8192/],
    ["catch vector 0x401", /^refused: 0x401: vectors are at multiples of 0x80/],
    ["catch vector 0x800", /^refused: 0x800: vectors/],
    ["catch stage2 5-3", /^refused: "5-3" is no range/],
    ["catch delete 7", /^refused: there is no catch 7/],
    ["catch", /^nothing is caught/],
    ["catch kinds", /^exception \[EC\] +any exception/],
  ])("for %s", async (command, words) => {
    const rig = await start();
    expect(monitor(rig, command)).toMatch(words);
  });
});

describe("system calls, as QCatchSyscalls asks for them", () => {
  const WRITE = 64;
  const EXIT = 93;
  const entry = (number: number) => ({ kind: "syscall", phase: "entry", number });

  it("stop at the vector and behind SVC, with their number", async () => {
    const rig = await start();
    rig.target.catchSystemCalls?.("all");
    const vector = rig.program.at("vectors") + 0x400n;
    expect((await rig.continue()).reason).toEqual(entry(WRITE));
    expect(rig.pc()).toBe(vector);
    expect((await rig.continue()).reason).toEqual({ kind: "syscall", phase: "return", number: WRITE });
    expect(rig.pc()).toBe(rig.program.at("call") + 4n);
    expect((await rig.continue()).reason).toEqual(entry(WRITE));
    expect((await rig.continue()).reason).toEqual({ kind: "syscall", phase: "return", number: WRITE });
    // Another one, which does not return.
    expect((await rig.continue()).reason).toEqual(entry(EXIT));
    expect((await rig.continue()).reason.kind).toBe("exited");
  });

  it("are those that are asked for, until none is", async () => {
    const rig = await start();
    rig.target.catchSystemCalls?.(new Set([EXIT, 1000]));
    expect((await rig.continue()).reason).toEqual(entry(EXIT));
    const again = await start();
    again.target.catchSystemCalls?.(new Set([WRITE]));
    expect((await again.continue()).reason).toEqual(entry(WRITE));
    again.target.catchSystemCalls?.(undefined);
    expect((await again.continue()).reason.kind).toBe("exited");
  });

  it("are passed by a step, and leave the run as it is", async () => {
    const ends: string[] = [];
    for (const set of [undefined, "all", new Set([WRITE])] as const) {
      const rig = await start();
      rig.target.catchSystemCalls?.(set);
      const remove = rig.break("off");
      let stop = await rig.continue();
      for (let n = 0; n < 10 && stop.reason.kind === "syscall"; n++) {
        // One instruction behind the stop, and on.
        await rig.step();
        stop = await rig.continue();
      }
      expect(stop.reason.kind).toBe("breakpoint");
      remove();
      ends.push(rig.machine.stateHash());
    }
    expect(new Set(ends).size).toBe(1);
  });
});
