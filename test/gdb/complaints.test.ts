/**
 * What users of other stubs complain of, and the tests of this one that would fail if they had reason to. A row is held
 * to: its tests must be there under these names.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

/** Files below test/, and names of tests in them. */
const COMPLAINTS: readonly (readonly [complaint: string, tests: Readonly<Record<string, readonly string[]>>])[] = [
  [
    "a step lands in an interrupt handler",
    {
      "machine/debug-step.test.ts": [
        "waits when interrupts are masked, and none is lost",
        "ERET arrives where it leads, with what is pending handled",
        "ends outside of it, handlers on the way completed",
      ],
    },
  ],
  [
    "breakpoints are missed before the MMU is on, overwritten by the loader, lost on reset",
    {
      "machine/debug-run.test.ts": [
        "is at its virtual address only, also before the MMU is on",
        "does not hide that the guest rewrites the code around it, or under it",
        "keeps breakpoints and watchpoints over the guest's reset",
      ],
      "e2e/gdb-firmware.test.ts": [
        "is loaded from GDB, with breakpoints set before",
        "is reset by the monitor, and the breakpoint hits again",
      ],
      "e2e/gdb-protocol.test.ts": ["runs again after the guest has switched the machine off, with its breakpoints"],
      "e2e/gdb-linux.test.ts": ["is debugged from before the MMU is on to an idle shell"],
    },
  ],
  [
    "memory in a different Exception level is not supported",
    {
      "machine/debug-monitor.test.ts": ["read through any regime, by IPA and physically"],
      "e2e/gdb-xen.test.ts": ["stops in Xen, in dom0's kernel and in a process, and sees the memory of each"],
    },
  ],
  [
    "system registers are missing, renamed, not writable",
    {
      "machine/debug-system-registers.test.ts": ["has what the CPU has, once, and nothing that has no value"],
      "e2e/gdb-system-registers.test.ts": [
        "prints and sets system registers by their architectural names",
        "says why a register is not written",
      ],
    },
  ],
  [
    "a description that crashes GDB, a g packet of the wrong length",
    {
      "gdb/gdb.test.ts": ["reads and writes registers, by architecture's names and types"],
      "e2e/gdb-system-registers.test.ts": ["shows them as a group, general registers first"],
    },
  ],
  [
    "conditional breakpoints are thousands of times too slow",
    { "gdb/agent-points.test.ts": ["stops where one holds, and nowhere before"] },
  ],
  [
    "watchpoints never fire, fire after the access, break under SMP",
    {
      "machine/debug-state.test.ts": [
        "are seen where the guest has been before, on either side of a page border",
        "see an access through a tagged pointer, and take a tagged address",
        "are seen by every vCPU, one switched on later too",
      ],
      "machine/debug-run.test.ts": ["stops before what is watched, with nothing counted twice"],
      "e2e/gdb-firmware.test.ts": ["stop before whichever of them touches what is watched"],
    },
  ],
  // The eighth, reverse execution, is later work.
  [
    "LLDB does not work",
    {
      "e2e/lldb.test.ts": [
        "breaks, unwinds, steps, shows variables and source",
        "lists vCPUs as threads, and stops at what either of them does",
        "reads and writes registers and memory, and knows the regions",
      ],
      "gdb/lldb.test.ts": ["reads registers one by one, of the thread that it names"],
    },
  ],
  ["a kernel moved by KASLR", { "e2e/gdb-kaslr.test.ts": ["is found where it went, and debugged by its names there"] }],
  [
    "memory maps that hide devices",
    {
      "e2e/gdb-protocol.test.ts": ["is all there to a GDB that takes what is in no region for unreadable"],
      "machine/debug-regions.test.ts": ["has every address in some region"],
    },
  ],
  [
    "two vCPUs that stop at once",
    {
      "gdb/gdb.test.ts": ["counts passes of a breakpoint on every vCPU"],
      "gdb/non-stop.test.ts": ["tells of one stop at a time"],
      "machine/debug-run.test.ts": ["stops every vCPU, each for itself"],
    },
  ],
  [
    "reading memory has side effects on a device",
    { "e2e/gdb-firmware.test.ts": ["shows devices without touching them, and says where nothing is"] },
  ],
  [
    "the connection is dropped on a malformed packet",
    {
      "gdb/fuzz.test.ts": ["afterwards the session still answers, and leaves nothing behind"],
      "gdb/fuzz/fuzz-sessions.test.ts": ["takes mutated sessions and serves the next client, seed %i"],
    },
  ],
  ["a packet cut into TCP segments is lost", { "gdb/fuzz.test.ts": ["any segmentation gives the same conversation"] }],
];

describe.each(COMPLAINTS)("%s", (_complaint, tests) => {
  it.each(Object.entries(tests))("is a test in %s", (file, names) => {
    const text = readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), "utf8");
    for (const name of names) expect(text).toContain(`"${name}"`);
  });
});
