/**
 * PL011 UART (Arm DDI 0183G): FIFOs, interrupts, loopback and modem lines; characters leave at once, and those
 * that arrive wait with the host until the guest has room for them.
 */
import {
  type IrqLine,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import { InputGate, type InputGateState, type Timekeeping } from "./input-gate.js";
import { PL011_REGISTERS } from "./registers.js";
import { CR, CR_RESET, DR, FR, IFLS_RESET, INT, LCR_H, RSR, triggerLevel } from "./spec.js";

/** The host's end of the serial line. */
export interface SerialBackend {
  /** One character of the guest, 0–255. */
  transmit(byte: number): void;
  /** The guest starts (true) or ends (false) a break. */
  transmitBreak?(on: boolean): void;
  /**
   * `roomForInput()` has become positive. Called at the end of a guest's access: the host may call `receive` at
   * once, or whenever it next lets input in.
   */
  inputWanted?(): void;
}

export interface Pl011Config {
  /** Characters in each FIFO: 32 is revision r1p5, 16 the revisions before r1p4. Default 32. */
  readonly fifoDepth?: 16 | 32;
  /**
   * Whether characters pass while UARTEN, TXE or RXE is clear, as if firmware had set the UART up. Much
   * bare-metal code expects it of a virtual board. Default true.
   */
  readonly ignoreEnables?: boolean;
}

export interface Pl011Wiring {
  /** UARTINTR, the combined interrupt. */
  readonly irq: IrqLine;
  readonly backend: SerialBackend;
  /** With it, input waits until a guest's driver has had time to start; the alarm's answer is `tick()`. */
  readonly time?: Timekeeping;
}

/** The modem status inputs, true where the (active-low) line is asserted. */
export interface ModemInputs {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly dcd: boolean;
  readonly ri: boolean;
}

/** A character as the line delivers it. */
export interface LineErrors {
  readonly framing?: boolean;
  readonly parity?: boolean;
}

export interface Pl011State {
  rsr: number;
  ilpr: number;
  ibrd: number;
  fbrd: number;
  lcrH: number;
  cr: number;
  ifls: number;
  imsc: number;
  ris: number;
  dmacr: number;
  /** Received characters in UARTDR's format (data and error bits), oldest first. */
  rxFifo: number[];
  /** Characters that may not leave yet. */
  txFifo: number[];
  /** Data was lost since the last character was read: UARTDR.OE. */
  overrun: boolean;
  /** The receive FIFO is at or above its trigger level. */
  rxTriggered: boolean;
  /** UARTFR's modem bits as the host drives them. */
  modemInputs: number;
  /** UARTFR's modem bits when last looked at, to see them change. */
  modemSeen: number;
}

export interface Pl011Snapshot extends Snapshot, Readonly<Pl011State> {
  readonly gate: InputGateState;
}

/** Registers that a write only stores. */
type PlainRegister = "ilpr" | "ibrd" | "fbrd" | "ifls" | "imsc" | "dmacr";

const SNAPSHOT_VERSION = 1;

export class Pl011 implements MmioDevice, Stateful<Pl011Snapshot> {
  readonly #depth: number;
  readonly #ignoreEnables: boolean;
  readonly #gate: InputGate;
  #hadRoom = false;
  state: Pl011State = resetState();

  constructor(
    readonly wiring: Pl011Wiring,
    config: Pl011Config = {},
  ) {
    this.#depth = config.fifoDepth ?? 32;
    this.#ignoreEnables = config.ignoreEnables ?? true;
    this.#gate = new InputGate(wiring.time);
  }

  /** UARTPeriphID2's revision, by which drivers know the FIFO depth. */
  get revision(): number {
    return this.#depth === 32 ? 3 : 1;
  }

  read(offset: number, width: Width): bigint {
    const value = PL011_REGISTERS.read(this, offset, width);
    this.sync();
    return value;
  }

  write(offset: number, width: Width, value: bigint): void {
    this.#gate.didOtherThings();
    PL011_REGISTERS.write(this, offset, width, value);
    this.sync();
  }

  peek(offset: number, width: Width): bigint {
    return PL011_REGISTERS.peek(this, offset, width);
  }

  /** Virtual time has reached the alarm's deadline. */
  tick(): void {
    this.sync();
  }

  /**
   * How many characters the host may deliver now. Zero until the guest listens: it has its receive interrupts
   * served, or polls UARTFR (see InputGate).
   */
  roomForInput(): number {
    const { cr, rxFifo } = this.state;
    if (!this.#receives() || !this.#gate.isOpen()) return 0;
    const limit = cr & CR.RTSEN ? Math.max(1, this.#rxTrigger()) : this.#fifoDepth();
    return Math.max(0, limit - rxFifo.length);
  }

  /** Delivers characters from the host. Returns how many the FIFO took; the host keeps the rest. */
  receive(bytes: Uint8Array): number {
    const room = this.#receives() ? this.#fifoDepth() - this.state.rxFifo.length : 0;
    const taken = Math.min(room, bytes.length);
    for (let i = 0; i < taken; i++) this.state.rxFifo.push(bytes[i] as number);
    if (taken > 0) this.#lineIdles();
    this.sync();
    return taken;
  }

  /** One character with line errors, or one too many: overruns when the FIFO is full. */
  receiveFromLine(byte: number, errors: LineErrors = {}): void {
    this.#arrive(byte | (errors.framing ? DR.FE : 0) | (errors.parity ? DR.PE : 0));
    this.sync();
  }

  /** The host holds the line low for longer than a character (section 2.4.2). */
  receiveBreak(): void {
    this.#arrive(DR.BE);
    this.sync();
  }

  setModemInputs({ cts, dsr, dcd, ri }: ModemInputs): void {
    this.state.modemInputs = (cts ? FR.CTS : 0) | (dsr ? FR.DSR : 0) | (dcd ? FR.DCD : 0) | (ri ? FR.RI : 0);
    this.sync();
  }

  reset(): void {
    this.#gate.reset();
    this.restoreState(resetState());
  }

  save(): Pl011Snapshot {
    const { state } = this;
    const fifos = { rxFifo: [...state.rxFifo], txFifo: [...state.txFifo] };
    return { version: SNAPSHOT_VERSION, ...state, ...fifos, gate: this.#gate.save() };
  }

  restore(snapshot: Pl011Snapshot): void {
    requireVersion("pl011", snapshot, SNAPSHOT_VERSION);
    const { version: _, gate, ...state } = snapshot;
    this.#gate.restore(gate);
    this.restoreState({ ...state, rxFifo: [...state.rxFifo], txFifo: [...state.txFifo] });
  }

  /** UARTDR, read: takes the oldest character. */
  popData(): number {
    const { state } = this;
    this.#gate.didOtherThings();
    const value = this.frontData();
    if (state.rxFifo.shift() === undefined) return value;
    state.rsr = (state.rsr & RSR.OE) | ((value >> 8) & (RSR.FE | RSR.PE | RSR.BE));
    state.overrun = false;
    this.#lineIdles();
    return value;
  }

  /** UARTDR as a debugger sees it. */
  frontData(): number {
    const front = this.state.rxFifo[0];
    return front === undefined ? 0 : front | (this.state.overrun ? DR.OE : 0);
  }

  /** UARTDR, written. What a full FIFO cannot take is lost. */
  pushData(value: number): void {
    const { txFifo } = this.state;
    if (txFifo.length < this.#fifoDepth()) txFifo.push(value & 0xff);
    if (txFifo.length > this.#txTrigger()) this.state.ris &= ~INT.TX;
  }

  /** UARTFR, read by the guest. */
  pollFlags(): number {
    this.#gate.polled();
    return this.flags();
  }

  /** UARTFR. */
  flags(): number {
    const { rxFifo, txFifo } = this.state;
    return (
      this.#modemBits() |
      (txFifo.length > 0 ? FR.BUSY : FR.TXFE) |
      (txFifo.length >= this.#fifoDepth() ? FR.TXFF : 0) |
      (rxFifo.length === 0 ? FR.RXFE : 0) |
      (rxFifo.length >= this.#fifoDepth() ? FR.RXFF : 0)
    );
  }

  set(register: PlainRegister, value: number): void {
    this.state[register] = value;
  }

  setControl(value: number): void {
    this.state.cr = value;
    this.#gate.tookControl();
  }

  /** UARTLCR_H: FEN changes the depth of both FIFOs, BRK the line. */
  setLineControl(value: number): void {
    const { state } = this;
    const changed = state.lcrH ^ value;
    state.lcrH = value;
    if (changed & LCR_H.FEN) {
      state.rxFifo.length = Math.min(state.rxFifo.length, this.#fifoDepth());
      state.txFifo.length = Math.min(state.txFifo.length, this.#fifoDepth());
    }
    if (!(changed & LCR_H.BRK)) return;
    const on = (value & LCR_H.BRK) !== 0;
    if (!(state.cr & CR.LBE)) this.wiring.backend.transmitBreak?.(on);
    else if (on) this.#arrive(DR.BE);
  }

  /** UARTECR: a write of any value clears the four errors. */
  clearErrors(): void {
    this.state.rsr = 0;
  }

  /** UARTICR. */
  clearInterrupts(bits: number): void {
    this.state.ris &= ~bits;
  }

  private restoreState(state: Pl011State): void {
    this.state = state;
    this.#hadRoom = this.roomForInput() > 0;
    this.#driveIrq();
  }

  /** Everything that follows from the state: characters leave, interrupts rise and fall, the host is told. */
  private sync(): void {
    const { state } = this;
    this.#transmit();

    const triggered = state.rxFifo.length > 0 && state.rxFifo.length >= this.#rxTrigger();
    if (triggered && !state.rxTriggered) state.ris |= INT.RX;
    if (!triggered) state.ris &= ~INT.RX;
    state.rxTriggered = triggered;
    if (state.rxFifo.length === 0) state.ris &= ~INT.RT;

    const modem = this.#modemBits();
    const changed = modem ^ state.modemSeen;
    state.modemSeen = modem;
    if (changed & FR.RI) state.ris |= INT.RI;
    if (changed & FR.CTS) state.ris |= INT.CTS;
    if (changed & FR.DCD) state.ris |= INT.DCD;
    if (changed & FR.DSR) state.ris |= INT.DSR;

    this.#driveIrq();

    this.#gate.update(state.cr, state.imsc);
    const hasRoom = this.roomForInput() > 0;
    const rose = hasRoom && !this.#hadRoom;
    this.#hadRoom = hasRoom;
    if (rose) this.wiring.backend.inputWanted?.();
  }

  #driveIrq(): void {
    this.wiring.irq.set((this.state.ris & this.state.imsc) !== 0);
  }

  #transmit(): void {
    const { txFifo, cr } = this.state;
    if (txFifo.length === 0 || !this.#transmits()) return;
    for (const byte of txFifo.splice(0)) {
      if (cr & CR.LBE) this.#arrive(byte);
      else this.wiring.backend.transmit(byte);
    }
    this.state.ris |= INT.TX;
  }

  /** A character reaches the receiver (section 2.4.3). */
  #arrive(entry: number): void {
    const { state } = this;
    if (!this.#receives()) return;
    if (state.rxFifo.length >= this.#fifoDepth()) {
      state.overrun = true;
      state.rsr |= RSR.OE;
      state.ris |= INT.OE;
      return;
    }
    state.rxFifo.push(entry);
    if (entry & DR.FE) state.ris |= INT.FE;
    if (entry & DR.PE) state.ris |= INT.PE;
    if (entry & DR.BE) state.ris |= INT.BE;
    this.#lineIdles();
  }

  /**
   * Characters arrive in no time, so the 32 bit periods without one, after which unread data raises the receive
   * timeout interrupt (section 2.8.4), have always passed.
   */
  #lineIdles(): void {
    if (this.state.rxFifo.length > 0) this.state.ris |= INT.RT;
  }

  #modemBits(): number {
    const { cr, modemInputs } = this.state;
    if (!(cr & CR.LBE)) return modemInputs;
    return (
      (cr & CR.RTS ? FR.CTS : 0) | (cr & CR.DTR ? FR.DSR : 0) | (cr & CR.OUT1 ? FR.DCD : 0) | (cr & CR.OUT2 ? FR.RI : 0)
    );
  }

  #receives(): boolean {
    const enables = CR.UARTEN | CR.RXE;
    return this.#ignoreEnables || (this.state.cr & enables) === enables;
  }

  #transmits(): boolean {
    const enables = CR.UARTEN | CR.TXE;
    if (!this.#ignoreEnables && (this.state.cr & enables) !== enables) return false;
    return !(this.state.cr & CR.CTSEN) || (this.#modemBits() & FR.CTS) !== 0;
  }

  #fifoDepth(): number {
    return this.state.lcrH & LCR_H.FEN ? this.#depth : 1;
  }

  #rxTrigger(): number {
    return this.state.lcrH & LCR_H.FEN ? triggerLevel(this.state.ifls >> 3, this.#depth) : 1;
  }

  #txTrigger(): number {
    return this.state.lcrH & LCR_H.FEN ? triggerLevel(this.state.ifls, this.#depth) : 0;
  }
}

/** The host is a connected terminal until it says otherwise: CTS, DSR and DCD are asserted. */
function resetState(): Pl011State {
  const modem = FR.CTS | FR.DSR | FR.DCD;
  return {
    rsr: 0,
    ilpr: 0,
    ibrd: 0,
    fbrd: 0,
    lcrH: 0,
    cr: CR_RESET,
    ifls: IFLS_RESET,
    imsc: 0,
    ris: 0,
    dmacr: 0,
    rxFifo: [],
    txFifo: [],
    overrun: false,
    rxTriggered: false,
    modemInputs: modem,
    modemSeen: modem,
  };
}
