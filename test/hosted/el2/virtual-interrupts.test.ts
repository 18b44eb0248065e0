/**
 * Interrupts through hosted EL2 with the real GIC: acknowledged there, handed over in list registers, ended by the
 * guest.
 */
import { describe, expect, it } from "vitest";
import { LrState, packLr, unpackLr } from "../../../src/hosted/el2/list-register.js";
import { DEVICE, GICD, GICR, Machine, RAM, SGI_FRAME } from "../rig.js";

const VTIMER = 27;
const SPURIOUS = 1023;
/** SPI numbers count from INTID 32. */
const spi = (n: number): number => 32 + n;

function start(options: ConstructorParameters<typeof Machine>[0] = {}): Machine {
  const machine = new Machine(options);
  for (const cpu of machine.vcpus.keys()) machine.start(cpu);
  return machine.startGic();
}

function enable(machine: Machine, intid: number, cpu = 0): void {
  if (intid < 32) machine.poke(SGI_FRAME + cpu * 0x2_0000 + 0x100, (1 << intid) >>> 0);
  else machine.poke(GICD + 0x100 + 4 * (intid >> 5), (1 << (intid & 31)) >>> 0);
}

const isActive = (machine: Machine, intid: number): boolean =>
  ((machine.gic.distributor.peek(0x300 + 4 * (intid >> 5), 4) >> BigInt(intid & 31)) & 1n) === 1n;

/** The guest's handler: acknowledge, end. */
function serve(machine: Machine, cpu = 0): number {
  const intid = machine.icv("ICC_IAR1_EL1", cpu);
  if (intid !== SPURIOUS) machine.setIcv("ICC_EOIR1_EL1", intid, cpu);
  machine.pump();
  return intid;
}

/** Everything the guest gets until nothing is signalled. */
function serveAll(machine: Machine, cpu = 0): number[] {
  const served: number[] = [];
  machine.pump();
  while (machine.lines[cpu]?.virq.level) {
    served.push(serve(machine, cpu));
    if (served.length > 1000) throw new Error("a storm of interrupts in the guest");
  }
  return served;
}

const sendSgi = (machine: Machine, value: bigint, cpu = 0): void => {
  machine.vcpu(cpu).setX(4, value);
  machine.trap((0x18n << 26n) | (1n << 25n) | 0x3a_3016n | (4n << 5n), { cpu });
};

describe("one interrupt", () => {
  it.each([
    { what: "a timer's PPI", intid: VTIMER },
    { what: "the first PPI", intid: 16 },
    { what: "a device's SPI", intid: spi(1) },
  ])("$what: EL2 acknowledges it, the guest's EOI deactivates it", ({ intid }) => {
    const machine = start();
    enable(machine, intid);
    machine.exits.length = 0;
    const wire = intid < 32 ? machine.gic.ppi(0, intid - 16) : machine.gic.spi(intid - 32);
    wire.set(true);
    expect(machine.lines[0]?.irq.level).toBe(true);
    machine.pump();
    expect(machine.exits).toEqual([{ reason: "ExternalInterrupt", vector: intid }]);
    expect(machine.lines[0]).toMatchObject({ irq: { level: false }, virq: { level: true } });
    expect(machine.icv("ICC_IAR1_EL1")).toBe(intid);
    expect(machine.icv("ICC_RPR_EL1"), "the guest sees the priority it set").toBe(0xa0);
    wire.set(false);
    machine.setIcv("ICC_EOIR1_EL1", intid);
    expect(serveAll(machine)).toEqual([]);
    wire.set(true);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1"), "it comes again").toBe(intid);
  });

  it("a wire that is still high after EOI interrupts again", () => {
    const machine = start();
    enable(machine, spi(1));
    const wire = machine.gic.spi(1);
    wire.set(true);
    machine.pump();
    expect(serve(machine)).toBe(spi(1));
    expect(serve(machine)).toBe(spi(1));
    wire.set(false);
    machine.hypervisor.resample(machine.vcpu());
    expect(serve(machine)).toBe(SPURIOUS);
  });

  it("with EOImode = 1 in the guest EOIR drops the priority and DIR deactivates", () => {
    const machine = start();
    enable(machine, spi(1));
    machine.setIcv("ICC_CTLR_EL1", 2);
    const wire = machine.gic.spi(1);
    wire.set(true);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(spi(1));
    machine.setIcv("ICC_EOIR1_EL1", spi(1));
    machine.pump();
    expect(machine.icv("ICC_RPR_EL1")).toBe(0xff);
    expect(isActive(machine, spi(1))).toBe(true);
    expect(machine.lines[0]?.virq.level, "active: not signalled again though its wire is high").toBe(false);
    machine.setIcv("ICC_DIR_EL1", spi(1));
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(spi(1));
  });

  it("an interrupt of Group 0 is an FIQ, at EL2 and in the guest", () => {
    const machine = start();
    machine.poke(GICD + 0x84, 0);
    machine.setIcv("ICC_IGRPEN0_EL1", 1);
    enable(machine, spi(2));
    machine.gic.spi(2).set(true);
    expect(machine.lines[0]).toMatchObject({ irq: { level: false }, fiq: { level: true } });
    machine.pump();
    expect(machine.exits.at(-1)).toEqual({ reason: "ExternalInterrupt", vector: spi(2) });
    expect(machine.lines[0]?.vfiq.level).toBe(true);
    expect(machine.icv("ICC_IAR0_EL1")).toBe(spi(2));
  });

  it("an exit without an interrupt is Nothing", () => {
    const machine = start();
    expect(machine.trap(0n, { offset: 0x480 }).kind).toBe("resume");
    expect(machine.exits).toEqual([{ reason: "Nothing" }]);
  });
});

describe("EL2's own registers, written by a debugger", () => {
  it.each([
    { register: "ICH_LR1_EL2", value: 1n << 41n, what: "a list register that asks to be told of its end" },
    { register: "ICH_HCR_EL2", value: 0xffn, what: "every condition there is" },
  ] as const)("$register: $what does not interrupt for ever, and interrupts go on", ({ register, value }) => {
    const machine = start();
    machine.gic.cpuInterface(0).write(register, { el: 2, secure: false, virtual: false }, value);
    expect(machine.lines[0]?.irq.level).toBe(true);
    machine.pump();
    expect(machine.lines[0]?.irq.level).toBe(false);
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(spi(1));
  });

  it("ICC_CTLR_EL1: an interrupt whose end is EL2's alone does not come for ever, either", () => {
    const machine = start();
    machine.gic.cpuInterface(0).write("ICC_CTLR_EL1", { el: 2, secure: false, virtual: false }, 0n);
    enable(machine, VTIMER);
    machine.gic.ppi(0, VTIMER - 16).set(true);
    machine.pump();
    expect(serve(machine)).toBe(VTIMER);
  });
});

describe("level-sensitive wires that fall before the guest looks", () => {
  it("by a device register: the guest finds nothing", () => {
    const machine = start();
    enable(machine, spi(1));
    const wire = machine.gic.spi(1);
    wire.set(true);
    machine.pump();
    machine.device.touched = () => wire.set(false);
    machine.poke(DEVICE, 0);
    expect(machine.lines[0]?.virq.level).toBe(false);
    expect(machine.icv("ICC_IAR1_EL1")).toBe(SPURIOUS);
    expect(isActive(machine, spi(1))).toBe(false);
    wire.set(true);
    machine.pump();
    expect(serve(machine), "and is served when it rises again").toBe(spi(1));
  });

  it("by another vCPU: the one that holds it loses it", () => {
    const machine = start({ cpus: 2 });
    enable(machine, spi(1));
    const wire = machine.gic.spi(1);
    wire.set(true);
    machine.pump();
    machine.device.touched = () => wire.set(false);
    machine.vcpu(1).setX(1, 0n);
    machine.mmio(DEVICE, true, { reg: 1, cpu: 1 });
    expect(machine.icv("ICC_IAR1_EL1", 0)).toBe(SPURIOUS);
  });

  it("without an exit, as a timer's: resample takes it away", () => {
    const machine = start();
    enable(machine, VTIMER);
    machine.vcpu().setSysreg("CNTV_CTL_EL0", 1n);
    machine.timers[0]?.update();
    machine.pump();
    expect(machine.lines[0]?.virq.level).toBe(true);
    machine.vcpu().setSysreg("CNTV_CVAL_EL0", 1000n);
    machine.timers[0]?.update();
    machine.hypervisor.resample(machine.vcpu());
    expect(machine.lines[0]?.virq.level).toBe(false);
    machine.time = 4000n;
    machine.timers[0]?.update();
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(VTIMER);
  });

  it("while it waits behind more urgent ones: it never comes", () => {
    const machine = start({ listRegisters: 1 });
    for (const n of [1, 2, 3]) {
      machine.poke(GICD + 0x400 + spi(n), 0x40 + 0x10 * n, 1);
      enable(machine, spi(n));
      machine.gic.spi(n).set(true);
      machine.pump();
    }
    machine.gic.spi(2).set(false);
    machine.hypervisor.resample(machine.vcpu());
    expect(isActive(machine, spi(2))).toBe(false);
    expect(machine.icv("ICC_IAR1_EL1")).toBe(spi(1));
    machine.gic.spi(1).set(false);
    machine.setIcv("ICC_EOIR1_EL1", spi(1));
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(spi(3));
  });

  it("does not take away what the guest has acknowledged", () => {
    const machine = start();
    enable(machine, spi(1));
    const wire = machine.gic.spi(1);
    wire.set(true);
    machine.pump();
    machine.icv("ICC_IAR1_EL1");
    wire.set(false);
    machine.hypervisor.resample(machine.vcpu());
    expect(machine.icv("ICC_RPR_EL1")).toBe(0xa0);
    expect(isActive(machine, spi(1))).toBe(true);
  });

  it("an edge stays pending though its wire has fallen", () => {
    const machine = start();
    machine.poke(GICD + 0xc08, 0b1000);
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.gic.spi(1).set(false);
    machine.pump();
    machine.poke(DEVICE, 0);
    machine.hypervisor.resample(machine.vcpu());
    expect(serveAll(machine)).toEqual([spi(1)]);
  });
});

describe("the distributor as the guest sees it", () => {
  const ISPENDR = GICD + 0x204;
  const bit = 1 << 1;

  it("what waits in a list register still reads as pending, not active", () => {
    const machine = start();
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    expect(machine.peek(ISPENDR) & 2n).toBe(2n);
    expect(machine.peek(GICD + 0x304)).toBe(0n);
    machine.pump();
    expect(serve(machine)).toBe(spi(1));
  });

  it("disabling it takes it back, enabling brings it again", () => {
    const machine = start();
    machine.poke(GICD + 0xc08, 0b1000);
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    machine.poke(GICD + 0x184, bit);
    expect(serveAll(machine)).toEqual([]);
    machine.poke(GICD + 0x104, bit);
    expect(serveAll(machine)).toEqual([spi(1)]);
  });

  it("clearing it pending (ICPENDR) loses an edge, as it must", () => {
    const machine = start();
    machine.poke(GICD + 0xc08, 0b1000);
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    machine.poke(GICD + 0x284, bit);
    expect(serveAll(machine)).toEqual([]);
  });

  it("making it inactive (ICACTIVER) frees its list register", () => {
    const machine = start();
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    machine.icv("ICC_IAR1_EL1");
    machine.gic.spi(1).set(false);
    machine.poke(GICD + 0x384, bit);
    expect(machine.gic.cpuInterface(0).virtual.readElrsr()).toBe(0xf);
    expect(isActive(machine, spi(1))).toBe(false);
  });

  it("moving it to another vCPU (IROUTER) while it waits takes it there", () => {
    const machine = start({ cpus: 2 });
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    expect(machine.lines[0]?.virq.level).toBe(true);
    machine.poke(GICD + 0x6000 + 8 * spi(1), 1, 8);
    machine.pump();
    expect(machine.lines[0]?.virq.level).toBe(false);
    expect(machine.icv("ICC_IAR1_EL1", 1)).toBe(spi(1));
  });

  it("EL2's own interrupt is on and in Group 1 before the guest has done anything", () => {
    const { bank } = new Machine().start().gic.cpuInterface(0).redistributor;
    expect([bank.group[0], bank.enabled[0], bank.priority[25]]).toEqual([1 << 25, 1 << 25, 0]);
  });

  it("EL2's own interrupt is not the guest's to see or to change", () => {
    const machine = start();
    const frame = machine.gic.cpuInterface(0).redistributor.bank;
    const own = 1 << 25;
    expect(machine.peek(SGI_FRAME + 0x100) & BigInt(own)).toBe(0n);
    for (const offset of [0x180, 0x200, 0x300, 0x380]) machine.poke(SGI_FRAME + offset, 0xffff_ffff);
    machine.poke(SGI_FRAME + 0x80, 0);
    machine.poke(SGI_FRAME + 0x418, 0xf0f0_f0f0);
    machine.poke(SGI_FRAME + 0x419, 0xf0, 1);
    machine.poke(SGI_FRAME + 0xc04, 0xffff_ffff);
    expect((frame.enabled[0] as number) & own).toBe(own);
    expect((frame.group[0] as number) & own).toBe(own);
    expect((frame.latched[0] as number) & own).toBe(0);
    expect((frame.active[0] as number) & own).toBe(0);
    expect((frame.edge[0] as number) & own).toBe(0);
    expect(frame.priority[25]).toBe(0);
    expect(frame.priority[24], "the bytes beside it are written").toBe(0xf0);
    expect(machine.peek(GICR + 8, 8), "other frames are as they are").toBe(0x30n);
  });
});

describe("SGIs", () => {
  it("go to their targets and exit as SendIPI", () => {
    const machine = start({ cpus: 3 });
    sendSgi(machine, (5n << 24n) | 0b110n);
    expect(machine.exits[0]).toMatchObject({ reason: "SendIPI", targets: [1n, 2n], vector: 5 });
    machine.pump();
    expect([0, 1, 2].map((cpu) => machine.icv("ICC_IAR1_EL1", cpu))).toEqual([SPURIOUS, 5, 5]);
  });

  it("IRM: all but the sender; ranges: Aff0 above 15", () => {
    const machine = start({ cpus: 3, affinities: [0n, 17n, 0x100n] });
    sendSgi(machine, (1n << 40n) | (3n << 24n));
    expect([0, 1, 2].map((cpu) => serveAll(machine, cpu))).toEqual([[], [3], [3]]);
    sendSgi(machine, (1n << 44n) | (4n << 24n) | 0b10n);
    expect([0, 1, 2].map((cpu) => serveAll(machine, cpu))).toEqual([[], [4], []]);
    sendSgi(machine, (1n << 16n) | (4n << 24n) | 0b1n);
    expect([0, 1, 2].map((cpu) => serveAll(machine, cpu))).toEqual([[], [], [4]]);
  });

  it("one that comes again while it is active is served a second time; twice pending is once", () => {
    const machine = start({ cpus: 2 });
    sendSgi(machine, (2n << 24n) | 0b10n);
    sendSgi(machine, (2n << 24n) | 0b10n);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1", 1)).toBe(2);
    sendSgi(machine, (2n << 24n) | 0b10n);
    sendSgi(machine, (2n << 24n) | 0b10n);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1", 1)).toBe(SPURIOUS);
    machine.setIcv("ICC_EOIR1_EL1", 2, 1);
    expect(serveAll(machine, 1)).toEqual([2]);
  });

  it("one that comes again before it is acknowledged is one, in a list register without a physical INTID", () => {
    const machine = start({ cpus: 2 });
    for (let n = 0; n < 3; n++) {
      sendSgi(machine, (2n << 24n) | 0b10n);
      machine.pump();
    }
    const { virtual } = machine.gic.cpuInterface(1);
    expect(unpackLr(virtual.readListRegister(0))).toEqual({
      state: LrState.pending,
      intid: 2,
      priority: 0xa0,
      group: 1,
      hw: false,
    });
    expect(virtual.readElrsr()).toBe(0b1110);
    expect(machine.icv("ICC_IAR1_EL1", 1)).toBe(2);
    sendSgi(machine, (2n << 24n) | 0b10n);
    machine.pump();
    expect(unpackLr(virtual.readListRegister(0)).state).toBe(LrState.pendingActive);
  });

  it("one held for the guest is visible in GICR_ISPENDR0 and can be cleared there", () => {
    const machine = start({ cpus: 2 });
    sendSgi(machine, (2n << 24n) | 0b10n);
    machine.pump();
    const frame = SGI_FRAME + 0x2_0000;
    expect(machine.peek(frame + 0x200)).toBe(4n);
    machine.poke(frame + 0x280, 4);
    expect(serveAll(machine, 1)).toEqual([]);
  });
});

describe.each([1, 2, 4])("more interrupts than the %s list registers", (listRegisters) => {
  const MANY = Array.from({ length: 12 }, (_, n) => spi(n));

  it("all are served, by priority, whenever they came, and none twice", () => {
    const machine = start({ listRegisters });
    // Priorities fall with the number; edges, so that one service each is right.
    for (const [n, intid] of MANY.entries()) {
      machine.poke(GICD + 0x400 + intid, 0xe0 - 8 * n, 1);
      enable(machine, intid);
    }
    machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
    for (const n of MANY.keys()) {
      machine.gic.spi(n).set(true);
      machine.pump();
    }
    expect(serveAll(machine)).toEqual([...MANY].reverse());
    for (const intid of MANY) expect(isActive(machine, intid)).toBe(false);
    expect(machine.hypervisor.save().interrupts[0]).toMatchObject({ queue: [], parked: [] });
  });

  it("the guest may nest: every list register active, and a more urgent one still gets through", () => {
    const machine = start({ listRegisters });
    machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
    const taken: number[] = [];
    for (const [n, intid] of MANY.entries()) {
      machine.poke(GICD + 0x400 + intid, 0xe0 - 8 * n, 1);
      enable(machine, intid);
      machine.gic.spi(n).set(true);
      machine.pump();
      taken.push(machine.icv("ICC_IAR1_EL1"));
      machine.pump();
    }
    expect(taken).toEqual(MANY);
    for (const intid of [...MANY].reverse()) {
      machine.setIcv("ICC_EOIR1_EL1", intid);
      machine.pump();
      expect(isActive(machine, intid), `${intid} after its EOI`).toBe(false);
    }
    expect(machine.icv("ICC_RPR_EL1")).toBe(0xff);
    expect(machine.hypervisor.save().interrupts[0]).toMatchObject({ queue: [], parked: [] });
  });

  it("EOImode = 1: many active, deactivated in any order by DIR, the parked ones by a trapped DIR", () => {
    const machine = start({ listRegisters });
    machine.setIcv("ICC_CTLR_EL1", 2);
    machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
    for (const [n, intid] of MANY.entries()) {
      enable(machine, intid);
      machine.gic.spi(n).set(true);
      machine.pump();
      expect(machine.icv("ICC_IAR1_EL1")).toBe(intid);
      machine.setIcv("ICC_EOIR1_EL1", intid);
      machine.pump();
    }
    const shuffled = [5, 0, 11, 3, 7, 1, 9, 2, 10, 4, 8, 6].map(spi);
    for (const intid of shuffled) {
      expect(isActive(machine, intid)).toBe(true);
      if ((machine.vcpu().sysreg("ICH_HCR_EL2") & (1n << 14n)) !== 0n) {
        machine.vcpu().setX(4, BigInt(intid));
        machine.trap((0x18n << 26n) | (1n << 25n) | 0x32_3016n | (4n << 5n));
      } else {
        machine.setIcv("ICC_DIR_EL1", intid);
      }
      machine.pump();
      expect(isActive(machine, intid), `${intid} after DIR`).toBe(false);
    }
    expect(machine.vcpu().sysreg("ICH_HCR_EL2") & (1n << 14n), "TDIR is lifted").toBe(0n);
  });

  it("an SGI that comes again while its first instance is parked is served after that", () => {
    const machine = start({ listRegisters, cpus: 2 });
    machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
    sendSgi(machine, (2n << 24n) | 1n, 1);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1")).toBe(2);
    const urgent = MANY.slice(0, 6);
    for (const [n, intid] of urgent.entries()) {
      machine.poke(GICD + 0x400 + intid, 0x90 - 8 * n, 1);
      enable(machine, intid);
      machine.gic.spi(n).set(true);
      machine.pump();
      expect(machine.icv("ICC_IAR1_EL1")).toBe(intid);
      machine.pump();
    }
    sendSgi(machine, (2n << 24n) | 1n, 1);
    machine.pump();
    for (const intid of [...urgent].reverse()) {
      machine.setIcv("ICC_EOIR1_EL1", intid);
      machine.pump();
    }
    machine.setIcv("ICC_EOIR1_EL1", 2);
    expect(serveAll(machine)).toEqual([2]);
  });
});

it("of equal priority the one that came first is served first", () => {
  const machine = start({ listRegisters: 1 });
  machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
  const order = [4, 1, 6, 2, 9, 0];
  for (const n of order) enable(machine, spi(n));
  for (const n of order) {
    machine.gic.spi(n).set(true);
    machine.pump();
  }
  expect(serveAll(machine)).toEqual(order.map(spi));
});

describe("vCPUs that stop and start", () => {
  it.each([
    { what: "off", id: 0x8400_0002, args: [] },
    { what: "to sleep", id: 0xc400_0001, args: [0x1_0000, RAM] },
    { what: "on standby", id: 0xc400_0001, args: [0] },
  ])("what a vCPU held goes back when it goes $what", ({ id, args }) => {
    const machine = start({ cpus: 2 });
    machine.poke(GICD + 0xc08, 0b1000);
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    expect(isActive(machine, spi(1))).toBe(true);
    machine.hvc(id, ...args);
    expect(isActive(machine, spi(1))).toBe(false);
    expect(machine.lines[0], "it can wake the vCPU").toMatchObject({ irq: { level: true }, virq: { level: false } });
    machine.poke(GICD + 0x6000 + 8 * spi(1), 1, 8, 1);
    machine.pump();
    expect(machine.icv("ICC_IAR1_EL1", 1)).toBe(spi(1));
  });

  it("a vCPU that begins again has nothing pending and nothing active", () => {
    const machine = start();
    enable(machine, spi(1));
    machine.gic.spi(1).set(true);
    machine.pump();
    machine.icv("ICC_IAR1_EL1");
    machine.start();
    const { virtual } = machine.gic.cpuInterface(0);
    expect(virtual.readElrsr()).toBe(0xf);
    expect(virtual.runningPriority()).toBe(0xff);
    expect(isActive(machine, spi(1))).toBe(false);
  });
});

it("a restored hypervisor goes on where the saved one stood", () => {
  const run = (restored: boolean): number[] => {
    const machine = start({ listRegisters: 2 });
    machine.poke(GICD + 0xc08, 0xaaaa_aaaa);
    for (let n = 0; n < 8; n++) {
      enable(machine, spi(n));
      machine.gic.spi(n).set(true);
    }
    machine.pump();
    if (!restored) return serveAll(machine);
    const gic = machine.gic.save();
    const held = structuredClone(machine.hypervisor.save());
    expect(held.interrupts[0]?.queue.length).toBe(6);
    const other = start({ listRegisters: 2 });
    other.gic.restore(gic);
    other.hypervisor.restore(held);
    expect(other.hypervisor.save()).toEqual(held);
    return serveAll(other);
  };
  expect(run(true)).toEqual(run(false));
  expect(run(false)).toHaveLength(8);
});

it("list registers pack and unpack", () => {
  const lr = { state: LrState.pendingActive, intid: 0x3fb, priority: 0xa8, group: 1, hw: true } as const;
  expect(packLr(lr)).toBe((3n << 62n) | (1n << 61n) | (1n << 60n) | (0xa8n << 48n) | (0x3fbn << 32n) | 0x3fbn);
  expect(unpackLr(packLr(lr))).toEqual(lr);
  expect(packLr({ ...lr, hw: false, group: 0, state: LrState.pending })).toBe((1n << 62n) | (0xa8n << 48n) | 0x3fbn);
});
