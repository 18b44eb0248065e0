/** The real gdb-multiarch watches physical addresses of a guest that reaches them through two mappings. */
import { expect, it, onTestFinished } from "vitest";
import { loadKernelFile } from "../../src/index.js";
import { assemble } from "../machine/debug-rig.js";
import { Session } from "./session.js";

/** The first GiB of RAM at its own address and once more at 2 GiB, where X0 points to the buffer. */
const GUEST = `
  .include "mmu-on.s"
  mmu_on table
  adr x3, buffer
  mov x1, #0x40000000
  add x0, x3, x1
mapped: mov x2, #7
beside: str x2, [x0, #8]
there: str x2, [x0]
here: ldr x4, [x3]
end: b end
  .balign 4096
table: .quad 0, 0x40000000 + BLOCK, 0x40000000 + BLOCK
  .balign 4096
buffer: .quad 1, 2
`;

it("stops in every mapping, with what GDB reads there, until the watchpoint is deleted", async () => {
  const program = assemble(GUEST);
  const session = await Session.start({
    kernel: loadKernelFile(program.file),
    symbols: program.file,
    memory: 16 << 20,
  });
  onTestFinished(() => session.close());
  const text = await session.gdb([
    "hbreak *mapped",
    "continue",
    "monitor view pa",
    "maintenance flush register-cache",
    "watch *(long *) &buffer",
    "awatch *(long *) &buffer",
    "continue",
    "info breakpoints",
    "continue",
    "delete 2 3",
    "tbreak *end",
    "continue",
    "monitor view",
  ]);
  const at = (label: string): string => `0x0*${program.at(label).toString(16)}`;
  // GDB steps over the access and shows what has changed.
  expect(text).toMatch(/Hardware watchpoint 2: \*\(long \*\) &buffer\n\nOld value = 1\nNew value = 7/);
  expect(text).toMatch(
    new RegExp(`Hardware access .*watchpoint 3: .*\\n\\nOld value = 1\\nNew value = 7\\n${at("here")} in here`),
  );
  expect(text).toMatch(/Hardware access .*watchpoint 3: .*\n\nValue = 7\n.* in end/);
  expect(text).toMatch(new RegExp(`Temporary breakpoint 4, ${at("end")} in end`));
});
