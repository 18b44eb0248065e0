/** What the engine remembers of a hot slot until it is compiled; apart from the compiler, which is loaded late. */
import { sysregOffset } from "../../cpu/sysreg/table.js";
import { flushesOnly } from "../fp/mode.js";
import { CONTEXT, CPU } from "../layout.js";

/** A call's return is a way into the region when it was branched to this part as often as makes code hot. */
export const WARM_PART = 8;

/** A slot that has become hot, and where it was executed. */
export interface HotSlot {
  readonly slot: number;
  /** Virtual page, and the TLB bank that translates it and its neighbours. */
  readonly page: bigint;
  readonly bank: number;
  /** Whether accesses to memory miss the TLB there again and again, because what it has is not for all of a page. */
  readonly misses: boolean;
  /** Whether FPCR.FZ is set there. */
  readonly flushes: boolean;
}

const SCTLR = { M: 1, A: 2 } as const;

/** Where memory is Device memory without translation, or accesses must be aligned. */
function missesAlways(view: DataView, cpu: number): boolean {
  const context = view.getUint32(cpu + CPU.context, true);
  const el = context <= CONTEXT.el10Pan ? 1 : context === CONTEXT.el3 ? 3 : 2;
  const control = view.getUint32(cpu + sysregOffset(`SCTLR_EL${el}`), true);
  return (control & (SCTLR.M | SCTLR.A)) !== SCTLR.M;
}

/** What the vCPU at `cpu` executes, when a slot becomes hot. */
export function hotSlotOf(view: DataView, cpu: number, slot: number): HotSlot {
  const slotBase = view.getUint32(cpu + CPU.slotBase, true);
  const bias = view.getBigUint64(cpu + CPU.pcBias, true);
  return {
    slot: slot >>> 0,
    page: BigInt.asUintN(64, bias + BigInt(slotBase >>> 1)),
    bank: view.getUint32(cpu + CPU.bank, true),
    misses: missesAlways(view, cpu),
    flushes: flushesOnly(view.getUint32(cpu + CPU.fpcr, true)),
  };
}
