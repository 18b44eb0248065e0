/**
 * GICv3 Interrupt Translation Service (Arm IHI 0069H, chapter 5): messages of devices become LPIs. Commands have their
 * effect while GITS_CWRITER is written, so the ITS is quiescent whenever somebody looks.
 */
import { type MmioDevice, requireVersion, type Snapshot, type Stateful, type Width } from "../../bus/contract.js";
import type { DmaMemory } from "../../bus/dma.js";
import { runCommand, type Translation, translate } from "./its-commands.js";
import { describeIts, type ItsDescription } from "./its-describe.js";
import { GITS_REGISTERS } from "./its-registers.js";
import {
  BASER,
  CBASER,
  COMMAND_SIZE,
  CREADR_STALLED,
  CWRITER_RETRY,
  ENTRY_SIZE,
  type LpiTargets,
  QUEUE_OFFSET,
  QUEUE_PAGE,
  TABLE_TYPE,
} from "./its-spec.js";

export interface ItsConfig {
  readonly memory: DmaMemory;
  readonly targets: LpiTargets;
  /** Hears of commands with errors and messages that lead nowhere: a line each. */
  readonly log?: (line: string) => void;
}

interface ItsState {
  enabled: boolean;
  cbaser: bigint;
  cwriter: bigint;
  creadr: bigint;
  /** GITS_BASER0, the device table, and GITS_BASER1, the collection table. */
  baser: bigint[];
}

export interface ItsSnapshot extends Snapshot, Readonly<ItsState> {}

const SNAPSHOT_VERSION = 1;

/** What software cannot change of GITS_BASER<n>. */
const BASER_FIXED = [TABLE_TYPE.devices, TABLE_TYPE.collections].map(
  (type) => (type << BASER.Type) | (BigInt(ENTRY_SIZE - 1) << BASER.Entry_Size),
);

export class Its implements MmioDevice, Stateful<ItsSnapshot> {
  #state: ItsState = resetState();

  constructor(private readonly config: ItsConfig) {}

  read(offset: number, width: Width): bigint {
    return GITS_REGISTERS.read(this, offset, width);
  }

  peek(offset: number, width: Width): bigint {
    return GITS_REGISTERS.peek(this, offset, width);
  }

  /** By a CPU. Its DeviceID is 0. */
  write(offset: number, width: Width, value: bigint): void {
    GITS_REGISTERS.write(this, offset, width, value);
  }

  /** A write of `eventId` to GITS_TRANSLATER by the device `deviceId`. */
  message(deviceId: number, eventId: number): void {
    if (!this.#state.enabled) return;
    const problem = translate(this.#translation(), deviceId, eventId);
    if (problem !== undefined) this.config.log?.(`its: message ${eventId} of DeviceID ${deviceId}: ${problem}`);
  }

  get enabled(): boolean {
    return this.#state.enabled;
  }

  enable(enabled: boolean): void {
    this.#state.enabled = enabled;
    this.#process();
  }

  /** GITS_BASER<n>; tables 2 to 7 are not implemented. */
  baser(n: number): bigint {
    return this.#state.baser[n] ?? 0n;
  }

  writeBaser(n: number, value: bigint): void {
    const fixed = BASER_FIXED[n];
    if (fixed === undefined || this.#state.enabled) return;
    // The reserved page size reads as what it is taken for.
    const size = ((value >> 8n) & 3n) === 3n ? value & ~(1n << 8n) : value;
    this.#state.baser[n] = (size & BASER.writable & ~(0x1fn << BASER.Entry_Size)) | fixed;
  }

  get cbaser(): bigint {
    return this.#state.cbaser;
  }

  writeCbaser(value: bigint): void {
    if (this.#state.enabled) return;
    this.#state.cbaser = value & CBASER.writable;
    this.#state.creadr = 0n;
  }

  get cwriter(): bigint {
    return this.#state.cwriter;
  }

  /** Commands up to here are carried out; with Retry a queue that has stalled goes on. */
  writeCwriter(value: bigint): void {
    const state = this.#state;
    state.cwriter = value & QUEUE_OFFSET;
    if (value & CWRITER_RETRY) state.creadr &= ~CREADR_STALLED;
    this.#process();
  }

  get creadr(): bigint {
    return this.#state.creadr;
  }

  /** What a debugger shows; it reads the tables by `memory`, of which nobody hears. */
  describe(memory: DmaMemory): ItsDescription {
    return describeIts(this.#state.enabled, { ...this.#translation(), memory });
  }

  reset(): void {
    this.#state = resetState();
  }

  save(): ItsSnapshot {
    const { enabled, cbaser, cwriter, creadr, baser } = this.#state;
    return { version: SNAPSHOT_VERSION, enabled, cbaser, cwriter, creadr, baser: [...baser] };
  }

  restore(snapshot: ItsSnapshot): void {
    requireVersion("its", snapshot, SNAPSHOT_VERSION);
    const { enabled, cbaser, cwriter, creadr, baser } = snapshot;
    this.#state = { enabled, cbaser, cwriter, creadr, baser: [...baser] };
  }

  /** A queue that cannot be read stalls; each turn consumes a command, so the loop ends at GITS_CWRITER. */
  #process(): void {
    const { config } = this;
    const state = this.#state;
    if (!state.enabled || !(state.cbaser & CBASER.Valid) || state.creadr & CREADR_STALLED) return;
    const base = Number(state.cbaser & CBASER.address);
    const size = BigInt((Number(state.cbaser & CBASER.Size) + 1) * QUEUE_PAGE);
    if (state.cwriter >= size) return;
    while (state.creadr !== state.cwriter) {
      const bytes = config.memory.read(base + Number(state.creadr), COMMAND_SIZE);
      if (bytes === undefined) {
        config.log?.(`its: no memory for the command at 0x${(base + Number(state.creadr)).toString(16)}; stalled`);
        state.creadr |= CREADR_STALLED;
        return;
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const problem = runCommand(
        this.#translation(),
        [0, 8, 16, 24].map((at) => view.getBigUint64(at, true)),
      );
      if (problem !== undefined) config.log?.(`its: command at 0x${state.creadr.toString(16)}: ${problem}`);
      state.creadr = (state.creadr + BigInt(COMMAND_SIZE)) % size;
    }
  }

  #translation(): Translation {
    const { memory, targets } = this.config;
    return { memory, targets, deviceTable: this.baser(0), collectionTable: this.baser(1) };
  }
}

function resetState(): ItsState {
  return { enabled: false, cbaser: 0n, cwriter: 0n, creadr: 0n, baser: [...BASER_FIXED] };
}
