/**
 * From a hot slot to a wasm function: the blocks reachable by direct branches within the page, in address order.
 * Forward branches are structured; backward ones go through one dispatch loop, a block that repeats itself through a
 * loop of its own.
 */
import { type Form, fieldsOf } from "../../isa/pattern.js";
import { system } from "../../isa/table/system.js";
import { emitFunction } from "../ir/emit.js";
import { Label, type Linker } from "../ir/function.js";
import type { I32 } from "../ir/value.js";
import { SLOTS_PER_PAGE } from "../layout.js";
import type { FunctionBody } from "../wasm/encoder.js";
import { RegionBuilder } from "./region-builder.js";

/** The page a region is of. */
export interface PageCode {
  /** Instruction word of a slot. */
  word(slot: number): number;
  /** The form of a word; undefined where the CPU has no instruction. */
  form(word: number): Form | undefined;
}

const MAX_INSTRUCTIONS = 400;
/** System instructions that do nothing to the engine's state. */
const HARMLESS = new Set(["HINT", "DSB", "DMB", "ISB", "CLREX"]);
const EXCLUDED = new Set(system.map((row) => row.name).filter((name) => !HARMLESS.has(name)));

interface Instruction {
  readonly word: number;
  readonly form: Form;
  /** Slot of a direct branch's target, when it is in the page. */
  readonly target: number | undefined;
  /** Never falls through to the next slot. */
  readonly ends: boolean;
  readonly branches: boolean;
}

interface Block {
  readonly start: number;
  readonly instructions: Instruction[];
}

/** Offsets in instructions of a direct branch, from the encoding. */
function directOffset(name: string, word: number): number | undefined {
  switch (name) {
    case "B":
    case "BL":
      return (word << 6) >> 6;
    case "B_cond":
    case "CBZ":
    case "CBNZ":
      return (word << 8) >> 13;
    case "TBZ":
    case "TBNZ":
      return (word << 13) >> 18;
    default:
      return undefined;
  }
}

const INDIRECT = new Set(["BR", "BLR", "RET"]);

function decode(page: PageCode, slot: number): Instruction | undefined {
  const word = page.word(slot);
  const form = page.form(word);
  if (form === undefined || EXCLUDED.has(form.row.name)) return undefined;
  const { name } = form.row;
  const offset = directOffset(name, word);
  const target = offset === undefined ? undefined : slot + offset;
  const inPage = target !== undefined && target >= 0 && target < SLOTS_PER_PAGE ? target : undefined;
  return {
    word,
    form,
    // A call leaves: its return comes back through the interpreter.
    target: name === "BL" ? undefined : inPage,
    ends: INDIRECT.has(name) || name === "B" || name === "BL",
    branches: offset !== undefined || INDIRECT.has(name),
  };
}

/** Blocks by start, in address order; the entry is `head`. */
function discover(page: PageCode, head: number): Block[] {
  const found = new Map<number, Instruction>();
  const leaders = new Set([head]);
  const work = [head];
  while (work.length > 0 && found.size < MAX_INSTRUCTIONS) {
    let slot = work.pop() as number;
    while (slot < SLOTS_PER_PAGE && !found.has(slot) && found.size < MAX_INSTRUCTIONS) {
      const instruction = decode(page, slot);
      if (instruction === undefined) break;
      found.set(slot, instruction);
      if (instruction.target !== undefined) {
        leaders.add(instruction.target);
        work.push(instruction.target);
      }
      if (instruction.branches) leaders.add(slot + 1);
      if (instruction.ends) break;
      slot++;
    }
  }
  const blocks: Block[] = [];
  for (const start of [...leaders].sort((a, b) => a - b)) {
    const instructions: Instruction[] = [];
    for (let slot = start; ; slot++) {
      const instruction = found.get(slot);
      if (instruction === undefined || (slot > start && leaders.has(slot))) break;
      instructions.push(instruction);
      if (instruction.branches) break;
    }
    if (instructions.length > 0) blocks.push({ start, instructions });
  }
  return blocks;
}

/** The region that begins at `head`, or undefined when there is nothing worth compiling. */
export function compileRegion(page: PageCode, head: number, linker: Linker): FunctionBody | undefined {
  const blocks = discover(page, head);
  const entry = blocks.findIndex((block) => block.start === head);
  if (entry < 0) return undefined;
  const b = new RegionBuilder(linker);
  const indexOf = new Map(blocks.map((block, i) => [block.start, i]));
  const which = b.newLocal("i");
  let headLength = 1;
  b.frame(
    () => headLength,
    () => {
      b.writeLocal(which, b.i32(entry));
      b.loop((dispatch) => {
        const labels = blocks.map(() => new Label("block"));
        b.nestBlocks(labels, b.readLocal(which, "i") as I32, (i) => {
          const block = blocks[i] as Block;
          b.loop((self) => {
            b.jumps = {
              jump(slot) {
                const target = indexOf.get(slot);
                if (target === undefined) {
                  b.exitTo(slot);
                } else if (target === i) {
                  b.br(self);
                } else if (target > i) {
                  b.br(labels[target] as Label);
                } else {
                  b.writeLocal(which, b.i32(target));
                  b.br(dispatch);
                }
              },
            };
            const length = b.blockBody(block.start, (count) => writeBlock(b, block, count));
            if (i === entry) headLength = length;
          });
        });
      });
    },
  );
  b.completeWriteBacks();
  return headLength === 0 ? undefined : emitFunction(b);
}

/** The instructions of a block; ends by a jump on every path. */
function writeBlock(b: RegionBuilder, { start, instructions }: Block, count: { count: number }): void {
  for (const [position, { word, form }] of instructions.entries()) {
    const slot = start + position;
    b.begin(word, slot, position);
    const done = b.attempt(() => form.row.body(b, fieldsOf(form)));
    if (!done) {
      b.exitTo(slot);
      return;
    }
    count.count++;
    if (b.ended) return;
  }
  b.jumps.jump(start + instructions.length);
}
