/** Syndromes built by hand from the fields of DDI 0487 "ESR_EL2", and what they decode to. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeSync, EXCEPTION_CLASSES, type Trap } from "../../../src/hosted/el2/decode.js";
import { faultIpa, sysregAddress } from "../../../src/hosted/el2/syndrome.js";
import { Machine } from "../rig.js";

const X = (n: number): bigint => (n === 31 ? 0n : 0x1111_2222_3333_4400n + BigInt(n));

function trap(ec: number, iss: number, over: Partial<Trap> = {}): Trap {
  const esr = (BigInt(ec) << 26n) | (1n << 25n) | BigInt(iss);
  return { esr, far: 0n, hpfar: 0n, vcpu: { x: X }, stage1: () => 1n, ...over };
}

/** The ISS of a Data Abort, field by field. */
interface DataAbort {
  isv: number;
  sas: number;
  sse: number;
  srt: number;
  sf: number;
  cm: number;
  s1ptw: number;
  wnr: number;
  dfsc: number;
}
const PLAIN: DataAbort = { isv: 1, sas: 2, sse: 0, srt: 3, sf: 0, cm: 0, s1ptw: 0, wnr: 0, dfsc: 0x07 };

function dataAbort(fields: Partial<DataAbort>): number {
  const f = { ...PLAIN, ...fields };
  return (
    f.isv * 2 ** 24 +
    f.sas * 2 ** 22 +
    f.sse * 2 ** 21 +
    f.srt * 2 ** 16 +
    f.sf * 2 ** 15 +
    f.cm * 2 ** 8 +
    f.s1ptw * 2 ** 7 +
    f.wnr * 2 ** 6 +
    f.dfsc
  );
}

describe("Data Abort", () => {
  it("an access that a syndrome describes is what was encoded, whatever it was", () => {
    const bit = fc.integer({ min: 0, max: 1 });
    const access = fc.record({
      sas: fc.integer({ min: 0, max: 3 }),
      sse: bit,
      srt: fc.integer({ min: 0, max: 31 }),
      sf: bit,
      wnr: bit,
      dfsc: fc.integer({ min: 4, max: 7 }),
      ipa: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    });
    fc.assert(
      fc.property(access, ({ ipa, ...fields }) => {
        const far = 0xffff_8000_1234_5000n | BigInt(ipa % 4096);
        const hpfar = BigInt(Math.floor(ipa / 4096)) << 4n;
        const exit = decodeSync(trap(0x24, dataAbort(fields), { far, hpfar }));
        const width = 2 ** fields.sas;
        if (fields.wnr === 1) {
          expect(exit).toEqual({
            reason: "MmioWrite",
            addr: ipa,
            width,
            data: X(fields.srt) & ((1n << BigInt(8 * width)) - 1n),
          });
        } else {
          expect(exit).toEqual({
            reason: "MmioRead",
            addr: ipa,
            width,
            reg: fields.srt,
            regWidth: fields.sf === 1 ? 8 : 4,
            signedExt: fields.sse === 1,
          });
        }
      }),
    );
  });

  it("takes the page from HPFAR_EL2.FIPA alone, bits 43:4, and the offset from FAR_EL2", () => {
    expect(faultIpa(0xffff_ffff_ffff_fabcn, 0x8000_0000_0000_000fn)).toBe(0xabc);
    expect(faultIpa(0x123n, 0xfff_ffff_fff0n)).toBe(0xffff_ffff_f123);
  });

  it("asks stage 1 for the address of a permission fault, which leaves HPFAR_EL2 without meaning", () => {
    const asked: unknown[] = [];
    const stage1 = (va: bigint, access: string): bigint => {
      asked.push([va, access]);
      return 0x0400_0000n | (0xffn << 56n);
    };
    const over = { far: 0x7000_0123n, hpfar: 0xdead0n, stage1 };
    const exit = decodeSync(trap(0x24, dataAbort({ wnr: 1, dfsc: 0x0f }), over));
    expect(exit).toMatchObject({ reason: "MmioWrite", addr: 0x0400_0123 });
    expect(asked).toEqual([[0x7000_0123n, "write"]]);
    // Another vCPU has changed the tables since: PAR_EL1.F is set, the guest tries again.
    expect(decodeSync(trap(0x24, dataAbort({ dfsc: 0x0d }), { ...over, stage1: () => 0x809n }))).toEqual({
      reason: "Nothing",
    });
  });

  it.each([
    { what: "a table walk", fields: { s1ptw: 1 }, exit: { reason: "NestedPageFault", addr: 0x5678, access: "walk" } },
    { what: "address size", fields: { dfsc: 0x00 }, exit: { reason: "NestedPageFault", addr: 0x5678, access: "read" } },
    {
      what: "access flag, written",
      fields: { dfsc: 0x0a, wnr: 1 },
      exit: { reason: "NestedPageFault", addr: 0x5678, access: "write" },
    },
    {
      what: "no syndrome",
      fields: { isv: 0 },
      exit: { reason: "UnsyndromedAccess", addr: 0x5678, va: 0x9678n, write: false },
    },
    {
      what: "cache maintenance",
      fields: { isv: 0, cm: 1, wnr: 1 },
      exit: { reason: "CacheMaintenance", addr: 0x5678 },
    },
    { what: "an external abort", fields: { dfsc: 0x10, wnr: 1 }, exit: { reason: "ExternalAbort", access: "write" } },
    { what: "an external abort on a walk", fields: { dfsc: 0x17 }, exit: { reason: "ExternalAbort", access: "read" } },
    { what: "alignment", fields: { dfsc: 0x21 }, exit: { reason: "GuestException", exceptionClass: 0x24 } },
    { what: "an exclusive that is not supported", fields: { dfsc: 0x35 }, exit: { reason: "GuestException" } },
  ])("$what", ({ fields, exit }) => {
    expect(decodeSync(trap(0x24, dataAbort(fields), { far: 0x9678n, hpfar: 0x50n }))).toMatchObject(exit);
  });
});

describe("Instruction Abort", () => {
  it.each([
    { fsc: 0x06, exit: { reason: "NestedPageFault", addr: 0x5678, access: "execute" } },
    { fsc: 0x06 | 0x80, exit: { reason: "NestedPageFault", addr: 0x5678, access: "walk" } },
    { fsc: 0x0f, exit: { reason: "NestedPageFault", addr: 0x3678, access: "execute" } },
    { fsc: 0x10, exit: { reason: "ExternalAbort", access: "execute" } },
    { fsc: 0x30, exit: { reason: "GuestException", exceptionClass: 0x20 } },
  ])("status $fsc", ({ fsc, exit }) => {
    const over = { far: 0x9678n, hpfar: 0x50n, stage1: () => 0x3000n };
    expect(decodeSync(trap(0x20, fsc, over))).toMatchObject(exit);
  });
});

describe("MSR, MRS and System instructions", () => {
  it("gives back op0, op1, CRn, CRm, op2, Rt and direction as they were encoded", () => {
    const field = (max: number) => fc.integer({ min: 0, max });
    fc.assert(
      fc.property(
        field(3),
        field(7),
        field(15),
        field(15),
        field(7),
        field(31),
        fc.boolean(),
        (op0, op1, crn, crm, op2, rt, read) => {
          fc.pre(!(op0 === 3 && op1 === 0 && crn === 12 && crm === 11 && op2 >= 5));
          const iss =
            op0 * 2 ** 20 + op2 * 2 ** 17 + op1 * 2 ** 14 + crn * 2 ** 10 + rt * 2 ** 5 + crm * 2 + Number(read);
          const addr = sysregAddress(op0, op1, crn, crm, op2);
          expect(decodeSync(trap(0x18, iss))).toEqual(
            read ? { reason: "SysRegRead", addr, reg: rt } : { reason: "SysRegWrite", addr, value: X(rt) },
          );
        },
      ),
    );
  });

  /** ICC_SGI1R_EL1: 3, 0, C12, C11, 5, written from X7. */
  const SGI1R = 0x30_0000 + 5 * 0x2_0000 + 12 * 0x400 + 7 * 0x20 + 11 * 2;
  const sgi = (value: bigint) => decodeSync(trap(0x18, SGI1R, { vcpu: { x: (n) => (n === 7 ? value : 0n) } }));

  it("ICC_SGI1R_EL1 names an INTID and up to 16 targets by affinity and range", () => {
    const aff3 = 0x9n << 48n;
    const aff2 = 0x8n << 32n;
    const aff1 = 0x7n << 16n;
    expect(sgi((5n << 24n) | aff3 | aff2 | aff1 | 0b1000_0000_0000_0101n)).toEqual({
      reason: "SendIPI",
      targetCpu: 0x9_0008_0700n,
      targets: [0x9_0008_0700n, 0x9_0008_0702n, 0x9_0008_070fn],
      sendToAll: false,
      sendToSelf: false,
      vector: 5,
    });
    expect(sgi((3n << 44n) | 0b10n)).toMatchObject({ targets: [0x31n], vector: 0 });
  });

  it("IRM sends to all others and names no target", () => {
    expect(sgi((15n << 24n) | (1n << 40n) | 0xffffn)).toMatchObject({ sendToAll: true, targets: [], vector: 15 });
  });
});

describe("calls", () => {
  const call = (ec: number, id: bigint, ...args: bigint[]) =>
    decodeSync(trap(ec, 0, { vcpu: { x: (n) => [id, ...args][n] ?? BigInt(n) } }));

  it("HVC gives x0 and x1 to x6", () => {
    expect(call(0x16, 0x1234n)).toEqual({ reason: "Hypercall", nr: 0x1234n, args: [1n, 2n, 3n, 4n, 5n, 6n] });
    expect(call(0x17, 0x1234n)).toMatchObject({ reason: "SecureMonitorCall", nr: 0x1234n });
  });

  it.each([0x16, 0x17])("PSCI by class 0x%s", (ec) => {
    const up = { reason: "CpuUp", targetCpu: 1n, entryPoint: 0x1_4000_0000n, arg: 0x2_0000_0007n };
    expect(call(ec, 0xc400_0003n, 1n, 0x1_4000_0000n, 0x2_0000_0007n)).toEqual(up);
    // By the 32-bit convention the upper halves do not exist, nor does that of the identifier ever.
    expect(call(ec, 0xffff_ffff_8400_0003n, 0x5_0000_0001n, 0x1_4000_0000n, 0x2_0000_0007n)).toEqual({
      ...up,
      entryPoint: 0x4000_0000n,
      arg: 7n,
    });
    expect(call(ec, 0x8400_0002n)).toEqual({ reason: "CpuDown" });
    expect(call(ec, 0x8400_0008n)).toEqual({ reason: "SystemDown" });
    expect(call(ec, 0x8400_0009n)).toEqual({ reason: "SystemReset" });
    expect(call(ec, 0xc400_0012n)).toEqual({ reason: "SystemReset" });
    expect(call(ec, 0xc400_0001n)).toEqual({ reason: "CpuSuspend", system: false });
    expect(call(ec, 0xc400_000en)).toEqual({ reason: "CpuSuspend", system: true });
    expect(call(ec, 0x8400_0000n)).toMatchObject({ nr: 0x8400_0000n });
    // CPU_OFF has no 64-bit form.
    expect(call(ec, 0xc400_0002n)).toMatchObject({ nr: 0xc400_0002n });
  });
});

describe("the table of exception classes", () => {
  it("is sorted and has no class twice", () => {
    const classes = EXCEPTION_CLASSES.map(({ ec }) => ec);
    expect(classes).toEqual([...new Set(classes)].sort((a, b) => a - b));
  });

  it("every class, listed or not, decodes to an exit that a hypervisor can handle without throwing", () => {
    for (let ec = 0; ec < 64; ec++) {
      const machine = new Machine().start();
      const outcome = machine.trap((BigInt(ec) << 26n) | (1n << 25n));
      expect(["resume", "wait", "failed"], `EC 0x${ec.toString(16)}`).toContain(outcome.kind);
      expect(machine.exits).toHaveLength(1);
    }
  });

  it.each([
    { ec: 0x01, iss: 0x1e0_0000, exit: { reason: "Halt", for: "interrupt" } },
    { ec: 0x01, iss: 0x1e0_0001, exit: { reason: "Halt", for: "event" } },
    { ec: 0x01, iss: 0x1e0_0002, exit: { reason: "Halt", for: "interrupt" } },
    { ec: 0x01, iss: 0x1e0_0003, exit: { reason: "Halt", for: "event" } },
    { ec: 0x00, iss: 0, exit: { reason: "Undefined" } },
    { ec: 0x07, iss: 0x1e0_0000, exit: { reason: "FpAccess" } },
    { ec: 0x12, iss: 0, exit: { reason: "FailEntry" } },
    { ec: 0x2f, iss: 0, exit: { reason: "SError" } },
    { ec: 0x30, iss: 0x22, exit: { reason: "GuestException", exceptionClass: 0x30, name: "breakpoint" } },
    { ec: 0x3f, iss: 0, exit: { reason: "Undefined", name: "reserved class" } },
  ])("class $ec", ({ ec, iss, exit }) => {
    expect(decodeSync(trap(ec, iss))).toMatchObject(exit);
  });
});
