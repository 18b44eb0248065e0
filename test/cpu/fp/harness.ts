// The reference: a static AArch64 program, built here and run under QEMU's user-mode emulation, that executes the
// real instruction on each record it is sent and returns the result with FPSR.

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Instruction } from "./instructions.js";

const COMPILER = "aarch64-linux-gnu-gcc";
const EMULATOR = "qemu-aarch64-static";

/** One execution: which instruction (by place in the list), FPCR, and up to three operands. */
export interface Execution {
  readonly index: number;
  readonly fpcr: number;
  readonly a: bigint;
  readonly b: bigint;
  readonly c: bigint;
}

export interface Outcome {
  readonly bits: bigint;
  readonly flags: number;
}

/** Both tools answer; without them only the recorded vectors can be checked. */
export const toolsPresent = [COMPILER, EMULATOR].every(
  (tool) => spawnSync(tool, ["--version"], { stdio: "ignore" }).status === 0,
);

function assembly(instructions: readonly Instruction[]): string {
  const bodies = instructions.map(
    ({ asm }, i) => `case${i}:
  ldr w2, [x0, #4]
  msr fpcr, x2
  ldp d0, d1, [x0, #8]
  ldr d2, [x0, #24]
  ldr x3, [x0, #8]
  msr fpsr, xzr
  ${asm}
  mrs x4, fpsr
  msr fpcr, xzr
  stp x9, x4, [x1]
  ret`,
  );
  const table = instructions.map((_, i) => `  .quad case${i}`);
  return `.arch armv8.5-a+fp16+fp16fml+bf16
.text
${bodies.join("\n")}
.data
.balign 8
.globl cases
cases:
${table.join("\n")}
`;
}

const MAIN = `
#include <stdint.h>
#include <stdio.h>
struct in { uint32_t index, fpcr; uint64_t a, b, c; };
struct out { uint64_t bits, fpsr; };
extern void (*cases[])(const struct in *, struct out *);
int main(void) {
  static struct in in[4096];
  static struct out out[4096];
  size_t n;
  while ((n = fread(in, sizeof in[0], 4096, stdin)) > 0) {
    for (size_t i = 0; i < n; i++) cases[in[i].index](&in[i], &out[i]);
    fwrite(out, sizeof out[0], n, stdout);
  }
  return 0;
}
`;

const IN_SIZE = 32;
const OUT_SIZE = 16;

/** Executes every record on the reference, in order. */
export function executeOnReference(
  instructions: readonly Instruction[],
  executions: readonly Execution[],
): readonly Outcome[] {
  const directory = mkdtempSync(join(tmpdir(), "trapframe-fp-"));
  try {
    const sources = [join(directory, "cases.s"), join(directory, "main.c")] as const;
    const program = join(directory, "reference");
    writeFileSync(sources[0], assembly(instructions));
    writeFileSync(sources[1], MAIN);
    execFileSync(COMPILER, ["-static", "-O1", "-o", program, ...sources]);
    const input = Buffer.alloc(executions.length * IN_SIZE);
    executions.forEach(({ index, fpcr, a, b, c }, i) => {
      const at = i * IN_SIZE;
      input.writeUInt32LE(index, at);
      input.writeUInt32LE(fpcr, at + 4);
      input.writeBigUInt64LE(a, at + 8);
      input.writeBigUInt64LE(b, at + 16);
      input.writeBigUInt64LE(c, at + 24);
    });
    const maxBuffer = executions.length * OUT_SIZE + 4096;
    const output = execFileSync(EMULATOR, ["-cpu", "max", program], { input, maxBuffer });
    return executions.map((_, i) => ({
      bits: output.readBigUInt64LE(i * OUT_SIZE),
      flags: Number(output.readBigUInt64LE(i * OUT_SIZE + 8)),
    }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
