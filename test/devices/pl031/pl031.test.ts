import { beforeEach, describe, expect, it } from "vitest";
import { Pl031 } from "../../../src/devices/pl031/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { ManualAlarm, ManualClock, Wire } from "../../bus/wires.js";

const DR = 0x00;
const MR = 0x04;
const LR = 0x08;
const CR = 0x0c;
const IMSC = 0x10;
const RIS = 0x14;
const MIS = 0x18;
const ICR = 0x1c;

const EPOCH = 1_700_000_000;
const SECOND = 1_000_000_000n;

class Rig {
  readonly irq = new Wire();
  readonly clock = new ManualClock();
  readonly alarm = new ManualAlarm();
  readonly rtc = new Pl031(this, { epoch: EPOCH });

  read(offset: number): number {
    return Number(this.rtc.read(offset, 4));
  }

  write(offset: number, value: number): void {
    this.rtc.write(offset, 4, BigInt(value));
  }

  /** Lets virtual time pass; the alarm rings on the way as the machine would let it. */
  pass(nanoseconds: bigint): void {
    const end = this.clock.nanoseconds + nanoseconds;
    while (this.alarm.deadline !== undefined && this.alarm.deadline <= end) {
      this.clock.nanoseconds = this.alarm.deadline;
      this.rtc.tick();
    }
    this.clock.nanoseconds = end;
  }
}

describe("PL031", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it("counts seconds of virtual time from the epoch", () => {
    expect(rig.read(DR)).toBe(EPOCH);
    rig.pass(SECOND - 1n);
    expect(rig.read(DR)).toBe(EPOCH);
    rig.pass(1n);
    expect(rig.read(DR)).toBe(EPOCH + 1);
    rig.write(DR, 5);
    expect(rig.read(DR), "read-only").toBe(EPOCH + 1);
  });

  it("is set through LR, and goes on from there", () => {
    rig.pass(10n * SECOND);
    rig.write(LR, 1000);
    expect(rig.read(LR)).toBe(1000);
    expect(rig.read(DR)).toBe(1000);
    rig.pass(7n * SECOND);
    expect(rig.read(DR)).toBe(1007);
    expect(rig.read(LR)).toBe(1000);
  });

  it("wraps after 32 bits", () => {
    rig.write(LR, 0xffff_ffff);
    rig.pass(SECOND);
    expect(rig.read(DR)).toBe(0);
  });

  it("is always started", () => {
    rig.write(CR, 0);
    expect(rig.read(CR)).toBe(1);
  });

  it("interrupts at the match, once, until cleared (as Linux sets an alarm)", () => {
    rig.write(IMSC, 1);
    rig.write(MR, EPOCH + 5);
    expect(rig.read(MR)).toBe(EPOCH + 5);
    expect(rig.alarm.deadline).toBe(5n * SECOND);
    rig.pass(5n * SECOND - 1n);
    expect([rig.read(RIS), rig.irq.level]).toEqual([0, false]);
    rig.pass(1n);
    expect([rig.read(RIS), rig.read(MIS), rig.irq.level]).toEqual([1, 1, true]);
    rig.write(IMSC, 0);
    expect([rig.read(RIS), rig.read(MIS), rig.irq.level]).toEqual([1, 0, false]);
    rig.write(IMSC, 1);
    rig.write(ICR, 1);
    expect([rig.read(RIS), rig.irq.level]).toEqual([0, false]);
    rig.pass(100n * SECOND);
    expect(rig.read(RIS)).toBe(0);
  });

  it("matches at once when the match is now, and when LR steps onto it", () => {
    rig.pass(3n * SECOND);
    rig.write(MR, EPOCH + 3);
    expect(rig.read(RIS)).toBe(1);
    rig.write(ICR, 1);
    rig.write(MR, 50);
    rig.write(LR, 49);
    expect(rig.read(RIS)).toBe(0);
    rig.write(LR, 50);
    expect(rig.read(RIS)).toBe(1);
  });

  it("waits for a match only while that would raise the interrupt", () => {
    expect(rig.alarm.deadline, "after reset").toBeUndefined();
    rig.write(MR, EPOCH + 5);
    expect(rig.alarm.deadline, "masked").toBeUndefined();
    rig.write(IMSC, 1);
    expect(rig.alarm.deadline).toBe(5n * SECOND);
    rig.pass(6n * SECOND);
    expect(rig.irq.level).toBe(true);
    expect(rig.alarm.deadline, "raised already").toBeUndefined();
    rig.write(ICR, 1);
    expect(rig.alarm.deadline, "the next round").toBe((5n + 2n ** 32n) * SECOND);
    rig.write(IMSC, 0);
    rig.write(MR, EPOCH + 8);
    rig.pass(10n * SECOND);
    expect([rig.read(RIS), rig.irq.level], "masked, and right all the same").toEqual([1, false]);
  });

  it("shows a match that the alarm has not announced yet", () => {
    rig.write(MR, EPOCH + 1);
    rig.clock.nanoseconds = SECOND - 1n;
    expect(rig.read(RIS)).toBe(0);
    rig.clock.nanoseconds = SECOND;
    expect(rig.read(RIS)).toBe(1);
    rig.write(ICR, 1);
    expect(rig.read(RIS)).toBe(0);
  });

  it("identification", () => {
    const ids = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => rig.read(0xfe0 + 4 * n));
    expect(ids).toEqual([0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
  });
});

statefulSuite("PL031", () => {
  const rig = new Rig();
  return {
    component: rig.rtc,
    disturb: () => {
      rig.write(LR, 500);
      rig.write(IMSC, 1);
      rig.write(MR, 500);
      rig.write(MR, 503);
    },
    runOn: () => {
      rig.clock.nanoseconds = 0n;
      const seen = [rig.irq.level, rig.read(DR), rig.alarm.deadline];
      rig.write(ICR, 1);
      rig.pass(3n * SECOND);
      return [...seen, rig.read(RIS), rig.irq.level, rig.alarm.deadline];
    },
  };
});
