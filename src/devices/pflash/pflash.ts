/**
 * A bank of NOR flash: two 16-bit chips side by side with Intel's command set (Intel StrataFlash J3 data sheet,
 * "Command Set"). In read-array mode the bank is memory and reads never come here; in the other modes they do, and
 * the bank takes itself out of the engine's memory map for as long.
 */
import {
  BusFault,
  type MmioDevice,
  requireVersion,
  type Snapshot,
  type Stateful,
  type Width,
} from "../../bus/contract.js";
import { IDENTIFIER, queryStructure, WRITE_BUFFER_BITS } from "./query.js";

/** Where the bank's bytes are. They are memory, and saved with it; the device has its modes alone. */
export interface FlashMemory {
  readonly bytes: Uint8Array;
  /** Whether reads and fetches go straight to `bytes`, without asking the device. */
  setReadable(readable: boolean): void;
  /** The device has changed [offset, offset + size). */
  changed(offset: number, size: number): void;
}

export interface PflashConfig {
  /** Bytes of one erase block of the bank, over both chips. */
  readonly sector: number;
  /** Program and erase fail, as with a locked chip. */
  readonly readOnly: boolean;
}

/** What reads show. */
type Mode = "array" | "status" | "identifier" | "query";
/** What the next write is; `command` is the first write of a sequence. */
type Cycle = "command" | "program" | "erase-confirm" | "lock" | "buffer-count" | "buffer-data" | "buffer-confirm";

interface PflashState {
  mode: Mode;
  cycle: Cycle;
  /** Status register of either chip: they always work on the same command. */
  status: number;
  /** Writes of a buffer sequence still to come, and those that came: offset, width, value. */
  expected: number;
  buffered: [offset: number, width: number, value: number][];
}

export interface PflashSnapshot extends Snapshot, Readonly<PflashState> {}

const SNAPSHOT_VERSION = 1;
/** Two chips of 16 bits. */
const CHIPS = 2;
const WORD = 4;

/** Status register. */
const SR = { ready: 0x80, eraseError: 0x20, programError: 0x10 } as const;

const COMMAND = {
  programAlternate: 0x10,
  erase: 0x20,
  program: 0x40,
  clearStatus: 0x50,
  lock: 0x60,
  readStatus: 0x70,
  readIdentifier: 0x90,
  readQuery: 0x98,
  confirm: 0xd0,
  writeToBuffer: 0xe8,
} as const;

const RESET_STATE: Readonly<PflashState> = {
  mode: "array",
  cycle: "command",
  status: SR.ready,
  expected: 0,
  buffered: [],
};

export class Pflash implements MmioDevice, Stateful<PflashSnapshot> {
  #state: PflashState = structuredClone(RESET_STATE);
  readonly #query: Uint8Array;

  /** The size of the bank is that of `memory.bytes`. */
  constructor(
    readonly memory: FlashMemory,
    readonly config: PflashConfig,
  ) {
    this.#query = queryStructure({ size: memory.bytes.length / CHIPS, blockSize: config.sector / CHIPS });
  }

  read(offset: number, width: Width): bigint {
    return this.peek(offset, width);
  }

  /** Reading flash has no side effect in any mode. */
  peek(offset: number, width: Width): bigint {
    this.#check(offset, width);
    let value = 0n;
    for (let byte = width - 1; byte >= 0; byte--) value = (value << 8n) | BigInt(this.#byte(offset + byte));
    return value;
  }

  write(offset: number, width: Width, value: bigint): void {
    this.#check(offset, width);
    for (let at = 0; at < width; at += WORD) {
      const part = Math.min(width, WORD);
      this.#write(offset + at, part, Number(BigInt.asUintN(8 * part, value >> BigInt(8 * at))));
    }
    this.memory.setReadable(this.#state.mode === "array");
  }

  reset(): void {
    this.#adopt(structuredClone(RESET_STATE));
  }

  save(): PflashSnapshot {
    const { mode, cycle, status, expected, buffered } = this.#state;
    return { version: SNAPSHOT_VERSION, mode, cycle, status, expected, buffered: structuredClone(buffered) };
  }

  restore(snapshot: PflashSnapshot): void {
    requireVersion("pflash", snapshot, SNAPSHOT_VERSION);
    const { mode, cycle, status, expected, buffered } = snapshot;
    this.#adopt({ mode, cycle, status, expected, buffered: structuredClone(buffered) as PflashState["buffered"] });
  }

  #adopt(state: PflashState): void {
    this.#state = state;
    this.memory.setReadable(state.mode === "array");
  }

  #check(offset: number, width: Width): void {
    if (offset + width > this.memory.bytes.length) throw new BusFault("flash: the access reaches past the bank's end");
  }

  /** Both chips drive their 16 lines with the same value, except in array mode. */
  #byte(offset: number): number {
    const { mode, status } = this.#state;
    const word = Math.floor(offset / WORD);
    const high = (offset & 1) !== 0;
    switch (mode) {
      case "array":
        return this.memory.bytes[offset] ?? 0;
      case "status":
        return high ? 0 : status;
      case "identifier":
        return high ? 0 : identifierCode(word % 0x100);
      case "query":
        return high ? 0 : (this.#query[word % 0x100] ?? 0);
    }
  }

  #write(offset: number, width: number, value: number): void {
    const state = this.#state;
    switch (state.cycle) {
      case "command":
        this.#command(value & 0xff);
        break;
      case "program":
        this.#program([[offset, width, value]]);
        state.cycle = "command";
        break;
      case "erase-confirm":
        if ((value & 0xff) === COMMAND.confirm) this.#erase(offset);
        else state.status |= SR.eraseError | SR.programError;
        state.cycle = "command";
        break;
      case "lock":
        // Lock bits are not kept: a bank is read-only as a whole or not at all.
        state.cycle = "command";
        break;
      case "buffer-count":
        this.#expect((value & 0xffff) + 1);
        break;
      case "buffer-data":
        state.buffered.push([offset, width, value]);
        if (--state.expected === 0) state.cycle = "buffer-confirm";
        break;
      case "buffer-confirm":
        if ((value & 0xff) === COMMAND.confirm) this.#program(state.buffered);
        else state.status |= SR.eraseError | SR.programError;
        this.#endBuffer();
        break;
    }
  }

  #command(command: number): void {
    const state = this.#state;
    switch (command) {
      case COMMAND.program:
      case COMMAND.programAlternate:
        this.#enter("status", "program");
        break;
      case COMMAND.erase:
        this.#enter("status", "erase-confirm");
        break;
      case COMMAND.lock:
        this.#enter("status", "lock");
        break;
      case COMMAND.writeToBuffer:
        this.#enter("status", "buffer-count");
        break;
      case COMMAND.clearStatus:
        state.status = SR.ready;
        this.#enter("array", "command");
        break;
      case COMMAND.readStatus:
        this.#enter("status", "command");
        break;
      case COMMAND.readIdentifier:
        this.#enter("identifier", "command");
        break;
      case COMMAND.readQuery:
        this.#enter("query", "command");
        break;
      default:
        // 0xff by the book; drivers that look for either command set also try AMD's 0xf0.
        this.#enter("array", "command");
    }
  }

  #enter(mode: Mode, cycle: Cycle): void {
    this.#state.mode = mode;
    this.#state.cycle = cycle;
  }

  /** The count is of words of one chip, which come over both chips at once. */
  #expect(count: number): void {
    const state = this.#state;
    if (count > (1 << WRITE_BUFFER_BITS) / (WORD / CHIPS)) {
      state.status |= SR.programError;
      this.#endBuffer();
      return;
    }
    state.expected = count;
    state.cycle = "buffer-data";
  }

  #endBuffer(): void {
    this.#state.cycle = "command";
    this.#state.expected = 0;
    this.#state.buffered = [];
  }

  /** Programming takes bits from one to zero. */
  #program(writes: readonly (readonly [offset: number, width: number, value: number])[]): void {
    if (this.config.readOnly) {
      this.#state.status |= SR.programError;
      return;
    }
    const { bytes } = this.memory;
    for (const [offset, width, value] of writes) {
      for (let byte = 0; byte < width; byte++) {
        bytes[offset + byte] = (bytes[offset + byte] ?? 0) & (value >>> (8 * byte));
      }
      this.memory.changed(offset, width);
    }
  }

  #erase(offset: number): void {
    if (this.config.readOnly) {
      this.#state.status |= SR.eraseError;
      return;
    }
    const { sector } = this.config;
    const start = Math.floor(offset / sector) * sector;
    this.memory.bytes.fill(0xff, start, start + sector);
    this.memory.changed(start, sector);
  }
}

function identifierCode(word: number): number {
  return word === 0 ? IDENTIFIER.manufacturer : word === 1 ? IDENTIFIER.device : 0;
}
