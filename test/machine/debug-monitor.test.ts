/** `monitor` commands and memory views on the real machine. */
import { describe, expect, it } from "vitest";
import { CONTEXT, CPU } from "../../src/engine/layout.js";
import { TargetError } from "../../src/gdb/index.js";
import { mapsOf } from "../../src/machine/debug/maps.js";
import { COMMANDS } from "../../src/machine/debug/monitor/index.js";
import { Tables, walkAll } from "../../src/machine/debug/tables.js";
import { ACCESS, FSC } from "../../src/mmu/walk.js";
import { assemble, Rig, type RigOptions, TEXT } from "./debug-rig.js";

const TABLE = 0x4020_0000n;
const VIRTUAL = 0xffff_ff80_0000_0000n;
const NORMAL = 0x703n;

/**
 * EL1 with the MMU on: a page at VIRTUAL, three more behind it, one a hole away, a 2 MiB block; RAM at its own address.
 */
async function mapped(options: RigOptions = {}): Promise<Rig> {
  const rig = await Rig.create(assemble("nop\nb ."), options);
  const put = (at: bigint, value: bigint): void => void rig.setMemory(at, value, 8);
  put(TABLE + 8n, 0x40000701n);
  put(TABLE + 0x1000n, (TABLE + 0x2000n) | 3n);
  put(TABLE + 0x2000n, (TABLE + 0x3000n) | 3n);
  put(TABLE + 0x2008n, 0x40200701n);
  put(TABLE + 0x3000n, NORMAL | 0x40300000n);
  for (let n = 1n; n < 4n; n++) put(TABLE + 0x3000n + 8n * n, NORMAL | 0x80n | (0x40300000n + 0x1000n * n));
  put(TABLE + 0x3028n, (NORMAL | 0x40305000n) & ~0x400n);
  put(0x4030_0000n, 0x1234n);
  const { vcpu } = rig.machine.cores[0]!;
  if (options.el2 === "guest") vcpu.pstate = 0x3c5;
  for (const [name, value] of [
    ["TTBR0_EL1", TABLE],
    ["TTBR1_EL1", TABLE + 0x1000n],
    ["TCR_EL1", 0xb519_3519n],
    ["MAIR_EL1", 0xffn],
    ["SCTLR_EL1", vcpu.sysreg("SCTLR_EL1") | 1n],
  ] as const) {
    vcpu.setSysreg(name, value);
  }
  vcpu.recomputeModes();
  rig.machine.engine.exports.flushCpu(vcpu.base);
  return rig;
}

function monitor(rig: Rig, command: string, vcpu = 0): string {
  const output = rig.target.monitor(command, vcpu);
  return output instanceof TargetError ? `refused: ${output.text}` : output;
}

describe("help", () => {
  it("explains every command, whose example is taken", async () => {
    const rig = await Rig.create(assemble("nop"), { cpus: 2 });
    const all = monitor(rig, "help");
    for (const { name, example, help } of COMMANDS) {
      expect(all).toContain(`${help}; ${example}`);
      expect(monitor(rig, `help ${name}`)).toMatch(new RegExp(`^monitor ${name}[^]*example: monitor ${name}`));
      // That would leave its file here: debug-log.test.ts has it.
      if (name === "save-image") continue;
      expect(monitor(rig, example.replace("monitor ", "")), example).not.toMatch(
        /^refused: (usage|no monitor|".*" may be)/,
      );
    }
  });

  it.each([
    ["sysreg", "refused: usage: monitor sysreg NAME [VALUE]"],
    ["stats now", "refused: usage: monitor stats"],
    ["walk 12g", 'refused: "12g" is no number: 4096 or 0x1000'],
    ["walk $nothing", 'refused: "$nothing": there is no register or variable $nothing'],
    ["walk $x0/0", 'refused: "$x0/0": division by zero'],
    ["walk (long)$pc", 'refused: "(long)$pc": "long" is no value: numbers, $registers, *(u64) ADDRESS'],
    [
      "walk &jiffies",
      'refused: "&jiffies" is no number: 4096 or 0x1000; GDB puts one in with: eval "monitor … %#lx", (long) &jiffies',
    ],
    ["walk 0 el7", 'refused: no regime "el7"; there are el0, el1, el2, el3, ipa'],
    ["view el9", 'refused: no view "el9"; there are current, el0, el1, el2, el3, ipa, pa'],
    ["power on 7 0", "refused: there is no CPU7: the machine has 1, from 0"],
    ["info", 'refused: no monitor command "info"; there are info cores, info cpus, info registers'],
    ["power up 1", 'refused: no monitor command "power up 1"; there are power on, power off, power key'],
    ["nonsense", 'refused: no monitor command "nonsense"; see: monitor help'],
    ["sysreg s3_0_c15_c9_7", "refused: there is no system register s3_0_c15_c9_7"],
    ["sysreg SCTLR_EL9", "refused: there is no system register SCTLR_EL9"],
    ["sysreg TTBR1_EL2", "refused: TTBR1_EL2 is not present: cortex-a72 does not have it"],
    ["sysreg ICC_EOIR1_EL1", "refused: ICC_EOIR1_EL1 is write-only"],
    ["mmio read 0x9000001 4", "refused: 0x9000001 is no multiple of 4"],
    ["inject irq 5000", "refused: INTID 5000: the GIC has 0 to 287, and LPIs from 8192"],
  ])("%s: %s", async (command, text) => {
    const rig = await Rig.create(assemble("nop"));
    expect(monitor(rig, command)).toBe(text);
  });
});

describe("arguments with registers", () => {
  it("are expressions", async () => {
    const rig = await mapped();
    const [core] = rig.machine.cores;
    core!.vcpu.setX(3, VIRTUAL + 0x1000n);
    rig.setMemory(TEXT + 0x100n, VIRTUAL, 8);
    expect(monitor(rig, "walk $x3-0x1000")).toBe(monitor(rig, `walk 0x${VIRTUAL.toString(16)}`));
    expect(monitor(rig, "walk *(u64)($pc+0x100)")).toBe(monitor(rig, `walk 0x${VIRTUAL.toString(16)}`));
    monitor(rig, "sysreg VBAR_EL1 $TTBR0_EL1|0x800");
    expect(core!.vcpu.sysreg("VBAR_EL1")).toBe(TABLE + 0x800n);
  });

  it("are the selected vCPU's", async () => {
    const rig = await Rig.create(assemble("nop"), { cpus: 2 });
    rig.machine.cores[1]!.vcpu.setX(0, 0x1234n);
    expect(monitor(rig, "walk $x0", 1)).toContain("0x1234 is at physical address 0x1234");
  });

  it("stay what they are where a command takes text", async () => {
    const rig = await Rig.create(assemble("nop"));
    expect(monitor(rig, "condition $pc+4 $x0 == 7")).toBe(`0x${(TEXT + 4n).toString(16)}: $x0 == 7\n`);
  });
});

describe("tables", () => {
  it("are those of the view where no regime is named", async () => {
    const rig = await mapped({ el2: "guest" });
    rig.machine.cores[0]!.vcpu.pstate = 0x3c9;
    const at = `0x${VIRTUAL.toString(16)}`;
    const asked = [`walk ${at}`, "maps"] as const;
    const current = asked.map((command) => monitor(rig, command));
    expect(current[0]).toContain("stage 1 is off in regime el2");
    for (const view of ["el1", "ipa"] as const) {
      monitor(rig, `view ${view}`);
      for (const command of asked) expect(monitor(rig, command)).toBe(monitor(rig, `${command} ${view}`));
    }
    monitor(rig, "view pa");
    expect(asked.map((command) => monitor(rig, command))).toEqual(current);
    expect(monitor(rig, "maps pa")).toMatch(/^refused: no regime "pa"/);
  });

  it.each(["hosted", "guest"] as const)("are walked as the guest's own walk does, EL2 %s", async (el2) => {
    const rig = await mapped({ el2 });
    const { vcpu } = rig.machine.cores[0]!;
    const tables = new Tables(rig.machine, vcpu);
    const probes = [0n, 1n, 5n, 0x200n, 0x3ffn, 0x400n].map((n) => VIRTUAL + 0x1000n * n + 0x123n);
    let mappedOnes = 0;
    for (const va of [...probes, TEXT, 0n, 1n << 45n, VIRTUAL - 1n, 0x7f_c000_0000n]) {
      const fault = rig.machine.engine.exports.walk(vcpu.base, CONTEXT.el10, va, ACCESS.read);
      const ours = walkAll(tables, "el1", va);
      if (fault === 0) {
        mappedOnes++;
        expect(ours.pa, va.toString(16)).toBe(vcpu.get64(CPU.walkPa));
      } else {
        const names: Record<number, string> = { [FSC.translation]: "translation", [FSC.accessFlag]: "access flag" };
        expect(ours.failure?.why, va.toString(16)).toMatch(new RegExp(`^${names[fault & 0x3c]} fault`));
        expect(ours.failure?.stage).toBe(fault & 0x100 ? 2 : 1);
        if (ours.stage1 !== undefined) expect(ours.failure?.level).toBe(fault & 3);
      }
    }
    expect(mappedOnes).toBeGreaterThan(3);
  });

  it("whose flags hardware keeps are read as the guest's accesses would find them", async () => {
    const rig = await mapped({ cpu: "max" });
    const { vcpu } = rig.machine.cores[0]!;
    // FEAT_HAFDBS: page 5 has no access flag, page 1 is read-only and has DBM.
    rig.setMemory(TABLE + 0x3008n, NORMAL | 0x80n | 0x40301000n | (1n << 51n), 8);
    for (const [bits, accessed, written] of [
      [0n, "access flag fault at stage 1", "EL1 r-x"],
      [1n << 39n, "is at physical address 0x40305000", "EL1 r-x"],
      [1n << 40n, "access flag fault at stage 1", "EL1 r-x"],
      [3n << 39n, "is at physical address 0x40305000", "EL1 rwx"],
    ] as const) {
      vcpu.setSysreg("TCR_EL1", 0xb519_3519n | bits);
      const finds = (page: bigint, access: number): boolean => {
        vcpu.set32(CPU.walkQuiet, 1);
        const fault = rig.machine.engine.exports.walk(vcpu.base, CONTEXT.el10, VIRTUAL + 0x1000n * page, access);
        vcpu.set32(CPU.walkQuiet, 0);
        return fault === 0;
      };
      const walk = (page: bigint): string => monitor(rig, `walk 0x${(VIRTUAL + 0x1000n * page).toString(16)}`);
      expect(finds(5n, ACCESS.read), `${bits}`).toBe(!accessed.includes("fault"));
      expect(walk(5n)).toContain(accessed);
      expect(finds(1n, ACCESS.write), `${bits}`).toBe(written.includes("w"));
      expect(walk(1n)).toContain(written);
    }
  });

  it("of stage 2 forbid execution to one level alone (FEAT_XNX)", async () => {
    const rig = await mapped({ cpu: "max", el2: "guest" });
    const { vcpu } = rig.machine.cores[0]!;
    // 39 bits from level 1, outputs of 40 bits; a block of 1 GiB.
    for (const [name, value] of [
      ["VTCR_EL2", 0x8002_3559n],
      ["VTTBR_EL2", TABLE + 0x4000n],
      ["HCR_EL2", 0x8000_0001n],
    ] as const) {
      vcpu.setSysreg(name, value);
    }
    vcpu.recomputeModes();
    for (const [xn, words] of [
      [0n, "rwx, MemAttr"],
      [1n, "EL1 rw-, EL0 rwx, MemAttr"],
      [2n, "rw-, MemAttr"],
      [3n, "EL1 rwx, EL0 rw-, MemAttr"],
    ] as const) {
      rig.machine.engine.writePhysical(
        TABLE + 0x4008n,
        Buffer.from(new BigUint64Array([0x4000_07fdn | (xn << 53n)]).buffer),
      );
      rig.machine.engine.exports.flushCpu(vcpu.base);
      const executes = (context: number): boolean =>
        rig.machine.engine.exports.walk(vcpu.base, context, TEXT, ACCESS.execute) === 0;
      expect(monitor(rig, `walk 0x${TEXT.toString(16)} ipa`)).toContain(`1 GiB, ${words}`);
      expect([executes(CONTEXT.el10), executes(CONTEXT.el10User)]).toEqual([
        /^(EL1 )?rwx/.test(words),
        /^(rwx|.*EL0 rwx)/.test(words),
      ]);
    }
  });

  it("are printed level by level, both stages", async () => {
    const rig = await mapped();
    const text = monitor(rig, `walk 0x${(VIRTUAL + 0x1008n).toString(16)}`);
    expect(text).toMatch(/^stage 1: TTBR1_EL1 = 0x40201000, 4 KiB granule, 39-bit addresses$/m);
    expect(text).toMatch(/^ {2}level 3 \[ {3}1\] at 0x40203008: 0x0000000040301783 page$/m);
    expect(text).toMatch(/output 0x40301008, 4 KiB, EL1 r-x, EL0 --x, MAIR 0xff Normal$/m);
    expect(text).toMatch(/^stage 2: VTTBR_EL2/m);
    expect(text).toMatch(/is at physical address 0x40301008\n$/);
    expect(monitor(rig, "walk 0xdeadbeefdeadbeef el1")).toMatch(
      /^0xdeadbeefdeadbeef: translation fault \(it is outside the \d+-bit range of TCR_EL1\) at stage 1 level 0\n$/,
    );
    expect(monitor(rig, `walk 0x${(VIRTUAL + 0x5000n).toString(16)} el1`)).toMatch(
      /access flag fault at stage 1 level 3\n$/,
    );
  });

  it("are none where stage 1 is off: what is no physical address ends there", async () => {
    const rig = await Rig.create(assemble("nop"));
    const { vcpu } = rig.machine.cores[0]!;
    const walk = rig.machine.engine.exports.walk;
    for (const [tcr, va] of [
      [0n, 0x1000_4008_0000n],
      [0n, 0xff00_0000_4008_0000n],
      [1n << 38n, 0xff80_0000_4008_0000n],
      [1n << 38n, 0xff00_0000_4008_0000n],
      [1n << 37n, 0xff00_0000_4008_0000n],
    ] as const) {
      vcpu.setSysreg("TCR_EL1", tcr);
      const fault = walk(vcpu.base, CONTEXT.el10, va, ACCESS.read);
      const at = `0x${va.toString(16)}`;
      if (fault === 0) {
        const pa = vcpu.get64(CPU.walkPa).toString(16);
        expect(monitor(rig, `walk ${at}`)).toMatch(
          new RegExp(`^stage 1 is off in regime el1\nstage 2: [^]*\n${at} is at physical address 0x${pa}\n$`),
        );
        continue;
      }
      // An address size fault at level 0 of stage 1.
      expect(fault & 0xff).toBe(FSC.addressSize);
      expect(monitor(rig, `walk ${at}`)).toBe(
        "stage 1 is off in regime el1\n" +
          `${at}: address size fault (physical addresses have 44 bits) at stage 1 level 0\n`,
      );
    }
  });

  it("are merged into ranges", async () => {
    const rig = await mapped();
    const lines = monitor(rig, "maps el1").split("\n");
    expect(lines[0]).toMatch(/^0x0000000040000000-0x000000007fffffff -> 0x000040000000 EL1 rwx/);
    expect(lines[2]).toMatch(/^0xffffff8000001000-0xffffff8000003fff -> 0x000040301000 EL1 r-x/);
    expect(monitor(rig, "maps ipa")).toMatch(
      /0x0000000040000000-0x0000000040ffffff -> 0x000040000000 rwx, MemAttr 0xf/,
    );
    expect(mapsOf(new Tables(rig.machine, rig.machine.cores[0]!.vcpu), "el2")[0]).toMatch(/^stage 1 is off/);
  });
});

describe("views", () => {
  it("read through any regime, by IPA and physically", async () => {
    const rig = await mapped();
    expect(rig.memory(VIRTUAL, 8)).toBe(0x1234n);
    rig.setRegister(33, 0x3c0n);
    monitor(rig, "view el1");
    expect(rig.memory(VIRTUAL, 8)).toBe(0x1234n);
    monitor(rig, "view pa");
    expect(rig.memory(0x4030_0000n, 8)).toBe(0x1234n);
    expect(rig.memory(VIRTUAL, 8)).toMatch(/no RAM and no device at this physical address/);
    monitor(rig, "view ipa");
    expect(rig.memory(0x4030_0000n, 8)).toBe(0x1234n);
    expect(rig.memory(0x0b00_0000n, 8)).toMatch(
      /^IPA 0xb000000: translation fault at stage 2 level \d, descriptor 0x0 at 0x\w+, VTTBR_EL2 = 0x/,
    );
    expect(typeof rig.memory(0x0900_0018n, 4)).toBe("bigint");
    monitor(rig, "view el2");
    expect(rig.memory(0x4030_0000n, 8)).toBe(0x1234n);
    expect(monitor(rig, "view current")).toBe("memory view: current\n");
    monitor(rig, "view pa");
    expect(rig.target.physicalMemory).toBe(true);
    rig.target.detach();
    expect(rig.target.physicalMemory).toBe(false);
  });

  it("of a Non-secure level show no Secure memory, as the level would not see it", async () => {
    const rig = await Rig.create(assemble("b ."), { el2: "guest", el3: "guest" });
    const { vcpu } = rig.machine.cores[0]!;
    const [ram, uart] = [0x0e00_0000n, 0x0904_0fe0n];
    const seen = (view: string): unknown[] => {
      monitor(rig, `view ${view}`);
      return [rig.memory(ram, 8), rig.memory(uart, 4)];
    };
    const shown = [0x1234n, 0x11n];
    expect(rig.setMemory(ram, 0x1234n, 8)).toBeUndefined();
    expect(seen("el1")).toEqual(shown);
    vcpu.setSysreg("SCR_EL3", vcpu.sysreg("SCR_EL3") | 1n);
    vcpu.recomputeModes();
    for (const view of ["current", "el3", "pa"]) expect(seen(view), view).toEqual(shown);
    for (const view of ["el1", "el2", "ipa"]) {
      expect(seen(view), view).toEqual([
        "0xe000000: Secure memory at a Non-secure address; monitor view pa shows it",
        "0x9040fe0: Secure memory at a Non-secure address; monitor view pa shows it",
      ]);
      expect(rig.setMemory(ram, 0n, 8)).toContain("Secure memory");
    }
    vcpu.pstate = 0x3c5;
    vcpu.recomputeModes();
    expect(seen("current")[0]).toContain("Secure memory");
    expect(seen("pa")).toEqual(shown);
  });
});

describe("the machine", () => {
  it("shows and sets registers", async () => {
    const rig = await Rig.create(assemble("nop"));
    expect(monitor(rig, "sysreg vbar_el1 0x1000")).toMatch(/^VBAR_EL1 written/);
    expect(monitor(rig, "sysreg VBAR_EL1")).toBe("VBAR_EL1 = 0x0000000000001000\n");
    expect(monitor(rig, "info registers exception")).toMatch(/^VBAR_EL1 +0x0000000000001000$/m);
    expect(monitor(rig, "info registers exception")).not.toContain("SCTLR");
    expect(monitor(rig, "sysreg S3_0_C12_C0_0 0x2000")).toMatch(/^VBAR_EL1 written/);
    expect(monitor(rig, "sysreg s3_0_c12_c0_0")).toBe("VBAR_EL1 = 0x0000000000002000\n");
  });

  it("shows exits and power states, and changes those", async () => {
    const rig = await Rig.create(assemble("ldr x0, =0xc4000003\nmov x1, #1\nadr x2, on\nhvc #0\non: b ."), { cpus: 2 });
    for (let n = 0; n < 4; n++) await rig.step();
    expect(monitor(rig, "exits")).toMatch(/^CpuUp +1\n.* s CPU0 CpuUp targetCpu=0x1 entryPoint=0x\w+ arg=/);
    expect(monitor(rig, "psci")).toMatch(/^CPU1: affinity 0x1, EL1 running$/m);
    expect(monitor(rig, "power off 1")).toBe("CPU1 is off\n");
    expect(rig.target.vcpus()[1]?.state).toBe("halted (PSCI off)");
    expect(monitor(rig, `power on 1 0x${TEXT.toString(16)} 0x55`)).toMatch(/^CPU1 is on/);
    expect([rig.pc(1), rig.x(0, 1)]).toEqual([TEXT, 0x55n]);
  });

  it("reads and writes device registers, injects interrupts", async () => {
    const rig = await Rig.create(assemble("nop"));
    monitor(rig, "mmio write 0x9000000 0x41 1");
    expect(rig.console).toBe("A");
    expect(monitor(rig, "mmio read 0x9000fe0 4")).toBe("0x9000fe0: 0x00000011\n");
    expect(monitor(rig, "mmio read 0x0b000000 4")).toMatch(/refused: .*no device is mapped/);
    monitor(rig, "inject irq 40");
    expect(monitor(rig, "gic")).toMatch(/INTID 40 .*: pending$/m);
    monitor(rig, "inject serror");
    expect(monitor(rig, "sysreg ISR_EL1")).toBe("ISR_EL1 = 0x0000000000000100\n");
    const map = monitor(rig, "devices");
    expect(map).toMatch(/0x000040000000-0x000040ffffff ram/);
    expect(map.match(/ flash0$/gm)).toHaveLength(1);
  });

  it("injects LPIs and shows those that are pending", async () => {
    const rig = await Rig.create(assemble("nop"), { cpus: 2 });
    const refused = (why: string): string => `refused: INTID 8193: CPU1 cannot have it pending: ${why}`;
    expect(monitor(rig, "inject irq 8193", 1)).toBe(refused("GICR_CTLR.EnableLPIs is 0"));
    monitor(rig, "mmio write 0x80c0070 0x4040000c 8");
    monitor(rig, "mmio write 0x80c0000 1 4");
    expect(monitor(rig, "inject irq 8193", 1)).toBe(refused("GICR_PROPBASER.IDbits is too small for it"));
    monitor(rig, "mmio write 0x80c0000 0 4");
    expect(monitor(rig, "inject irq 4000")).toMatch(/the GIC has 0 to \d+, and LPIs from 8192$/m);
    // CPU1's GICR_PROPBASER with 14 bits of INTIDs, GICR_PENDBASER, GICR_CTLR.EnableLPIs; LPI 8193's configuration.
    monitor(rig, "mmio write 0x80c0070 0x4040000d 8");
    monitor(rig, "mmio write 0x80c0078 0x40410000 8");
    monitor(rig, "mmio write 0x80c0000 1 4");
    rig.setMemory(0x4040_0001n, 0xa1n, 1);
    for (const _ of ["", "again"]) expect(monitor(rig, "inject irq 8193", 1)).toBe("INTID 8193 is pending\n");
    expect(monitor(rig, "gic")).toMatch(
      /^CPU1: (?:.*\n)+ {2}INTID 8193 group 1NS priority 0xa0 edge: enabled, pending$/m,
    );
    const interrupts = rig.target.osTables!().find(({ type }) => type === "interrupts");
    expect(interrupts?.rows()).toContainEqual({
      INTID: "8193",
      CPU: "CPU1",
      Group: "1NS",
      Priority: "0xa0",
      Trigger: "edge",
      State: "enabled, pending",
    });
    expect(monitor(rig, "inject irq 16384", 1)).toMatch(/^refused/);
  });

  it("says so where a table of the debugger's has no rows", async () => {
    const rig = await Rig.create(assemble("nop"), { el2: "guest" });
    const rows = (type: string) =>
      rig.target.osTables!()
        .find((table) => table.type === type)
        ?.rows();
    expect(rows("stage2")).toEqual([{ "Stage 2": expect.stringMatching(/^off /) }]);
    expect(rows("interrupts")).toEqual([{ Interrupts: expect.stringMatching(/^none /) }]);
  });

  it("shows what the ITS maps, and hits no watchpoint by that", async () => {
    const rig = await Rig.create(assemble("b ."), { cpus: 2 });
    // CPU1's LPIs as above; GITS_CBASER, the device and the collection table, GITS_CTLR.
    monitor(rig, "mmio write 0x80c0070 0x4040000d 8");
    monitor(rig, "mmio write 0x80c0078 0x40410000 8");
    monitor(rig, "mmio write 0x80c0000 1 4");
    rig.setMemory(0x4040_0001n, 0xa1n, 1);
    monitor(rig, "mmio write 0x8080080 0x8000000040420000 8");
    monitor(rig, "mmio write 0x8080100 0x8000000040430000 8");
    monitor(rig, "mmio write 0x8080108 0x8000000040440000 8");
    monitor(rig, "mmio write 0x8080000 1 4");
    expect(monitor(rig, "gic")).toMatch(/^ITS: enabled$/m);
    // MAPC 3 to CPU1, MAPD 8 with 4 bits of EventID, MAPTI event 2 as INTID 8193, event 5 with a collection of none.
    const commands = [
      [0x09n, 0n, (1n << 63n) | (1n << 16n) | 3n],
      [0x08n | (8n << 32n), 3n, (1n << 63n) | 0x4045_0000n],
      [0x0an | (8n << 32n), 2n | (8193n << 32n), 3n],
      [0x0an | (8n << 32n), 5n | (8194n << 32n), 4n],
    ];
    for (const [n, words] of commands.entries()) {
      for (const [at, word] of words.entries()) rig.setMemory(0x4042_0000n + BigInt(32 * n + 8 * at), word, 8);
    }
    monitor(rig, `mmio write 0x8080088 ${32 * commands.length} 8`);
    // An observer looks while the machine runs.
    rig.point({ kind: "access", address: 0x4040_0000n, length: 0x6_0000 });
    const stop = rig.continue();
    await new Promise((resolve) => setImmediate(resolve));
    const gic = monitor(rig, "gic");
    expect(gic).toContain(
      [
        "ITS: enabled, ICID 3 is CPU1",
        "  DeviceID 0x8: 4 bits of EventID, table at 0x40450000",
        "    EventID 2: INTID 8193, ICID 3, to CPU1",
        "    EventID 5: INTID 8194, ICID 4, which is not mapped",
        "",
      ].join("\n"),
    );
    expect(gic).toMatch(/^CPU1: (?:.*\n)+ {2}INTID 8193 group 1NS priority 0xa0 edge: enabled$/m);
    const interrupts = rig.target.osTables!().find(({ type }) => type === "interrupts");
    expect(interrupts?.rows().find(({ INTID }) => INTID === "8193")).toMatchObject({ CPU: "CPU1", State: "enabled" });
    rig.target.interrupt();
    expect((await stop).reason).toEqual({ kind: "interrupt" });
  });

  it("shows timers and TLBs", async () => {
    const rig = await mapped();
    await rig.step();
    expect(monitor(rig, "timer")).toMatch(/CNTV_EL0 +off, CVAL 0$/m);
    expect(monitor(rig, "tlb")).toMatch(/^el10\w* +ASID 0 VMID 1: \d+ of 16384 entries$/m);
  });
});
