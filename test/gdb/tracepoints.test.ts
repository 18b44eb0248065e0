/** Tracepoints, driven by the real gdb-multiarch on the real machine. */
import { existsSync, writeFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { counting, guestWithStub } from "./stub.js";

// Other tests may have the processor.
vi.setConfig({ testTimeout: 60_000 });

const LOOP = counting(`
  cmp x0, #20
  b.ne loop
last:
  mov x3, #5
done:
  b done
`);

async function serve() {
  const { rig, run: inGdb } = await guestWithStub(LOOP);
  let scripts = 0;
  /** A file, because actions are lines of their own. */
  const run = (commands: string[], symbols = rig.program.file) => {
    const script = `${rig.program.file}.${++scripts}.gdb`;
    writeFileSync(script, commands.map((line) => `${line}\n`).join(""));
    return inGdb([`source ${script}`], { symbols });
  };
  return { rig, run };
}

const values = (text: string): string[] => [...text.matchAll(/^\$\d+ = (.*)$/gm)].map(([, value]) => value ?? "");

describe("a trace run", () => {
  it("collects registers, memory, strings and variables where its condition holds", async () => {
    const { rig, run } = await serve();
    const saved = `${rig.program.file}.trace`;
    const text = await run([
      "tvariable $odd = 40",
      "trace *there if $x0 % 2 == 1",
      "actions",
      "collect $x0, $x1, $x2, $pc, $SCTLR_EL1, *(long *) $x1, $trace_timestamp, $odd",
      "collect/s (char *) $x2",
      "teval $odd = $odd + 1",
      "end",
      "tstart",
      "break *last",
      "continue",
      "tstop",
      "tstatus",
      "tfind start",
      "p $x0",
      "p *(long *) $x1",
      "x/s $x2",
      "p $pc",
      "p $odd",
      "p $SCTLR_EL1 == 0",
      "p *(long *) ($x1 + 8)",
    ]);
    expect(text).toContain("Trace stopped by a tstop command ().\nCollected 10 trace frames.");
    expect(text).toContain("Found trace frame 0, tracepoint 1");
    expect(values(text)).toEqual(["1", "0", "(void (*)()) 0x40080010 <there>", "40", "0", "<unavailable>"]);
    expect(text).toContain('<text>:	"a text"');

    const later = await run([
      "tstatus",
      "tfind 3",
      "p $x0",
      "tfind",
      "p $x0",
      "tfind tracepoint 1",
      "p $x0",
      "tfind pc there",
      "p *(long *) $x1",
      "tfind outside 0x40080010,0x40080010",
      "p $x0",
      "tfind none",
      "p $x0",
      "p $odd",
      "info tvariables",
      "info tracepoints",
      `tsave ${saved}`,
    ]);
    // A second client hears of what the first one defined.
    // No frame is outside: GDB looks at the machine then.
    expect(values(later)).toEqual(["7", "9", "11", "12", "20", "20", "50"]);
    expect(later).toMatch(/\$odd +40 +50/);
    expect(later).toMatch(/\$trace_timestamp +0 +\d/);
    expect(later).toMatch(
      /trace only if \$x0 % 2 == 1\s+tracepoint already hit 10 times\s+trace buffer usage \d+ bytes/,
    );
    expect(later).toContain("collect/s (char *) $x2");
    expect(existsSync(saved)).toBe(true);

    const offline = await run([`target tfile ${saved}`, "tfind 3", "p $x0", "p *(long *) $x1", "p $odd"]);
    expect(values(offline)).toEqual(["7", "6", "43"]);
  });

  it("follows instructions after a hit, and ends when it has passed often enough", async () => {
    const { run } = await serve();
    const text = await run([
      "trace *there",
      "actions",
      "while-stepping 3",
      "collect $x0, $pc, *(long *) $x1",
      "end",
      "end",
      "passcount 2 1",
      "tstart",
      "break *last",
      "continue",
      "tstatus",
      "tfind start",
      "while $trace_frame != -1",
      'printf "frame %d pc %#lx\\n", $trace_frame, $pc',
      "tfind",
      "end",
      "tfind 1",
      "p $x0",
      "p *(long *) $x1",
    ]);
    expect(text).toContain("Trace stopped by tracepoint 1.\nCollected 8 trace frames.");
    expect([...text.matchAll(/^frame (\d+) pc 0x400800(..)$/gm)].map(([, frame, pc]) => `${frame}:${pc}`)).toEqual([
      ...["0:10", "1:14", "2:18", "3:0c"],
      ...["4:10", "5:14", "6:18", "7:0c"],
    ]);
    expect(values(text)).toEqual(["1", "1"]);
  });

  it("goes on without a debugger if it was told to, else it ends with it", async () => {
    const { rig, run } = await serve();
    const trace = ["trace *last", "actions", "collect $x0", "end"];
    await run([...trace, "set disconnected-tracing on", "tstart", "detach"]);
    await vi.waitUntil(() => rig.x(3) === 5n);
    const text = await run(["tstatus", "monitor points", "tstop", "monitor points", "tfind start", "p $x0"]);
    expect(text).toContain("Trace is running on the target.");
    expect(text).toMatch(/^0x00000000400800\w\w tracepoint 1, hit 1 times; tstop ends the run\nno points$/m);
    expect(values(text)).toEqual(["20"]);
    await run(["set disconnected-tracing off", "tstart", "detach"]);
    expect(await run(["tstatus"])).toContain("Trace stopped because of disconnection.");
  });

  it("tells what a tracepoint failed of", async () => {
    const { run } = await serve();
    const text = await run([
      "trace *there",
      "actions",
      "collect *(long *) $x1, *(char *) (10 / ($x0 - 2))",
      "end",
      "tstart",
      "break *last",
      "continue",
      "tstatus",
    ]);
    expect(text).toMatch(/Trace stopped by an error \(division by zero, tracepoint 1\)/);
  });

  it("refuses what there is not, with words", async () => {
    const { run } = await serve();
    const text = await run(["ftrace *there", "tstart"]);
    expect(text).toMatch(/may not have a fast tracepoint|fast tracepoint/i);
  });
});
