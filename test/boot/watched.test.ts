/** Debian's kernel under a debugger that looks at every exception and some registers' accesses: the run is the same. */
import { expect, it } from "vitest";
import type { ResumeAction } from "../../src/gdb/target.js";
import { MachineTarget } from "../../src/machine/debug-target.js";
import { bootLinux } from "./guest.js";

const COMMANDS = "for i in 1 2 3; do (echo $i; head -c 20000 /dev/zero | sha256sum) & done; wait; cat /proc/interrupts";

it.each(["hosted", "guest"] as const)("is the same run, EL2 %s", async (el2) => {
  const alone = await bootLinux({ cpus: 2, el2, commands: COMMANDS });
  let stops = 0;
  let lines = 0;
  const watched = await bootLinux({
    cpus: 2,
    el2,
    commands: COMMANDS,
    log: { categories: ["exceptions"], write: () => lines++ },
    onConsole: (text, machine) => {
      // Once the console speaks; a debugger that lets everything go on that it catches.
      if (text.length !== 1) return;
      const target = new MachineTarget(machine, { wait: false });
      target.listen({
        stopped({ reason }) {
          if (reason.kind !== "catch") return;
          stops++;
          target.resume(new Map(machine.cores.map(({ index }) => [index, { kind: "continue" }])));
        },
      });
      for (const what of ["svc from el0", "psci", "dabort from el0", "sysreg tpidr_el0 write", "power"]) {
        expect(target.monitor(`catch ${what}`, 0)).toMatch(/^catch \d/);
      }
    },
  });
  expect(watched.console).toBe(alone.console);
  expect(watched.machine.scheduler.now()).toBe(alone.machine.scheduler.now());
  expect(watched.machine.stateHash()).toBe(alone.machine.stateHash());
  expect(stops).toBeGreaterThan(500);
  expect(lines).toBeGreaterThan(stops);
});

it("is the same run when 5000 instructions of it are stepped, interrupts among them", async () => {
  const alone = await bootLinux({ cpus: 2, commands: COMMANDS });
  let steps = 0;
  const stepped = await bootLinux({
    cpus: 2,
    commands: COMMANDS,
    onConsole: (text, machine) => {
      if (text.length !== 5000) return;
      const target = new MachineTarget(machine, { wait: false });
      const others = machine.cores.map(({ index }) => [index, { kind: "continue" }] as [number, ResumeAction]);
      target.listen({
        stopped({ vcpu, reason }) {
          if (reason.kind === "exited") return;
          if (++steps <= 5000) target.resume(new Map([...others, [vcpu, { kind: "step" }]]));
          else target.resume(new Map(others));
        },
      });
      target.interrupt();
    },
  });
  expect(stepped.console).toBe(alone.console);
  expect(stepped.machine.scheduler.now()).toBe(alone.machine.scheduler.now());
  expect(stepped.machine.stateHash()).toBe(alone.machine.stateHash());
  expect(steps).toBe(5001);
});
