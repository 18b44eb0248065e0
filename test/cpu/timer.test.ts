import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TIMER_NAMES, TIMERS, type TimerName } from "../../src/cpu/sysreg/timer-names.js";
import { CounterRate } from "../../src/cpu/timer.js";
import { Bench, EVERYTHING } from "./sysreg-fixture.js";

const ENABLE = 1n;
const IMASK = 2n;
const ISTATUS = 4n;
const WORD = 1n << 64n;
const ctl = (timer: TimerName): string => `${TIMERS[timer].prefix}_CTL_${TIMERS[timer].suffix}`;
const cval = (timer: TimerName): string => `${TIMERS[timer].prefix}_CVAL_${TIMERS[timer].suffix}`;
const tval = (timer: TimerName): string => `${TIMERS[timer].prefix}_TVAL_${TIMERS[timer].suffix}`;

/** At EL3 in Secure state, from where all timers can be reached. */
function bench(time = 0n): Bench {
  const made = new Bench(EVERYTHING).clear("SCR_EL3", 1n).enter(3);
  made.time = time;
  return made;
}

/** Moves time to the deadline, as the machine does. */
function runToDeadline(b: Bench): void {
  b.time = b.timer.nextDeadline() ?? b.time;
  b.timer.update();
}

describe.each(TIMER_NAMES)("the %s timer", (name) => {
  test("fires at its compare value, four instructions a count, and its line is its own", () => {
    const b = bench(1000n);
    b.msr(cval(name), 500n);
    b.msr(ctl(name), ENABLE);
    expect(b.mrs(ctl(name))).toEqual({ value: ENABLE });
    expect(b.timer.nextDeadline()).toBe(2000n);
    b.time = 1999n;
    b.timer.update();
    expect(b.timerLines[name]).toBe(false);
    runToDeadline(b);
    expect(b.mrs(ctl(name))).toEqual({ value: ENABLE | ISTATUS });
    for (const other of TIMER_NAMES) expect(b.timerLines[other]).toBe(other === name);
  });

  test("IMASK keeps the line low and ISTATUS visible; without ENABLE there is neither", () => {
    const b = bench(1000n);
    b.msr(cval(name), 0n);
    b.msr(ctl(name), ENABLE | IMASK | ISTATUS);
    expect(b.mrs(ctl(name))).toEqual({ value: ENABLE | IMASK | ISTATUS });
    expect(b.timerLines[name]).toBe(false);
    b.msr(ctl(name), IMASK);
    expect(b.mrs(ctl(name))).toEqual({ value: IMASK });
    b.msr(ctl(name), ENABLE);
    expect(b.timerLines[name]).toBe(true);
    b.msr(ctl(name), 0n);
    expect(b.timerLines[name]).toBe(false);
    expect(b.timer.nextDeadline()).toBeUndefined();
  });

  test("a later compare value takes the interrupt back", () => {
    const b = bench(1000n);
    b.msr(cval(name), 0n);
    b.msr(ctl(name), ENABLE);
    expect(b.timerLines[name]).toBe(true);
    b.msr(cval(name), 1000n);
    expect(b.timerLines[name]).toBe(false);
    expect(b.timer.nextDeadline()).toBe(4000n);
  });

  test("TVAL is a signed 32-bit distance", () => {
    const b = bench(4000n);
    b.msr(tval(name), 50n);
    expect(b.vcpu.sysreg(cval(name))).toBe(1050n);
    b.time += 400n;
    expect(b.mrs(tval(name))).toEqual({ value: 0xffff_ffcen });
    b.msr(tval(name), 0xffff_fffen);
    expect(b.vcpu.sysreg(cval(name))).toBe(1098n);
    b.msr(tval(name), 0xdead_0000_7fff_ffffn);
    expect(b.vcpu.sysreg(cval(name))).toBe(1100n + 0x7fff_ffffn);
  });
});

describe("counters", () => {
  test("CNTPCT, CNTVCT and CNTFRQ", () => {
    const b = new Bench("cortex-a72");
    b.time = 62_500_000n * 4n + 3n;
    expect(b.mrs("CNTPCT_EL0")).toEqual({ value: 62_500_000n });
    b.enter(2).msr("CNTVOFF_EL2", 500_000n);
    expect(b.enter(1).mrs("CNTVCT_EL0")).toEqual({ value: 62_000_000n });
    expect(b.mrs("CNTFRQ_EL0")).toEqual({ value: 62_500_000n });
    expect(b.enter(2).msr("CNTFRQ_EL0", 1n)).toBe("undefined");
    b.enter(3).msr("CNTFRQ_EL0", 24_000_000n);
    expect(b.mrs("CNTFRQ_EL0")).toEqual({ value: 24_000_000n });
  });

  test("CNTVOFF moves the virtual timer's deadline only", () => {
    const b = bench(200n);
    for (const name of ["virtual", "hypervisorVirtual", "physical"] as const) b.msr(cval(name), 100n);
    b.msr(ctl("virtual"), ENABLE);
    expect(b.timer.nextDeadline()).toBe(400n);
    b.msr("CNTVOFF_EL2", 25n);
    expect(b.timer.nextDeadline()).toBe(500n);
    b.msr(ctl("hypervisorVirtual"), ENABLE);
    expect(b.timer.nextDeadline()).toBe(400n);
  });

  test("with an offset in the future the virtual count is huge until it wraps: the condition turns back", () => {
    const b = bench(0n);
    b.msr("CNTVOFF_EL2", 10n);
    b.msr(cval("virtual"), 1n);
    b.msr(ctl("virtual"), ENABLE);
    expect(b.timerLines.virtual).toBe(true);
    expect(b.timer.nextDeadline()).toBe(40n);
    runToDeadline(b);
    expect(b.timerLines.virtual).toBe(false);
    expect(b.timer.nextDeadline()).toBe(44n);
    runToDeadline(b);
    expect(b.timerLines.virtual).toBe(true);
  });

  test("a compare value that time never reaches has no deadline", () => {
    const b = bench();
    b.msr(cval("physical"), WORD - 1n);
    b.msr(ctl("physical"), ENABLE);
    expect(b.timer.nextDeadline()).toBeUndefined();
  });

  test("no line changes before the deadline, and one may at it", () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 1n << 40n),
        fc.bigInt(0n, WORD - 1n),
        fc.array(fc.tuple(fc.constantFrom(...TIMER_NAMES), fc.bigInt(0n, 1n << 39n)), { maxLength: 5 }),
        fc.bigInt(0n, 1n << 41n),
        (start, offset, set, later) => {
          const b = bench(start);
          b.msr("CNTVOFF_EL2", offset % (1n << 38n));
          for (const [name, compare] of set) {
            b.msr(cval(name), compare);
            b.msr(ctl(name), ENABLE);
          }
          const before = { ...b.timerLines };
          const deadline = b.timer.nextDeadline();
          b.time = deadline === undefined || start + later < deadline ? start + later : deadline - 1n;
          b.timer.update();
          expect(b.timerLines).toEqual(before);
          if (deadline === undefined) return;
          b.time = deadline;
          b.timer.update();
          expect(b.timerLines).not.toEqual(before);
        },
      ),
      { numRuns: 200, seed: 1 },
    );
  });

  test("reset turns all off", () => {
    const b = bench(1000n);
    for (const name of TIMER_NAMES) b.msr(ctl(name), ENABLE);
    b.timer.reset();
    expect(Object.values(b.timerLines)).toEqual(TIMER_NAMES.map(() => false));
    expect(b.timer.nextDeadline()).toBeUndefined();
  });
});

describe("the event stream", () => {
  const EVNTEN = 1n << 2n;
  const EVNTDIR = 1n << 3n;
  const control = (bit: bigint, direction = 0n): bigint => EVNTEN | direction | (bit << 4n);

  test("is off without EVNTEN", () => {
    expect(bench(5n).timer.nextEvent()).toBeUndefined();
  });

  test("comes when the chosen bit of the virtual counter rises, or falls", () => {
    const b = bench(0n);
    b.msr("CNTKCTL_EL1", control(3n));
    expect(b.timer.nextEvent()).toBe(8n * 4n);
    b.time = 8n * 4n;
    expect(b.timer.nextEvent()).toBe(24n * 4n);
    b.msr("CNTKCTL_EL1", control(3n, EVNTDIR));
    expect(b.timer.nextEvent()).toBe(16n * 4n);
    b.msr("CNTVOFF_EL2", 3n);
    expect(b.timer.nextEvent()).toBe(19n * 4n);
  });

  test("of CNTHCTL_EL2 follows the physical counter; the earlier one counts", () => {
    const b = bench(0n);
    b.msr("CNTHCTL_EL2", control(5n));
    b.msr("CNTVOFF_EL2", 1n);
    expect(b.timer.nextEvent()).toBe(32n * 4n);
    b.msr("CNTKCTL_EL1", control(2n));
    expect(b.timer.nextEvent()).toBe(5n * 4n);
  });
});

describe("the counter's rate", () => {
  const rates = fc.oneof(
    fc.constantFrom(62_500_000, 50_000_000, 24_000_000, 32_768, 1_000_000_000, 1),
    fc.nat(2 ** 32 - 2).map((n) => n + 1),
  );

  test("a count is reached at the first time that has it", () => {
    fc.assert(
      fc.property(rates, fc.bigInt(0n, 2n ** 48n), (frequency, count) => {
        const rate = new CounterRate(frequency);
        const time = rate.timeOf(count);
        expect(rate.countAt(time)).toBeGreaterThanOrEqual(count);
        if (time > 0n) expect(rate.countAt(time - 1n)).toBeLessThan(count === 0n ? 1n : count);
      }),
    );
  });

  test("is the frequency: so many counts in a second of 250,000,000 units", () => {
    fc.assert(
      fc.property(rates, fc.bigInt(0n, 2n ** 20n), (frequency, seconds) => {
        expect(new CounterRate(frequency).countAt(seconds * 250_000_000n)).toBe(seconds * BigInt(frequency));
      }),
    );
  });
});
