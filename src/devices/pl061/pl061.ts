/** PL061 GPIO (Arm DDI 0190B): eight lines, in or out, each of which can interrupt. */
import {
  type IrqLine,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import { PL061_REGISTERS } from "./registers.js";

/** Each a bit mask of the eight lines. */
export interface Pl061State {
  /** Levels from outside, and those that outputs drive. */
  inputs: number;
  outputs: number;
  direction: number;
  levelSense: number;
  bothEdges: number;
  event: number;
  mask: number;
  alternate: number;
  /** Edges seen since GPIOIC. */
  edges: number;
}

export interface Pl061Snapshot extends Snapshot, Readonly<Pl061State> {}

const SNAPSHOT_VERSION = 1;

export class Pl061 implements MmioDevice, Stateful<Pl061Snapshot> {
  state: Pl061State = resetState();

  /**
   * @param irq GPIOINTR, for all lines together.
   * @param driven hears of output lines (a bit each) that software has pulled up.
   */
  constructor(
    readonly irq: IrqLine,
    readonly driven: (rising: number) => void = () => {},
  ) {}

  read(offset: number, width: Width): bigint {
    return PL061_REGISTERS.read(this, offset, width);
  }

  peek(offset: number, width: Width): bigint {
    return PL061_REGISTERS.peek(this, offset, width);
  }

  write(offset: number, width: Width, value: bigint): void {
    const before = this.#outputLevels();
    PL061_REGISTERS.write(this, offset, width, value);
    this.#driveIrq();
    const rising = this.#outputLevels() & ~before;
    if (rising !== 0) this.driven(rising);
  }

  /** The level of a line, 0 to 7, from outside. */
  setInput(line: number, level: boolean): void {
    const { state } = this;
    this.#change(() => {
      state.inputs = level ? state.inputs | (1 << line) : state.inputs & ~(1 << line);
    });
    this.#driveIrq();
  }

  /** What is on the lines: an output's own level, an input's from outside. */
  levels(): number {
    const { inputs, outputs, direction } = this.state;
    return (outputs & direction) | (inputs & ~direction);
  }

  /** GPIODATA: only lines that are outputs take it. */
  drive(mask: number, value: number): void {
    const { state } = this;
    const taken = mask & state.direction;
    this.#change(() => {
      state.outputs = (state.outputs & ~taken) | (value & taken);
    });
  }

  /** A register that is a bit for each line. */
  set(field: keyof Pl061State, value: number): void {
    this.#change(() => {
      this.state[field] = value;
    });
  }

  /**
   * GPIORIS. A line in level mode shows the level of now: it clears when the line goes, and nothing of it is left when
   * the line is made edge-sensitive (TI's manuals of parts with this cell say so in as many words). QEMU remembers it
   * until GPIOIC.
   */
  rawInterrupts(): number {
    const { levelSense, event, edges } = this.state;
    return (levelSense & ~(this.levels() ^ event) & 0xff) | (edges & ~levelSense);
  }

  /** GPIOIC: a level is not cleared while it lasts. */
  clear(lines: number): void {
    this.state.edges &= ~lines;
  }

  reset(): void {
    // A key that is held stays held.
    this.#adopt({ ...resetState(), inputs: this.state.inputs });
  }

  save(): Pl061Snapshot {
    return { version: SNAPSHOT_VERSION, ...this.state };
  }

  restore(snapshot: Pl061Snapshot): void {
    requireVersion("pl061", snapshot, SNAPSHOT_VERSION);
    const { version: _, ...state } = snapshot;
    this.#adopt(state);
  }

  /** Carries out `change` and notes the edges it made on the lines. */
  #change(change: () => void): void {
    const before = this.levels();
    change();
    const { levelSense, bothEdges, event } = this.state;
    const after = this.levels();
    const wanted = bothEdges | ~(after ^ event);
    this.state.edges |= (before ^ after) & wanted & ~levelSense & 0xff;
  }

  #adopt(state: Pl061State): void {
    this.state = state;
    this.#driveIrq();
  }

  #outputLevels(): number {
    return this.state.outputs & this.state.direction;
  }

  #driveIrq(): void {
    this.irq.set((this.rawInterrupts() & this.state.mask) !== 0);
  }
}

function resetState(): Pl061State {
  return {
    inputs: 0,
    outputs: 0,
    direction: 0,
    levelSense: 0,
    bothEdges: 0,
    event: 0,
    mask: 0,
    alternate: 0,
    edges: 0,
  };
}
