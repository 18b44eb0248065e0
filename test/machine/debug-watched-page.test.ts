/**
 * Accesses in a page where something else is watched: quick, compiled or not, and never taken for what they are not.
 */
import { describe, expect, it, vi } from "vitest";
import { assemble, Rig } from "./debug-rig.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 20_000 });

/**
 * Sweeps over bytes X1 to X2 of a buffer, X3 times, and each time X10 and X11 are added to these, with another access
 * near each; then goes on until it is stopped, or has come to X4.
 */
const sweep = (access: string): string => `
  adr x0, buffer
again:
  add x1, x1, x10
  add x2, x2, x11
  mov x5, x1
round:
  add x6, x0, x5
  ${access}
  ldrb w8, [x6, #1]
  add x5, x5, #1
  cmp x5, x2
  b.ne round
  subs x3, x3, #1
  b.ne again
  mov x2, x4
  mov x3, #1
  cbnz x9, end
  mov x9, #1
  b again
end: b end
  .balign 4096
buffer: .space 8192
`;
const SWEEPS = 200n;

/** Its sweeps begin ever lower, or end ever higher, until they are from `from` to `to`. */
async function rig(access: string, from: number, to: number, edge: "from" | "to" = "to"): Promise<Rig> {
  const machine = await Rig.create(assemble(sweep(access)));
  machine.cacheRam();
  const isFrom = edge === "from";
  const start = BigInt(from) + (isFrom ? SWEEPS : 0n);
  const end = BigInt(to) - (isFrom ? 0n : SWEEPS);
  const values = { 1: start, 2: end, 3: SWEEPS, 4: 5000n, 9: 0n, 10: isFrom ? -1n : 0n, 11: isFrom ? 0n : 1n };
  for (const [n, value] of Object.entries(values)) machine.setRegister(Number(n), BigInt.asUintN(64, value));
  machine.break("end");
  return machine;
}

describe.each([
  { access: "strb w7, [x6]", kind: "write", reach: 1 },
  { access: "stp x7, x7, [x6]", kind: "write", reach: 16 },
  { access: "ldr x7, [x6]", kind: "read", reach: 8 },
  // The other access reads as well.
  { access: "ldrh w7, [x6]", kind: "read", reach: 2 },
] as const)("with $access", ({ access, kind, reach }) => {
  it.each<[string, readonly (readonly [number, number])[], number]>([
    ["the first watched byte", [[1000, 4]], 1000],
    [
      "the first of two ranges",
      [
        [2000, 8],
        [700, 1],
      ],
      700,
    ],
    [
      "one between others",
      [
        [100, 1],
        [3000, 8],
        [900, 2],
      ],
      900,
    ],
    ["the next page", [[4096, 1]], 4096],
  ])("stops at %s and not before", async (_name, ranges, first) => {
    const behind = Math.max(0, ...ranges.map(([at, length]) => (at < first ? at + length : 0)));
    const end = first - reach + 1;
    const machine = await rig(access, behind, end);
    const buffer = machine.program.at("buffer");
    for (const [at, length] of ranges) machine.point({ kind, address: buffer + BigInt(at), length });
    const stop = await machine.continue();
    expect(stop.reason).toMatchObject({ kind: "watchpoint", address: buffer + BigInt(first) });
    expect(machine.x(5)).toBe(BigInt(end));
  });

  it.each([
    [[[1000, 4]], 1003],
    [
      [
        [700, 1],
        [2000, 8],
      ],
      700,
    ],
  ] as const)("stops at the last watched byte and not before, %j", async (ranges, last) => {
    const machine = await rig(access, last, 1800, "from");
    const buffer = machine.program.at("buffer");
    for (const [at, length] of ranges) machine.point({ kind, address: buffer + BigInt(at), length });
    const stop = await machine.continue();
    expect(stop.reason).toMatchObject({ kind: "watchpoint", address: buffer + BigInt(last) });
    expect(machine.x(5)).toBe(BigInt(last));
    expect(machine.x(3)).toBe(1n);
  });

  it("runs as without", async () => {
    const ends: string[] = [];
    for (const watched of [false, true]) {
      const machine = await rig(access, 100, 1500);
      if (watched) machine.point({ kind: "access", address: machine.program.at("buffer") + 5100n, length: 1 });
      if (watched) machine.point({ kind: "access", address: machine.program.at("buffer") + 99n, length: 1 });
      expect((await machine.continue()).reason.kind).toBe("breakpoint");
      ends.push(`${machine.machine.stats().instructions} ${machine.x(5)} ${machine.x(8)}`);
    }
    expect(ends[1]).toBe(ends[0]);
  });
});
