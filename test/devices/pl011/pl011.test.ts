import { beforeEach, describe, expect, it } from "vitest";
import type { Width } from "../../../src/bus/contract.js";
import { Pl011, type Pl011Config, type SerialBackend } from "../../../src/devices/pl011/index.js";
import { statefulSuite } from "../../bus/stateful-suite.js";
import { ManualAlarm, ManualClock, Wire } from "../../bus/wires.js";

const DR = 0x00;
const RSR = 0x04;
const FR = 0x18;
const IBRD = 0x24;
const FBRD = 0x28;
const LCR_H = 0x2c;
const CR = 0x30;
const IFLS = 0x34;
const IMSC = 0x38;
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44;
const DMACR = 0x48;

const FEN = 0x70;
const RX = 0x10;
const TX = 0x20;
const RT = 0x40;
const ALL = 0x7ff;
const TXFE = 0x80;
const RXFF = 0x40;
const RXFE = 0x10;
/** CTS, DSR, DCD: a terminal is connected. */
const MODEM = 0x07;

class Host implements SerialBackend {
  sent = "";
  breaks: boolean[] = [];
  wanted = 0;

  transmit(byte: number): void {
    this.sent += String.fromCharCode(byte);
  }

  transmitBreak(on: boolean): void {
    this.breaks.push(on);
  }

  inputWanted(): void {
    this.wanted++;
  }
}

class Rig {
  readonly irq = new Wire();
  readonly host = new Host();
  readonly clock = new ManualClock();
  readonly alarm = new ManualAlarm();
  readonly uart: Pl011;

  constructor(config?: Pl011Config, timed = false) {
    const { irq, host, clock, alarm } = this;
    this.uart = new Pl011({ irq, backend: host, ...(timed ? { time: { clock, alarm } } : {}) }, config);
  }

  /** Lets virtual time pass; the alarm rings as the machine would let it. */
  pass(nanoseconds: bigint): void {
    this.clock.nanoseconds += nanoseconds;
    if (this.alarm.deadline === undefined || this.alarm.deadline > this.clock.nanoseconds) return;
    this.alarm.deadline = undefined;
    this.uart.tick();
  }

  read(offset: number, width: Width = 4): number {
    return Number(this.uart.read(offset, width));
  }

  peek(offset: number, width: Width = 4): number {
    return Number(this.uart.peek(offset, width));
  }

  write(offset: number, value: number, width: Width = 4): void {
    this.uart.write(offset, width, BigInt(value));
  }

  type(text: string): number {
    return this.uart.receive(new TextEncoder().encode(text));
  }

  /** The receive part of a driver's interrupt handler: everything until RXFE. */
  drain(): string {
    let text = "";
    while (!(this.read(FR) & RXFE)) text += String.fromCharCode(this.read(DR) & 0xff);
    return text;
  }
}

describe("PL011 registers", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
  });

  it("reset values (table 3-1)", () => {
    const values = [DR, RSR, FR, 0x20, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, DMACR].map((at) => rig.read(at));
    expect(values).toEqual([0, 0, TXFE | RXFE | MODEM, 0, 0, 0, 0, 0x300, 0x12, 0, 0, 0, 0]);
  });

  it.each([
    ["ILPR", 0x20, 0xff],
    ["IBRD", IBRD, 0xffff],
    ["FBRD", FBRD, 0x3f],
    ["LCR_H", LCR_H, 0xfe],
    ["CR", CR, 0xff87],
    ["IFLS", IFLS, 0x3f],
    ["IMSC", IMSC, 0x7ff],
    ["DMACR", DMACR, 7],
  ])("%s keeps its implemented bits", (_, offset, mask) => {
    rig.write(offset, mask === 0xfe ? 0xfe : 0xffff_ffff);
    expect(rig.read(offset)).toBe(mask);
    rig.write(offset, 0);
    expect(rig.read(offset)).toBe(0);
  });

  it("identification, as the AMBA bus reads it byte by byte from 0xFE0", () => {
    const ids = (of: Rig) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => of.read(0xfe0 + 4 * n) & 0xff);
    expect(ids(rig)).toEqual([0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    expect(ids(new Rig({ fifoDepth: 16 }))[2], "revisions before r1p4 have 16 characters").toBe(0x14);
  });

  it("takes byte and halfword accesses, and leaves reserved words at zero", () => {
    rig.write(DR, 0x41, 1);
    rig.write(DR, 0x42, 2);
    rig.uart.write(DR, 8, 0x43n);
    expect(rig.host.sent).toBe("ABC");
    rig.write(CR + 1, 0x0f, 1);
    expect(rig.read(CR)).toBe(0x0f00);
    expect(rig.read(0x08)).toBe(0);
    rig.write(0x80, 0xff);
    expect(rig.read(0x80)).toBe(0);
  });
});

describe("PL011 transmission", () => {
  it("sends at once, whether or not firmware has enabled the UART", () => {
    const rig = new Rig();
    for (const byte of Buffer.from("hi\n")) rig.write(DR, byte);
    expect(rig.host.sent).toBe("hi\n");
    expect(rig.read(FR) & 0xf8).toBe(TXFE | RXFE);
  });

  it("as strict as the silicon when asked to: characters wait for UARTEN and TXE", () => {
    const rig = new Rig({ ignoreEnables: false });
    rig.write(LCR_H, FEN);
    rig.write(DR, 0x41);
    rig.write(DR, 0x42);
    expect(rig.host.sent).toBe("");
    expect(rig.read(FR) & 0x88, "busy, not empty").toBe(0x08);
    rig.write(CR, 0x301);
    expect(rig.host.sent).toBe("AB");
    rig.write(CR, 0x300);
    for (let i = 0; i < 40; i++) rig.write(DR, 0x61);
    expect(rig.read(FR) & 0x20, "full").toBe(0x20);
    rig.write(CR, 0x301);
    expect(rig.host.sent).toHaveLength(2 + 32);
  });

  it("waits for CTS where CTSEn says so", () => {
    const rig = new Rig();
    rig.write(LCR_H, FEN);
    rig.write(CR, 0x8301);
    rig.uart.setModemInputs({ cts: false, dsr: true, dcd: true, ri: false });
    rig.write(DR, 0x41);
    expect(rig.host.sent).toBe("");
    rig.uart.setModemInputs({ cts: true, dsr: true, dcd: true, ri: false });
    expect(rig.host.sent).toBe("A");
  });

  it("the transmit interrupt rises with every character sent and falls by ICR (section 2.8.3)", () => {
    const rig = new Rig();
    rig.write(IMSC, TX);
    expect(rig.irq.level).toBe(false);
    rig.write(DR, 0x41);
    expect(rig.read(MIS)).toBe(TX);
    expect(rig.irq.level).toBe(true);
    rig.write(ICR, TX);
    expect(rig.irq.level).toBe(false);
    rig.write(DR, 0x42);
    expect(rig.irq.level).toBe(true);
    rig.write(IMSC, 0);
    expect(rig.irq.level).toBe(false);
    expect(rig.read(RIS)).toBe(TX);
  });

  it("sends a break for as long as LCR_H.BRK is set", () => {
    const rig = new Rig();
    rig.write(LCR_H, 0x71);
    rig.write(LCR_H, 0x71);
    rig.write(LCR_H, 0x70);
    expect(rig.host.breaks).toEqual([true, false]);
  });
});

describe("PL011 reception", () => {
  let rig: Rig;
  beforeEach(() => {
    rig = new Rig();
    rig.write(LCR_H, FEN);
  });

  it("holds 32 characters (one with the FIFO off) and gives them in order", () => {
    expect(rig.type("x".repeat(31))).toBe(31);
    expect(rig.read(FR) & RXFF).toBe(0);
    expect(rig.type("yz")).toBe(1);
    expect(rig.read(FR) & (RXFF | RXFE)).toBe(RXFF);
    expect(rig.drain()).toBe(`${"x".repeat(31)}y`);
    rig.write(LCR_H, 0x60);
    expect(rig.type("ab")).toBe(1);
    expect(rig.read(FR) & RXFF).toBe(RXFF);
    expect(rig.drain()).toBe("a");
  });

  it.each([
    [0, 4],
    [1, 8],
    [2, 16],
    [3, 24],
    [4, 28],
  ])("RXIFLSEL = %i interrupts at %i characters", (select, level) => {
    rig.write(IFLS, select << 3);
    rig.write(IMSC, RX);
    rig.type("x".repeat(level - 1));
    expect(rig.irq.level).toBe(false);
    rig.type("x");
    expect(rig.irq.level).toBe(true);
    rig.read(DR);
    expect(rig.irq.level, "falls below the level").toBe(false);
    rig.type("x");
    expect(rig.irq.level).toBe(true);
  });

  it("the receive interrupt is for crossing the level: cleared by ICR, it waits for the next crossing", () => {
    rig.write(IFLS, 0);
    rig.write(IMSC, RX);
    rig.type("xxxx");
    rig.write(ICR, RX);
    expect(rig.irq.level).toBe(false);
    rig.type("x");
    expect(rig.irq.level).toBe(false);
    rig.read(DR);
    rig.read(DR);
    rig.type("x");
    expect(rig.irq.level).toBe(true);
  });

  it("the very first character interrupts, before any access", () => {
    const fresh = new Rig();
    fresh.type("x");
    expect(fresh.peek(RIS)).toBe(RX | RT);
  });

  it("with the FIFO off every character interrupts", () => {
    rig.write(LCR_H, 0x60);
    rig.write(IMSC, RX);
    rig.type("x");
    expect(rig.irq.level).toBe(true);
    rig.read(DR);
    expect(rig.irq.level).toBe(false);
  });

  it("the receive timeout interrupt: unread characters and a silent line (section 2.8.4)", () => {
    rig.write(IMSC, RT);
    expect(rig.irq.level).toBe(false);
    rig.type("ab");
    expect(rig.irq.level).toBe(true);
    rig.write(ICR, RT);
    expect(rig.irq.level).toBe(false);
    rig.read(DR);
    expect(rig.irq.level, "one is still there").toBe(true);
    rig.read(DR);
    expect(rig.irq.level).toBe(false);
  });

  it("overrun: the character is lost, OE is in the next character read and in RSR until ECR", () => {
    rig.write(IMSC, 0x400);
    rig.type("x".repeat(32));
    rig.uart.receiveFromLine(0x79);
    expect(rig.irq.level).toBe(true);
    expect(rig.read(RSR)).toBe(8);
    expect(rig.read(DR)).toBe(0x878);
    expect(rig.read(DR)).toBe(0x78);
    expect(rig.read(RSR)).toBe(8);
    rig.write(RSR, 0);
    expect(rig.read(RSR)).toBe(0);
    expect(rig.drain()).toBe("x".repeat(30));
    rig.write(ICR, 0x400);
    expect(rig.irq.level).toBe(false);
  });

  it("framing, parity and break errors belong to their character", () => {
    rig.write(IMSC, 0x380);
    rig.uart.receiveFromLine(0xff);
    expect(rig.read(MIS)).toBe(0);
    rig.read(DR);
    rig.uart.receiveFromLine(0x61, { framing: true });
    expect(rig.read(MIS)).toBe(0x080);
    rig.uart.receiveFromLine(0x62, { parity: true });
    expect(rig.read(MIS)).toBe(0x180);
    rig.uart.receiveBreak();
    rig.type("c");
    expect(rig.read(MIS)).toBe(0x380);
    expect(rig.read(DR)).toBe(0x161);
    expect(rig.read(RSR)).toBe(1);
    expect(rig.read(DR)).toBe(0x262);
    expect(rig.read(RSR)).toBe(2);
    expect(rig.read(DR)).toBe(0x400);
    expect(rig.read(RSR)).toBe(4);
    expect(rig.read(DR)).toBe(0x63);
    expect(rig.read(RSR)).toBe(0);
  });

  it("turning the FIFO off keeps one character", () => {
    rig.type("abc");
    rig.write(LCR_H, 0);
    expect(rig.drain()).toBe("a");
  });

  it("a debugger's look takes nothing", () => {
    rig.type("ab");
    rig.uart.receiveFromLine(0x63);
    const before = rig.uart.save();
    expect(rig.peek(DR)).toBe(0x61);
    expect(rig.peek(DR, 1)).toBe(0x61);
    expect(rig.uart.peek(0, 8)).toBe(0x61n);
    for (let i = 0; i < 20; i++) rig.peek(FR);
    for (let offset = 0; offset < 0x1000; offset += 4) rig.peek(offset);
    expect(rig.uart.save()).toEqual(before);
  });
});

describe("PL011 and the host's flow control", () => {
  it("asks for no input before the guest listens: a driver's start-up empties the FIFO", () => {
    const rig = new Rig();
    rig.write(LCR_H, FEN);
    rig.write(CR, 0x301);
    for (let i = 0; i < 100; i++) {
      // A console that polls: no listener.
      rig.read(FR);
      rig.write(DR, 0x2e);
      rig.read(FR);
    }
    expect(rig.uart.roomForInput()).toBe(0);
    expect(rig.host.wanted).toBe(0);
    rig.write(IMSC, RX | RT);
    expect(rig.uart.roomForInput()).toBe(32);
    expect(rig.host.wanted).toBe(1);
  });

  it("loses nothing of a script piped in while Linux starts: its driver empties the FIFO when it opens the port", () => {
    const rig = new Rig({}, true);
    const MILLISECOND = 1_000_000n;
    const print = (): void => {
      // pl011_console_write enables the UART for the length of a message.
      const before = rig.read(CR);
      rig.write(CR, before | 0x101);
      for (const byte of Buffer.from("message\n")) rig.write(DR, byte);
      rig.write(CR, before);
      rig.pass(20_000n);
    };
    const hwinit = (): void => {
      rig.write(ICR, 0x7d0);
      rig.write(IMSC, RX | RT);
      rig.pass(50_000n);
    };
    // The console is set up early, with the interrupt unmasked and nobody to serve it.
    hwinit();
    for (let i = 0; i < 100; i++) print();
    rig.pass(2000n * MILLISECOND);
    expect(rig.uart.roomForInput()).toBe(0);
    expect(rig.host.wanted).toBe(0);

    hwinit();
    rig.write(LCR_H, FEN);
    rig.write(CR, 0xb01);
    print();
    rig.write(ICR, RT | RX);
    expect(rig.uart.roomForInput(), "the FIFO is about to be emptied").toBe(0);
    rig.write(IMSC, RX | RT);
    rig.pass(MILLISECOND);
    expect(rig.host.wanted).toBe(1);
    expect(rig.uart.roomForInput()).toBe(32);
    rig.pass(MILLISECOND);
    expect(rig.host.wanted).toBe(1);

    rig.write(CR, 0);
    expect(rig.uart.roomForInput(), "closed").toBe(0);
    rig.write(CR, 0xb01);
    rig.pass(MILLISECOND - 1n);
    expect(rig.uart.roomForInput()).toBe(0);
    rig.pass(1n);
    expect(rig.uart.roomForInput()).toBe(32);
    rig.write(IMSC, 0);
    expect(rig.uart.roomForInput()).toBe(0);
    expect(rig.alarm.deadline).toBeUndefined();
  });

  it.each([
    ["interrupt first, receiver second", [IMSC, CR]],
    ["receiver first, interrupt second", [CR, IMSC]],
    ["no receiver enable at all", [IMSC]],
  ])("serves bare-metal drivers: %s", (_, order) => {
    const rig = new Rig({}, true);
    for (const register of order) rig.write(register, register === CR ? 0x301 : RX);
    expect(rig.uart.roomForInput()).toBe(0);
    rig.pass(1_000_000n);
    expect(rig.uart.roomForInput()).toBe(1);
    expect(rig.host.wanted).toBe(1);
  });

  it("a restored UART waits for the same moment", () => {
    const rig = new Rig({}, true);
    rig.write(IMSC, RX);
    const saved = rig.uart.save();
    const other = new Rig({}, true);
    other.uart.restore(saved);
    expect(other.alarm.deadline).toBe(1_000_000n);
    other.pass(1_000_000n);
    expect(other.uart.roomForInput()).toBe(1);
    other.uart.restore(other.uart.save());
    expect(other.alarm.deadline, "the moment has passed").toBeUndefined();
    rig.uart.reset();
    expect(rig.alarm.deadline).toBeUndefined();
  });

  it("a guest that polls UARTFR listens", () => {
    const rig = new Rig();
    for (let i = 0; i < 7; i++) rig.read(FR);
    expect(rig.uart.roomForInput()).toBe(0);
    rig.read(FR);
    expect(rig.uart.roomForInput()).toBe(1);
    expect(rig.host.wanted).toBe(1);
    rig.type("a");
    expect(rig.drain()).toBe("a");
  });

  it("calls the host when a full FIFO has room again, and not for every character", () => {
    const rig = new Rig();
    rig.write(LCR_H, FEN);
    rig.write(IMSC, RX | RT);
    rig.host.wanted = 0;
    rig.type("x".repeat(40));
    expect(rig.uart.roomForInput()).toBe(0);
    rig.read(DR);
    expect(rig.host.wanted).toBe(1);
    rig.read(DR);
    expect(rig.host.wanted).toBe(1);
    expect(rig.uart.roomForInput()).toBe(2);
  });

  it("a long paste arrives whole, the host refilling from its callback", () => {
    const rig = new Rig();
    const paste = "0123456789".repeat(50);
    let at = 0;
    rig.host.inputWanted = () => {
      at += rig.type(paste.slice(at, at + rig.uart.roomForInput()));
    };
    rig.write(LCR_H, FEN);
    rig.write(IMSC, RX | RT);
    let got = "";
    while (rig.irq.level) got += rig.drain();
    expect(got).toBe(paste);
  });

  it("with RTSEn the room ends at the trigger level", () => {
    const rig = new Rig();
    rig.write(LCR_H, FEN);
    rig.write(CR, 0x4301);
    rig.write(IMSC, RX);
    expect(rig.uart.roomForInput()).toBe(16);
    rig.type("abc");
    expect(rig.uart.roomForInput()).toBe(13);
  });

  it("strict: nothing arrives while the receiver is off", () => {
    const rig = new Rig({ ignoreEnables: false });
    rig.write(IMSC, RX);
    expect(rig.uart.roomForInput()).toBe(0);
    expect(rig.type("a")).toBe(0);
    rig.write(CR, 0x201);
    expect(rig.uart.roomForInput()).toBe(1);
    expect(rig.type("a")).toBe(1);
  });
});

describe("PL011 loopback and modem lines", () => {
  it("loops characters back, until they overrun (section 2.4.4)", () => {
    const rig = new Rig();
    rig.write(LCR_H, FEN);
    rig.write(CR, 0x381);
    for (let i = 0; i < 33; i++) rig.write(DR, 0x30 + i);
    expect(rig.host.sent).toBe("");
    expect(rig.read(RIS) & 0x400).toBe(0x400);
    expect(rig.read(DR)).toBe(0x830);
    expect(rig.drain()).toHaveLength(31);
    rig.write(LCR_H, 0x71);
    expect(rig.read(DR), "a break comes back too").toBe(0x400);
    expect(rig.host.breaks).toEqual([]);
  });

  it("loops the modem outputs back: RTS to CTS, DTR to DSR, Out1 to DCD, Out2 to RI", () => {
    const rig = new Rig();
    const pairs = [
      [0x0800, 0x001],
      [0x0400, 0x002],
      [0x1000, 0x004],
      [0x2000, 0x100],
    ] as const;
    for (const [output, input] of pairs) {
      rig.write(CR, 0x80 | output);
      expect(rig.read(FR) & 0x107).toBe(input);
    }
  });

  it("a change of each modem input interrupts", () => {
    const rig = new Rig();
    rig.write(IMSC, 0xf);
    const base = { cts: true, dsr: true, dcd: true, ri: false };
    const changes = [
      [{ ...base, ri: true }, 1],
      [{ ...base, cts: false }, 2],
      [{ ...base, dcd: false }, 4],
      [{ ...base, dsr: false }, 8],
    ] as const;
    for (const [inputs, bit] of changes) {
      rig.uart.setModemInputs(inputs);
      expect(rig.read(MIS)).toBe(bit);
      expect(rig.irq.level).toBe(true);
      rig.uart.setModemInputs(base);
      rig.write(ICR, ALL);
      expect(rig.irq.level).toBe(false);
    }
  });
});

describe("PL011 as Linux drives it", () => {
  it("probe, hwinit, startup, transmit by interrupt, receive, shutdown", () => {
    const rig = new Rig();
    // setup_port: mask and clear everything.
    rig.write(IMSC, 0);
    rig.write(ICR, 0xffff);
    // hwinit and startup.
    rig.write(ICR, 0x7d0);
    rig.write(IFLS, 0x12);
    rig.write(IBRD, 13);
    rig.write(FBRD, 1);
    rig.write(LCR_H, FEN);
    rig.write(CR, 0xb01);
    // enable_interrupts: clear RT and RX, empty the FIFO, unmask.
    rig.write(ICR, RT | RX);
    expect(rig.read(FR) & RXFE).toBe(RXFE);
    rig.write(IMSC, RX | RT);
    expect(rig.irq.level).toBe(false);

    // start_tx: unmask TX while sending; the handler clears it and stops.
    rig.write(IMSC, RX | RT | TX);
    rig.write(DR, 0x24);
    expect(rig.irq.level).toBe(true);
    expect(rig.read(RIS) & rig.read(IMSC)).toBe(TX);
    rig.write(ICR, TX);
    rig.write(IMSC, RX | RT);
    expect(rig.irq.level).toBe(false);

    // A typed line: fewer characters than the trigger level come by the timeout interrupt.
    rig.type("ls\n");
    expect(rig.irq.level).toBe(true);
    expect(rig.read(MIS)).toBe(RT);
    expect(rig.drain()).toBe("ls\n");
    expect(rig.irq.level).toBe(false);

    rig.write(IMSC, 0);
    rig.write(ICR, 0xffff);
    rig.write(CR, 0x800);
    expect(rig.read(MIS)).toBe(0);
    expect(rig.host.sent).toBe("$");
  });
});

statefulSuite("PL011", () => {
  const rig = new Rig({ ignoreEnables: false });
  return {
    component: rig.uart,
    disturb: () => {
      rig.write(0x20, 0x12);
      rig.write(IBRD, 13);
      rig.write(FBRD, 1);
      rig.write(LCR_H, FEN);
      rig.write(IFLS, 0);
      rig.write(DMACR, 3);
      rig.write(IMSC, ALL);
      rig.write(CR, 0x301);
      rig.type("x".repeat(32));
      rig.uart.receiveFromLine(0x79);
      rig.read(DR);
      rig.uart.receiveFromLine(0x7a, { parity: true });
      rig.uart.receiveFromLine(0x7a);
      rig.uart.setModemInputs({ cts: false, dsr: true, dcd: false, ri: true });
      rig.write(CR, 0x8301);
      rig.write(DR, 0x41);
      rig.read(FR);
    },
    runOn: () => {
      rig.host.sent = "";
      const seen: unknown[] = [rig.irq.level, rig.read(RIS), rig.drain(), rig.read(RSR), rig.irq.level];
      rig.uart.setModemInputs({ cts: true, dsr: true, dcd: true, ri: false });
      return [...seen, rig.read(MIS), rig.host.sent, rig.uart.roomForInput()];
    },
  };
});
