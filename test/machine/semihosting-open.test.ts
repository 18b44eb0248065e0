/** SYS_OPEN with a stub that listens, while no debugger is attached. */
import { expect, it, onTestFinished } from "vitest";
import { parseEndpoint } from "../../src/gdb/index.js";
import { assemble, machineFor } from "./debug-rig.js";

/** Opens ":tt" by a name of such a length, and exits with status 7 whatever comes of it. */
async function open(length: string, listens: boolean) {
  const program = assemble(`
      adr x1, opening
      mov w0, #1
      hlt #0xf000
      adr x1, status
      mov w0, #0x18
      hlt #0xf000
      b .
      .balign 8
opening: .quad name, 4, ${length}
status: .quad 0x20026, 7
name: .ascii ":tt"
`);
  const machine = await machineFor(program, { semihosting: { commandLine: "" } });
  onTestFinished(() => machine.close());
  if (listens) await machine.listenGdb(parseEndpoint("0"), { wait: false });
  return machine.run();
}

it.each([
  ["3", false],
  ["3", true],
  ["0x10000000000000", false],
  ["0x10000000000000", true],
])("a name of %s bytes harms nobody; a stub listens: %s", async (length, listens) => {
  expect(await open(length, listens)).toMatchObject({ reason: "exit", status: 7 });
});
