/** Conditions and commands in the stub, driven by the real gdb-multiarch on the real machine. */
import { expect, it, vi } from "vitest";
import { counting, guestWithStub } from "./stub.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const LOOP = counting(`
after:
  nop
  b loop
`);

it("evaluates conditions in the target", async () => {
  const { run } = await guestWithStub(LOOP);
  const text = await run([
    "set breakpoint condition-evaluation target",
    "break *there if $x0 == 100000 && *(long *) $x1 == 99999",
    "continue",
    "p $x0",
    "info breakpoints",
    "condition 1 $x0 > 100500 && *(char *) $x2 == 'a'",
    "continue",
    "p $x0",
    "set var $TPIDR_EL1 = 77",
    "hbreak *after if *(long *) $x1 == 100502 && $sp == 0 && $TPIDR_EL1 == 77 && $SP_EL0 == 0 && $cpsr != 0",
    "condition 1",
    "delete 1",
    "continue",
    "p $pc",
    "p $x0",
  ]);
  expect(text).toContain("$1 = 100000");
  expect(text).toContain("stop only if $x0 == 100000 && *(long *) $x1 == 99999 (target evals)");
  // GDB counts what it was told of: the target has kept the other 99,999 from it.
  expect(text).toContain("breakpoint already hit 1 time");
  expect(text).toContain("$2 = 100501");
  expect(text).toMatch(/\$3 = .*<after>/);
  expect(text).toContain("$4 = 100502");
});

it("stops where a condition cannot be evaluated, and GDB says why", async () => {
  const { run } = await guestWithStub(LOOP);
  const text = await run([
    "set breakpoint condition-evaluation target",
    "break *there if *(long *) 0xdead00000000 == 1",
    "continue",
    "p $x0",
  ]);
  expect(text).toContain("Error in testing breakpoint condition:\nCannot access memory at address 0xdead00000000");
  expect(text).toContain("$1 = 1\n");
});

it("prints in the target, before the stop that comes later", async () => {
  const { run, warnings } = await guestWithStub(LOOP);
  const text = await run([
    "set dprintf-style agent",
    'dprintf *there,"x0=%d \\"%s\\" at %#lx\\n", $x0, (char *) $x2, $x1',
    "condition 1 $x0 != 2",
    "break *after if $x0 == 3",
    "continue",
  ]);
  const cell = 0x40080028;
  expect(text).toContain(`x0=1 "a text" at 0x${cell.toString(16)}\nx0=3 "a text" at 0x${cell.toString(16)}\n\n`);
  expect(text).not.toContain("x0=2");
  expect(text).toContain("Breakpoint 2, ");
  expect(warnings).toEqual([]);
});

it("goes on printing when the debugger has gone, if it was told to", async () => {
  const { rig, run, warnings } = await guestWithStub(LOOP);
  await run([
    // Else GDB takes everything out whenever the machine stands.
    "set breakpoint always-inserted on",
    "set dprintf-style agent",
    "set disconnected-dprintf on",
    'dprintf *there,"x0=%d\\n", $x0',
    "condition 1 $x0 % 100000 == 0",
    "break *after if $x0 == 99999",
    "continue",
    "delete 2",
  ]);
  await vi.waitUntil(() => warnings.length > 3, { timeout: 20_000 });
  expect(warnings.slice(0, 3)).toEqual(["x0=100000", "x0=200000", "x0=300000"]);
  // The next client takes it out by removing a breakpoint that it inserts at the same place.
  await run(["break *there", "continue", "delete"]);
  const count = warnings.length;
  const before = rig.x(0);
  await vi.waitUntil(() => rig.x(0) > before + 400_000n, { timeout: 20_000 });
  expect(warnings).toHaveLength(count);
});

it("lists what a debugger has left that is gone, and takes it away", async () => {
  const { rig, run, warnings } = await guestWithStub(LOOP);
  await run([
    "set breakpoint always-inserted on",
    "set dprintf-style agent",
    'dprintf *there,"x0=%d\\n", $x0',
    "condition 1 $x0 % 100000 == 0",
    "tbreak *after if $x0 == 50000",
    "continue",
  ]);
  await vi.waitUntil(() => warnings.length > 1, { timeout: 20_000 });
  const there = `0x${rig.program.at("there").toString(16).padStart(16, "0")}`;
  const text = await run([
    "monitor points delete 0x40080000",
    "watch *(long *) 0x40080040",
    "break *after if $x0 % 1000 == 0",
    "continue",
    "monitor points",
    "monitor points delete all",
    "monitor points delete all",
    "delete",
    "monitor points",
  ]);
  expect(text).toContain("a client that is gone has left no point at 0x40080000\n");
  expect(text).toContain(
    `${there} breakpoint, conditional, with commands, left by a client that is gone\ndeleted: 1\n`,
  );
  expect(text).toContain("a client that is gone has left no point\nno points\n");
  const count = warnings.length;
  const before = rig.x(0);
  await vi.waitUntil(() => rig.x(0) > before + 300_000n, { timeout: 20_000 });
  expect(warnings).toHaveLength(count);
});

it("asks watchpoints in the target, by a command of its own", async () => {
  const { run } = await guestWithStub(LOOP);
  const text = await run([
    "watch *(long *) $x1",
    "tbreak *there",
    "continue",
    "watch *(long *) 0x40080028",
    "monitor condition 0x40080028 $new == 5000 && $x0 == 5000",
    "monitor condition",
    "delete 1",
    "continue",
    "monitor condition 0x40080028",
    "monitor condition 0x40080028 $new ==",
    "monitor condition 0x40080028 $nix",
  ]);
  expect(text).toContain("0x40080028: $new == 5000 && $x0 == 5000");
  expect(text).toContain("New value = 5000");
  expect(text).toContain("0x40080028: stops always");
  expect(text).toContain('"$new ==": it ends too early');
  expect(text).toContain('"$nix": there is no register or variable $nix');
});

it("says why a condition of its own stops that cannot be told", async () => {
  const { run } = await guestWithStub(LOOP);
  const text = await run([
    'eval "monitor condition %#lx 10 / ($x0 - 3) == 5", (long) &there',
    "break *there",
    "continue",
    "p $x0",
    "continue",
    "p $x0",
    "delete",
    'eval "monitor condition %#lx", (long) &there',
    "monitor condition 0x40080028 10 / ($new - 9) == 5",
    "watch *(long *) 0x40080028",
    "continue",
    "p $x0",
  ]);
  expect(text).toMatch(/condition 0x\w+ 10 \/ \(\$x0 - 3\) == 5: .*divi.*\n(?:.*\n)*\$1 = 3\n/);
  expect(text).toContain("$2 = 5");
  expect(text).toMatch(
    /condition 0x40080028 10 \/ \(\$new - 9\) == 5: .*divi.*\n(?:.*\n)*New value = 9\n(?:.*\n)*\$3 = \d/,
  );
  // Once for each: a condition that is true or false needs no words.
  expect(text.match(/^condition 0x/gm)).toHaveLength(2);
});
