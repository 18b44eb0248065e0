/**
 * Device accesses that hosted EL2 carries out in the middle of the instruction, against the exception and the return
 * from it that whoever logs or catches exceptions sees: the run is the same.
 */
import { expect, it } from "vitest";
import { assemble, Rig, type RigOptions } from "./debug-rig.js";

/** Accesses of all kinds to the UART, the GIC and where nothing is; what they leave is summed up in X20. */
const GUEST = `
      .macro note reg
      add   x20, x20, \\reg
      ror   x20, x20, #7
      .endm
      ldr   x0, =vectors
      msr   vbar_el1, x0
      ldr   x0, =stack
      mov   sp, x0
      mov   x1, #0x09000000
      mov   x2, #0x08000000
      movi  v0.16b, #0x42
      ldr   w3, [x1, #0x18]
      note  x3
      ldrh  w3, [x1, #0x18]
      note  x3
      ldrsb x3, [x1, #0xfe0]
      note  x3
      ldrsw x3, [x2, #8]
      note  x3
      ldur  w3, [x1, #0x18]
      note  x3
      ldar  w3, [x2]
      note  x3
      mov   w4, #0x65
      strb  w4, [x1]
      str   w4, [x1], #0
      stlr  w4, [x1]
      str   wzr, [x1, #0x38]
      str   q0, [x1, #0x20]
      ldp   w3, w5, [x2]
      note  x3
      note  x5
      mov   x6, #0x18
      ldr   w3, [x1, x6]
      note  x3
      ldtr  w3, [x1, #0x18]
      note  x3
      sttr  w4, [x1]
// Compiled, and left for each access.
      mov   w10, #3000
1:    ldr   w3, [x1, #0x18]
      note  x3
      subs  w10, w10, #1
      b.ne  1b
// The timer is due and masked; EL2 holds it for the guest, gives it back before the look at the GIC, and takes it
// again.
      ldr   x11, =0x080a0000 + 0x10000
      mov   w12, #1 << 27
      str   w12, [x11, #0x80]
      str   w12, [x11, #0x100]
      mov   w12, #3
      str   w12, [x2]
      mov   x13, #0xff
      msr   icc_pmr_el1, x13
      mov   x13, #1
      msr   icc_igrpen1_el1, x13
      msr   cntv_tval_el0, xzr
      msr   cntv_ctl_el0, x13
      isb
      ldr   w3, [x11, #0x200]
      note  x3
      mrs   x3, isr_el1
      note  x3
      msr   daifclr, #2
      nop
      msr   daifset, #2
// An exception return clears the monitor.
      ldr   x7, =stack
      ldxr  w3, [x7]
      ldr   w3, [x1, #0x18]
      stxr  w5, w3, [x7]
      note  x5
// Nothing is there; too wide for the UART; no alignment.
      mov   x8, #0x0f000000
      ldr   w3, [x8]
      str   w3, [x8]
      ldr   x3, [x1]
      ldr   w3, [x1, #1]
      strh  w3, [x2, #3]
      ldr   w3, =0x84000008
      mov   w0, w3
      hvc   #0
      b     .
      .balign 2048
vectors:
      .space 0x200
      mrs   x9, esr_el1
      note  x9
      mrs   x9, far_el1
      note  x9
      mrs   x9, elr_el1
      add   x9, x9, #4
      msr   elr_el1, x9
      eret
      .balign 0x80
      mrs   x9, icc_iar1_el1
      note  x9
      msr   cntv_ctl_el0, xzr
      msr   icc_eoir1_el1, x9
      eret
      .balign 16
      .space 256
stack: .space 16
`;

it.each(["cortex-a72", "max"] as const)("leaves the same state as the exception, on %s", async (cpu) => {
  const program = assemble(GUEST);
  const run = async (debug: (rig: Rig) => void) => {
    const lines: string[] = [];
    const options = { cpu, log: { categories: ["mmio", "faults"], write: (line: string) => lines.push(line) } };
    const rig = await Rig.create(program, options as RigOptions);
    debug(rig);
    await rig.continue();
    const { vcpu } = rig.machine.cores[0] as (typeof rig.machine.cores)[0];
    const { MmioRead, MmioWrite, UnsyndromedAccess, ExternalInterrupt } = rig.machine.stats().exits;
    const state = {
      sum: vcpu.x(20),
      syndrome: vcpu.sysreg("ESR_EL1"),
      hash: rig.machine.stateHash(),
      time: rig.machine.scheduler.now(),
      exits: { MmioRead, MmioWrite, UnsyndromedAccess, ExternalInterrupt },
      log: lines.filter((line) => !line.startsWith("exceptions:")),
    };
    return { state, exceptions: rig.machine.scheduler.counters.exits.hosted2 ?? 0 };
  };
  const direct = await run(() => {});
  const seen = await run(({ machine }) => machine.switchLog("exceptions", true));
  expect(seen.state).toEqual(direct.state);
  expect(seen.exceptions - direct.exceptions).toBe(3018);
  // Who asks for the guest's own exceptions alone does not have them taken.
  const guests = await run(({ target }) => {
    for (const what of ["serror", "el1 from el0"]) target.monitor(`catch ${what}`, 0);
    target.catchSystemCalls?.("all");
  });
  expect(guests).toEqual(direct);
  expect(direct.state.exits).toEqual({ MmioRead: 3014, MmioWrite: 9, UnsyndromedAccess: 2, ExternalInterrupt: 2 });
});
