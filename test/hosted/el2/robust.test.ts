/**
 * Nothing a guest does makes a hosted level throw, and it always goes on, waits, is gone, or has failed with a reason.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { HostedMonitor } from "../../../src/hosted/el3/monitor.js";
import { DEVICE, GICD, GICR, Machine, RAM } from "../rig.js";

const word = fc.integer({ min: 0, max: 0xffff_ffff });
const wide = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const near = (base: number): fc.Arbitrary<number> => fc.integer({ min: base, max: base + 0x2_0000 });
const address = fc.oneof(near(GICD), near(GICR), near(DEVICE), near(RAM), fc.integer({ min: 0, max: 2 ** 48 - 1 }));
const callId = fc.oneof(
  word,
  fc.integer({ min: 0x8400_0000, max: 0x8400_0060 }),
  fc.integer({ min: 0xc400_0000, max: 0xc400_0060 }),
);

const trap = fc.record({
  ec: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constantFrom(0x16, 0x17, 0x18, 0x20, 0x24, 0x24, 0x24)),
  iss: fc.integer({ min: 0, max: 0x1ff_ffff }),
  ipa: address,
  far: wide,
  offset: fc.oneof(fc.constant(0x400), fc.constantFrom(0x000, 0x280, 0x480, 0x500, 0x580, 0x600, 0x680)),
  cpu: fc.integer({ min: 0, max: 1 }),
  instruction: fc.option(word, { nil: undefined }),
  pstate: fc.constantFrom(0x3c5, 0x5, 0x4, 0x0),
  sctlr: fc.constantFrom(0n, 1n << 25n, 1n << 24n),
  x0: callId,
  registers: fc.array(wide, { minLength: 4, maxLength: 4 }),
  spi: fc.integer({ min: 0, max: 31 }),
});

it("hosted EL2", () => {
  fc.assert(
    fc.property(fc.array(trap, { maxLength: 12 }), (traps) => {
      const machine = new Machine({ cpus: 2, listRegisters: 2 });
      for (const cpu of [0, 1]) machine.start(cpu);
      machine.startGic();
      for (const t of traps) {
        const vcpu = machine.vcpu(t.cpu);
        machine.gic.spi(t.spi).set(t.iss % 2 === 0);
        machine.instruction = t.instruction;
        vcpu.pstate = t.pstate;
        vcpu.setSysreg("SCTLR_EL1", t.sctlr);
        for (let n = 1; n < 31; n++) vcpu.setX(n, t.registers[n % 4] as bigint);
        vcpu.setX(0, BigInt(t.x0));
        const esr = (BigInt(t.ec) << 26n) | BigInt(t.iss);
        const outcome = machine.trap(esr, { cpu: t.cpu, far: t.far, ipa: t.ipa, offset: t.offset });
        expect(["resume", "wait", "gone", "failed"]).toContain(outcome.kind);
        if (outcome.kind === "resume") expect(vcpu.el).toBeLessThan(2);
        machine.pump();
      }
    }),
    { numRuns: 300 },
  );
});

it("hosted EL3", () => {
  fc.assert(
    fc.property(trap, (t) => {
      const machine = new Machine();
      const log: string[] = [];
      const { firmware, cpu } = machine;
      const monitor = new HostedMonitor({ firmware, cpu, guestLevel: 2, log: (line) => log.push(line) });
      const vcpu = machine.vcpu();
      monitor.enter(vcpu, { entry: BigInt(RAM), context: 0n });
      machine.eret(0, 3);
      vcpu.setX(0, BigInt(t.x0));
      for (let n = 1; n < 4; n++) vcpu.setX(n, t.registers[n] as bigint);
      vcpu.setSysreg("ESR_EL3", (BigInt(t.ec) << 26n) | BigInt(t.iss));
      vcpu.setSysreg("ELR_EL3", vcpu.pc);
      vcpu.setSysreg("SPSR_EL3", 0x3c9n);
      const outcome = monitor.handle(vcpu, t.offset);
      expect(["resume", "wait", "gone", "failed"]).toContain(outcome.kind);
      if (outcome.kind === "failed") expect(log).toHaveLength(1);
    }),
    { numRuns: 300 },
  );
});
