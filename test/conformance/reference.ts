/**
 * The reference side: reference/reference.c, built with the cross compiler and run under QEMU's user-mode emulation.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { OUTCOMES, RESULT, type Result, SLOTS, STATE, TEST, type Test } from "./state.js";

const COMPILER = "aarch64-linux-gnu-gcc";
const EMULATOR = "qemu-aarch64-static";
/** Without what the engine does not implement, so that its absence is not a difference. */
const CPU = "max,sve=off,sme=off,pauth=off";
const FLAGS = ["-O2", "-static", "-no-pie", "-Wl,-Ttext-segment=0x14000000"];

/** Both tools answer. */
export const referencePresent = [COMPILER, EMULATOR].every(
  (tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0,
);

let built: string | undefined;

/** Path of the program, kept under the hash of its source. */
function program(): string {
  if (built !== undefined) return built;
  const source = fileURLToPath(new URL("./reference/reference.c", import.meta.url));
  const hash = createHash("sha256").update(readFileSync(source)).update(FLAGS.join()).digest("hex").slice(0, 16);
  const folder = join(tmpdir(), "trapframe-conformance");
  const path = join(folder, `reference-${hash}`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const making = `${path}.${process.pid}`;
    execFileSync(COMPILER, [...FLAGS, "-o", making, source], { stdio: ["ignore", "ignore", "inherit"] });
    renameSync(making, path);
  }
  built = path;
  return path;
}

function pack(tests: readonly Test[]): Uint8Array {
  const bytes = new Uint8Array(4 + tests.length * TEST.size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, tests.length, true);
  tests.forEach((test, i) => {
    const at = 4 + i * TEST.size;
    view.setUint32(at + TEST.count, test.words.length, true);
    view.setUint32(at + TEST.isolated, test.isolated ? 1 : 0, true);
    test.words.forEach((word, k) => {
      view.setUint32(at + TEST.words + 4 * k, word, true);
    });
    bytes.set(test.state, at + TEST.state);
  });
  return bytes;
}

/** Runs a batch of at most SLOTS tests. Throws when the program fails. */
export async function runReference(tests: readonly Test[]): Promise<Result[]> {
  if (tests.length > SLOTS) throw new Error(`${tests.length} tests in a batch, ${SLOTS} fit`);
  const child = spawn(EMULATOR, ["-cpu", CPU, program()], { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stdin.on("error", () => {});
  child.stdin.end(pack(tests));
  const status = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
  const out = Buffer.concat(chunks);
  if (status !== 0 || out.length !== tests.length * RESULT.size) {
    const done = Math.floor(out.length / RESULT.size);
    const next = tests[done];
    throw new Error(
      `the reference ended with ${status} after ${done} of ${tests.length} tests` +
        (next ? `; the next was ${next.row}: ${next.words.map((w) => w.toString(16)).join(" ")}` : ""),
    );
  }
  return tests.map((_, i) => {
    const at = i * RESULT.size;
    return {
      outcome: OUTCOMES[out.readUInt32LE(at + RESULT.outcome)] ?? "completed",
      far: out.readBigUInt64LE(at + RESULT.far),
      state: new Uint8Array(out.buffer, out.byteOffset + at + RESULT.state, STATE.size),
    };
  });
}

/** Disassembly of instruction words by the cross binutils, one a line; for messages only. */
export function disassemble(words: readonly number[], address: number): string {
  const objdump = spawnSync(
    "sh",
    [
      "-c",
      `cat > "$0" && aarch64-linux-gnu-objdump -D -b binary -m aarch64 --adjust-vma=${address} "$0"; rm -f "$0"`,
      join(tmpdir(), `trapframe-words-${process.pid}`),
    ],
    { input: Buffer.from(Uint32Array.from(words).buffer), encoding: "utf8" },
  );
  const lines = (objdump.stdout ?? "").split("\n").filter((line) => /^\s*[0-9a-f]+:\t/.test(line));
  return lines.map((line) => line.split("\t").slice(2).join(" ").trim()).join("; ");
}
