/** `monitor log` and `monitor save-image` on the real machine, and `--log` of what is not logged unless asked. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { TargetError } from "../../src/gdb/index.js";
import { type LogCategory, MachineLog } from "../../src/machine/log.js";
import { assemble, Rig, type RigOptions, TEXT } from "./debug-rig.js";

const GUEST = `
      adr   x0, base
      msr   vbar_el1, x0
      mov   x1, #0x09000000
      ldr   w2, [x1, #0x18]
      mov   w3, #65
      strb  w3, [x1]
      svc   #3
      ldr   w0, =0x84000008
      CALL  #0
      b     .
      .balign 2048
base: .space 0x200
      eret
`;

async function logged(categories: readonly LogCategory[], el2: "hosted" | "guest"): Promise<string[]> {
  const lines: string[] = [];
  const source = GUEST.replace("CALL", el2 === "hosted" ? "hvc" : "smc").replace(
    "svc   #3",
    el2 === "hosted" ? "svc #3" : "nop",
  );
  const options = { el2, log: { categories, write: (line: string) => lines.push(line) } };
  const rig = await Rig.create(assemble(source), options as RigOptions);
  await rig.continue();
  return lines;
}

describe("the log", () => {
  it("has exceptions, decoded", async () => {
    const lines = await logged(["exceptions"], "hosted");
    expect(
      lines.some((line) => /^exceptions: CPU0 SVC: immediate 0x3, from EL1 to EL1, at 0x40080018$/.test(line)),
    ).toBe(true);
    expect(
      lines.some((line) => /^exceptions: CPU0 Data Abort .* read of 4 bytes to W2, from EL1 to hosted EL2/.test(line)),
    ).toBe(true);
    expect(lines.at(-1)).toMatch(/HVC: .*PSCI SYSTEM_OFF/);
  });

  it.each(["hosted", "guest"] as const)("has device accesses, EL2 %s", async (el2) => {
    const lines = await logged(["mmio"], el2);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(/^mmio: CPU0 .*reads 0x9000018 \(4 bytes\)/);
    expect(lines[1]).toMatch(/^mmio: CPU0 .*writes 0x9000000 \(1 byte\): 0x41$/);
  });

  it("makes no line for what is off", () => {
    const log = new MachineLog({ categories: ["psci"], write: () => expect.unreachable() });
    log.write("mmio", () => expect.unreachable());
    log.set("psci", false);
    log.write("psci", () => expect.unreachable());
  });

  it("is switched by the monitor, and changes nothing of the run", async () => {
    const lines: string[] = [];
    const run = async (commands: readonly string[]): Promise<unknown[]> => {
      const options = { log: { categories: [], write: (line: string) => lines.push(line) } };
      const rig = await Rig.create(assemble(GUEST.replace("CALL", "hvc")), options as RigOptions);
      for (const command of commands) expect(rig.target.monitor(command, 0)).toMatch(/on /);
      await rig.continue();
      return [rig.machine.stateHash(), rig.machine.scheduler.now()];
    };
    const silent = await run([]);
    expect(lines).toEqual([]);
    expect(await run(["log exceptions on", "log psci on"])).toEqual(silent);
    expect(lines.at(-1)).toBe("psci: SYSTEM_OFF");
    expect(lines.length).toBeGreaterThan(3);
  });

  it.each([
    ["log", /^exceptions +off every exception.*\nmmio +off /],
    ["log nothing on", /^refused: nothing is logged as "nothing"; there are exceptions, mmio/],
    ["log mmio", /^refused: log mmio: on or off/],
    ["log mmio maybe", /^refused: log mmio maybe: on or off/],
  ])("answers %s", async (command, words) => {
    const rig = await Rig.create(assemble("nop"));
    const output = rig.target.monitor(command, 0);
    expect(output instanceof TargetError ? `refused: ${output.text}` : output).toMatch(words);
  });
});

describe("save-image", () => {
  it("writes memory to a new file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "trapframe-image-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const rig = await Rig.create(assemble("nop\nnop\nb .\n"));
    const monitor = (command: string): string => {
      const output = rig.target.monitor(command, 0);
      return output instanceof TargetError ? `refused: ${output.text}` : output;
    };
    const file = join(directory, "code");
    expect(monitor(`save-image ${file} 0x${TEXT.toString(16)} 12`)).toBe(
      `0xc bytes from physical address 0x40080000 on are in ${file}\n`,
    );
    expect(readFileSync(file).toString("hex")).toBe("1f2003d51f2003d500000014");
    expect(monitor(`save-image ${file}`)).toMatch(/^refused: .*code: /);
    const all = join(directory, "ram");
    expect(monitor(`save-image ${all}`)).toContain("0x1000000 bytes from physical address 0x40000000");
    expect(readFileSync(all).subarray(0x80000, 0x8000c).equals(readFileSync(file))).toBe(true);
    for (const wrong of [
      "0x9000000 4",
      "0x40000000",
      "0x40000000 0",
      "0x40000000 0x10000000",
      "0x80000000000 4",
      "x 4",
    ]) {
      expect(monitor(`save-image ${join(directory, "none")} ${wrong}`), wrong).toMatch(/^refused: /);
    }
    expect(existsSync(join(directory, "none"))).toBe(false);
    expect(monitor(`save-image ${join(directory, "no", "where")}`)).toMatch(/^refused: /);
  });
});
