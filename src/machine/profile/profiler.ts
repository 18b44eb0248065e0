/**
 * Where guest time goes: which vCPU is where, every so many instructions. The instants are instruction counts, at which
 * the scheduler ends a slice but not the turn: the guest's run, and its hash, are the same with and without.
 */
import type { Vcpu } from "../../cpu/vcpu.js";
import type { DebugMemory } from "../debug/memory.js";
import { type Core, NANOSECONDS_PER_INSTRUCTION, type SliceObserver } from "../scheduler.js";
import { codeAddress, stackOf } from "./stack.js";
import type { SymbolTable } from "./symbols.js";

/** A prime, so that it falls into step with no loop of the guest. */
const INTERVAL = 99_991n;

export interface Sample {
  /** Time spent on instructions until then, idle time left out. */
  readonly microseconds: number;
  /** Names, the outermost first: vCPU, what runs, functions. */
  readonly frames: readonly string[];
}

export class Profiler implements SliceObserver {
  readonly samples: Sample[] = [];
  private due = INTERVAL;
  private readonly names = new Map<bigint, string>();

  constructor(
    private readonly memory: Pick<DebugMemory, "read">,
    private readonly symbols: SymbolTable | undefined,
    private readonly several: boolean,
  ) {}

  /** Instructions until the next sample, at least one; `executed` by all vCPUs so far. */
  remaining(executed: bigint): bigint {
    const left = this.due - executed;
    return left > 0n ? left : 1n;
  }

  /** A slice of `core` is over. */
  sliceEnded(core: Core, executed: bigint): void {
    if (executed < this.due) return;
    this.due = executed + INTERVAL;
    const microseconds = Number((executed * NANOSECONDS_PER_INSTRUCTION) / 1000n);
    this.samples.push({ microseconds, frames: this.framesOf(core) });
  }

  private framesOf({ index, vcpu }: Core): string[] {
    const functionOf = (address: bigint): unknown => this.symbols?.find(address);
    const stack = stackOf(vcpu, (address) => this.readPair(vcpu, address), functionOf);
    const cpu = this.several ? [`CPU${index}`] : [];
    return [...cpu, contextOf(vcpu), ...stack.reverse().map((address) => this.nameOf(address))];
  }

  private readPair(vcpu: Vcpu, address: bigint): readonly [bigint, bigint] | undefined {
    if (address === 0n) return undefined;
    const bytes = this.memory.read(vcpu, address, 16);
    if (!(bytes instanceof Uint8Array) || bytes.length < 16) return undefined;
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    return [view.getBigUint64(0, true), view.getBigUint64(8, true)];
  }

  /** With symbols the function's name; without, the address itself. */
  private nameOf(address: bigint): string {
    const known = this.names.get(address);
    if (known !== undefined) return known;
    const name = this.symbols?.find(address)?.name ?? `0x${codeAddress(address).toString(16)}`;
    this.names.set(address, name);
    return name;
  }
}

const ASID_SHIFT = 48n;
const TCR_A1 = 1n << 22n;

/**
 * The exception level and what distinguishes processes there: CONTEXTIDR_EL1 where the guest keeps it, else the ASID.
 */
function contextOf(vcpu: Vcpu): string {
  const level = `EL${vcpu.el}`;
  if (vcpu.el > 1) return level;
  const context = vcpu.sysreg("CONTEXTIDR_EL1") & 0xffff_ffffn;
  if (context !== 0n) return `${level} context ${context}`;
  const table = (vcpu.sysreg("TCR_EL1") & TCR_A1) === 0n ? "TTBR0_EL1" : "TTBR1_EL1";
  const asid = vcpu.sysreg(table) >> ASID_SHIFT;
  return asid === 0n ? level : `${level} ASID ${asid}`;
}
