/**
 * Both Security states for a debugger: memory as the vCPU's own state, or that of the view, reaches it (DDI 0487,
 * D8.2).
 */
import { expect, it } from "vitest";
import { assemble, Rig } from "./debug-rig.js";

/** EL3 goes to Secure EL1, which calls it, then to Non-secure EL2. */
const GUEST = `
  adr x0, vectors
  msr vbar_el3, x0
  mov x0, #0x430              // SCR_EL3: RW, RES1
  msr scr_el3, x0
  mov x1, #0x3c5              // EL1h
  adr x2, secure
leave:
  msr spsr_el3, x1
  msr elr_el3, x2
  isb
  eret
secure:
  nop
  smc #0
  .balign 2048
vectors:
  .space 0x400
  mov x0, #0x431              // NS
  msr scr_el3, x0
  mov x1, #0x3c9              // EL2h
  adr x2, nonsecure
  b leave
nonsecure:
  nop
end: b end
`;
const SECRAM = 0xe00_0000n;
const SECURE_UART_ID = 0x904_0fe0n;
const SECURE_UART_BAUD = 0x904_0024n;
const REFUSAL = "0xe000000: Secure memory at a Non-secure address; monitor view pa shows it";

it("Secure memory is there for EL3 and Secure EL1, and not for Non-secure state", async () => {
  const rig = await Rig.create(assemble(GUEST), { el2: "guest", el3: "guest" });
  const walk = (regime = ""): string => String(rig.target.monitor(`walk 0xe000000 ${regime}`, 0));
  expect(rig.setMemory(SECRAM, 0x1234n, 8)).toBeUndefined();
  for (const label of ["secure", "nonsecure"]) rig.break(label);

  await rig.continue();
  expect(rig.memory(SECRAM, 8)).toBe(0x1234n);
  expect(rig.memory(SECURE_UART_ID, 4)).toBe(0x11n);
  expect(walk()).toContain("0xe000000 is at Secure physical address 0xe000000");

  await rig.step();
  await rig.continue();
  expect(rig.memory(SECRAM, 8)).toBe(REFUSAL);
  expect(rig.setMemory(SECRAM, 1n, 8)).toBe(REFUSAL);
  expect(rig.memory(SECURE_UART_ID, 4)).toContain("Secure memory at a Non-secure address");
  expect(walk()).toContain("0xe000000 is at Non-secure physical address 0xe000000");
  expect(walk("el3")).toContain("0xe000000 is at Secure physical address 0xe000000");

  const seen = ["el0", "el1", "ipa", "el2", "el3", "pa"].map((view) => {
    rig.target.monitor(`view ${view}`, 0);
    return [view, rig.memory(SECRAM, 8), typeof rig.memory(SECURE_UART_ID, 4)];
  });
  const refused = ["el0", "el1", "ipa", "el2"].map((view) => [view, REFUSAL, "string"]);
  expect(seen).toEqual([...refused, ["el3", 0x1234n, "bigint"], ["pa", 0x1234n, "bigint"]]);
  // What is seen can be written.
  expect([rig.setMemory(SECRAM, 1n, 8), rig.setMemory(SECURE_UART_BAUD, 0x2an, 4)]).toEqual([undefined, undefined]);
  expect([rig.memory(SECRAM, 8), rig.memory(SECURE_UART_BAUD, 4)]).toEqual([1n, 0x2an]);
});
