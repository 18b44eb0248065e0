/** What the build does with a program before it keeps V8's code of it: the way of most runs from their start on. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { BUNDLED_FIRMWARE } from "../cli/commands/start.js";
import type * as Program from "../cli/program.js";
import { interpreterImage } from "../engine/image.js";
import { allForms } from "../engine/interpreter/forms.js";
import { AREA, SLOT_SIZE, SLOTS_PER_PAGE } from "../engine/layout.js";
import type * as CompilerModule from "../engine/regions/compiler.js";
import type { JobSlot } from "../engine/regions/job.js";
import { ATTACHMENT, converse } from "../gdb/rehearsal.js";
import { decodeIn } from "../isa/decode.js";

/** Until the guest's loop has been compiled and is kept. */
const HOT_AFTER = 1000;
/** Regions of a job, and instructions from the beginning of one to that of the next. */
const BATCH = 16;
const APART = 16;
/** More than any loop needs to count as hot. */
const HEAT = 0x8000;

/** What a debugger does after its attachment, with the machine at its first instruction. */
const DEBUGGING = ["Z0,40080004,4", "vCont;c", "m40080000,40", "g", "z0,40080004,4", "vCont;s:p1.1", "g", "D;1"];
/** Between two attempts to reach the stub. */
const KNOCKING_MS = 20;

/** Our own guest on machines of several kinds, the first kind a second time with what the first run kept. */
export async function exerciseProgram({ runCli, loadMachine }: typeof Program): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-build-"));
  const boot = ["boot", "--kernel", BUNDLED_FIRMWARE, "--code-cache", directory];
  const more = ["--cpus", "2", "--initrd", BUNDLED_FIRMWARE, "--append", "text", "--stats"];
  const hypervisor = ["--el2", "guest"];
  const socket = join(directory, "gdb");
  const debugged = ["--gdb", `unix:${socket}`, "--wait"];
  try {
    for (const options of [[], more, hypervisor, debugged]) {
      const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
      stderr.resume();
      stdout.resume();
      stdout.once("data", async () => {
        await sleep(HOT_AFTER);
        stdin.write("q");
      });
      if (options === debugged) void debug(socket);
      const status = await runCli([...boot, ...options], { stdin, stdout, stderr, loadMachine });
      if (status !== 0) throw new Error(`${BUNDLED_FIRMWARE} with "${options.join(" ")}" ends with status ${status}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Attaches as soon as the stub listens, and lets the machine go. */
async function debug(path: string): Promise<void> {
  while (!existsSync(path)) await sleep(KNOCKING_MS);
  await converse(connect(path), [...ATTACHMENT, ...DEBUGGING]);
}

/** A region at every few instructions of pages with all encodings one after the other. */
export async function exerciseCompiler({ Compiler }: typeof CompilerModule): Promise<void> {
  const { tree, handlers } = await interpreterImage();
  const compiler = new Compiler({
    decodeRoot: tree.root,
    decodeTree: tree.words,
    sysregIndex: new Int32Array((AREA.watches - AREA.sysregIndex) / 4),
    firstRegion: handlers.length,
    onlyCpu: AREA.dynamic,
    memoryPages: 1,
    warm: 1,
  });
  const words = allForms().map(({ value }) => value);
  for (let first = 0; first < words.length; first += SLOTS_PER_PAGE) {
    const slots = new Uint32Array(SLOTS_PER_PAGE * 2);
    const own = words.slice(first, first + SLOTS_PER_PAGE);
    own.forEach((word, n) => {
      const handler = decodeIn(tree, AREA.decodeTree, word);
      slots.set([(handler ?? 0) | (HEAT << 16), word], n * 2);
    });
    const page = { distance: 0, address: first * SLOT_SIZE, hash: 0n, slots, targets: [] };
    const heads = Array.from(
      { length: Math.ceil(own.length / APART) },
      (_, n): JobSlot => ({ head: n * APART, touches: false, flushes: false, pages: [page] }),
    );
    while (heads.length > 0) compiler.run({ id: 0, slots: heads.splice(0, BATCH), dropped: [], found: [] });
  }
}
