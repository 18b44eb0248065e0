/** `monitor tlb`: the software TLBs of the selected vCPU, one bank per context, ASID and VMID (mmu/banks.ts). */
import { BANK, BANKS_PER_CPU, CONTEXT, GLOBAL, TLB_ENTRIES, TLB_ENTRY } from "../../../engine/layout.js";
import { type MonitorCommand, selected } from "./command.js";

const CONTEXT_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(CONTEXT).map(([name, number]) => [number, name]),
);
/** A bank that holds nothing. */
const NO_KEY = (1n << 64n) - 1n;
const VMID_VALID = 0x10000n;

export const tlb: MonitorCommand = {
  name: "tlb",
  help: "what the software TLBs hold: banks by context, ASID and VMID, and their entries in use",
  example: "monitor tlb",
  run(context) {
    const { view } = context.machine.engine;
    const { index } = selected(context);
    const first = view.getUint32(GLOBAL.bankBase, true) + index * BANKS_PER_CPU * BANK.size;
    const lines: string[] = [];
    for (let bank = first; bank < first + BANKS_PER_CPU * BANK.size; bank += BANK.size) {
      const key = view.getBigUint64(bank + BANK.key, true);
      // Others only fill these (CACHE_CONTEXT).
      if (key === NO_KEY || !(Number(key & 0xffn) in CONTEXT_NAMES)) continue;
      let used = 0;
      for (let entry = bank + BANK.data; entry < bank + BANK.victims; entry += TLB_ENTRY.size) {
        const filled = view.getInt32(entry + TLB_ENTRY.flags, true) !== 0;
        if (filled && (view.getBigUint64(entry + TLB_ENTRY.page, true) & 1n) === 0n) used++;
      }
      const name = CONTEXT_NAMES[Number(key & 0xffn)] ?? "?";
      const vmid = (key >> 24n) & VMID_VALID ? ` VMID ${(key >> 24n) & 0xffffn}` : "";
      lines.push(`${name.padEnd(9)} ASID ${(key >> 8n) & 0xffffn}${vmid}: ${used} of ${TLB_ENTRIES} entries`);
    }
    return lines.length === 0 ? ["the TLBs are empty"] : lines;
  },
};
