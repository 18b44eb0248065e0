/** The firmware calls besides PSCI: SMCCC (Arm DEN0028) and TRNG (Arm DEN0098). */
import { beforeEach, describe, expect, it } from "vitest";
import { Firmware } from "../../../src/hosted/el3/atf.js";
import { Trng } from "../../../src/hosted/el3/trng.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { FakePower, Machine } from "../rig.js";

const NOT_SUPPORTED = 0xffff_ffff_ffff_ffffn;

describe("SMCCC", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine().start();
  });
  function smc(id: number, ...args: (number | bigint)[]): bigint {
    expect(machine.smc(id, ...args).kind).toBe("resume");
    return machine.vcpu().x(0);
  }

  it("VERSION is 1.2", () => {
    expect(smc(0x8000_0000)).toBe(0x1_0002n);
  });

  it.each([
    { id: 0x8000_0000, answer: 0n },
    { id: 0x8000_0001, answer: 0n },
    { id: 0x8000_0002, answer: 0n },
    { id: 0x8000_8000, answer: 1n },
    { id: 0x8000_7fff, answer: 1n },
    { id: 0x8000_3fff, answer: 1n },
    { id: 0x8000_0003, answer: NOT_SUPPORTED },
    { id: 0x8400_0000, answer: NOT_SUPPORTED },
  ])("ARCH_FEATURES of $id", ({ id, answer }) => {
    expect(smc(0x8000_0001, id)).toBe(answer);
  });

  it("the workarounds may be called", () => {
    for (const id of [0x8000_8000, 0x8000_7fff, 0x8000_3fff]) expect(smc(id, 1)).toBe(0n);
  });

  it("SOC_ID answers its two types", () => {
    expect(smc(0x8000_0002, 0)).toBe(0x043b_0000n);
    expect(smc(0x8000_0002, 1)).toBe(0n);
    expect(smc(0x8000_0002, 2)).toBe(0xffff_ffff_ffff_fffdn);
  });

  it.each([0x8000_0004, 0xc000_0000, 0x8200_0000, 0x8600_ff01, 0xb200_0000, 0x0000_0001])(
    "0x%s is NOT_SUPPORTED and X1 to X17 keep their values",
    (id) => {
      for (let n = 1; n <= 17; n++) machine.vcpu().setX(n, BigInt(n));
      expect(smc(id)).toBe(NOT_SUPPORTED);
      for (let n = 1; n <= 17; n++) expect(machine.vcpu().x(n)).toBe(BigInt(n));
    },
  );
});

describe("TRNG", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine().start();
  });
  function smc(id: number, ...args: (number | bigint)[]): bigint[] {
    machine.smc(id, ...args);
    return [0, 1, 2, 3].map((n) => machine.vcpu().x(n));
  }

  it("VERSION 1.0, FEATURES by function", () => {
    expect(smc(0x8400_0050)[0]).toBe(0x1_0000n);
    for (const id of [0x8400_0050, 0x8400_0051, 0x8400_0052, 0x8400_0053, 0xc400_0053]) {
      expect(smc(0x8400_0051, id)[0]).toBe(0n);
    }
    for (const id of [0x8400_0054, 0xc400_0050, 0x8400_0000]) expect(smc(0x8400_0051, id)[0]).toBe(NOT_SUPPORTED);
  });

  it("GET_UUID gives four words, the first one not all ones", () => {
    const words = smc(0x8400_0052);
    expect(words.every((word) => word > 0n && word < 0xffff_ffffn)).toBe(true);
  });

  it("RND64 fills X3 first, then X2 and X1, and no more bits than were asked for", () => {
    const [status, x1, x2, x3] = smc(0xc400_0053, 192);
    expect(status).toBe(0n);
    expect(new Set([x1, x2, x3]).size).toBe(3);
    expect(x1 as bigint).toBeGreaterThan(0xffff_ffffn);
    const less = smc(0xc400_0053, 68);
    expect(less[1]).toBe(0n);
    expect(less[2] as bigint).toBeLessThan(16n);
    expect(less[3]).not.toBe(0n);
  });

  it("RND32 keeps to 32 bits a register", () => {
    const words = smc(0x8400_0053, 96);
    expect(words[0]).toBe(0n);
    expect(words.slice(1).every((word) => word < 2n ** 32n && word !== 0n)).toBe(true);
  });

  it.each([
    [0xc400_0053, 0],
    [0xc400_0053, 193],
    [0x8400_0053, 97],
  ])("0x%s of %s bits is INVALID_PARAMETERS", (id, bits) => {
    expect(smc(id, bits)[0]).toBe(0xffff_ffff_ffff_fffen);
  });

  it("the same seed gives the same numbers, another one others", () => {
    const draw = (seed: bigint) => new Trng(seed).call(0xc400_0053, 192n);
    expect(draw(7n)).toEqual(draw(7n));
    expect(draw(7n)).not.toEqual(draw(8n));
  });
});

statefulSuite("firmware", () => {
  const machine = new Machine();
  const component = new Firmware({ power: new FakePower([0n]), entropySeed: 3n });
  const draw = (): bigint => {
    machine.vcpu().setX(0, 0xc400_0053n);
    machine.vcpu().setX(1, 64n);
    component.call(machine.vcpu());
    return machine.vcpu().x(3);
  };
  return { component, disturb: draw, runOn: () => [draw(), draw()] };
});
