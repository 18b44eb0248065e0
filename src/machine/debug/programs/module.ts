/**
 * The wasm module that answers for all points of a debugger: which of them stops, what is asked before it does, and
 * which has TypeScript do something (engine/interpreter/points.ts says who calls it).
 */
import { pointAction, pointRead } from "../../../engine/imports.js";
import { BREAKPOINT_PROGRAM, POINT_PROGRAM } from "../../../engine/interpreter/protocol.js";
import type { FunctionBuilder } from "../../../engine/ir/function.js";
import { defineFunction, ModuleBuilder } from "../../../engine/ir/module.js";
import type { I32, I64 } from "../../../engine/ir/value.js";
import type { PointProgram } from "../../../gdb/agent/index.js";
import { type CompiledCondition, compileCondition, NOT_COMPILED, OUTCOME, type Places, peekHost } from "./compile.js";

/** A point as the module sees it. */
export interface AskedPoint {
  /** Number of its program, from 1 up; 0 where it has none and stops. */
  readonly id: number;
  readonly program: PointProgram | undefined;
}

export interface AskedPoints {
  /** Breakpoints by address. */
  readonly breakpoints: ReadonlyMap<bigint, readonly AskedPoint[]>;
  readonly watchpoints: readonly AskedPoint[];
}

export const MODULE_EXPORTS = { point: "point", breakpoint: "breakpoint" } as const;

export function programModule(points: AskedPoints, places: Places): Uint8Array {
  const conditions = new Map<string, CompiledCondition>();
  const compiled = (expression: PointProgram["conditions"][number]): CompiledCondition => {
    const known = conditions.get(expression.key);
    if (known !== undefined) return known;
    const made = compileCondition(`condition${conditions.size}`, expression, places);
    conditions.set(expression.key, made);
    return made;
  };

  /** Whether the point stops, as 0 or 1. */
  const verdict = (fb: FunctionBuilder, cpu: I32, { id, program }: AskedPoint): I32 => {
    if (program === undefined) return fb.i32(1);
    const act = (): I32 => (acts(program) ? fb.call(pointAction, cpu, fb.i32(id)) : fb.i32(1));
    const simple = program.conditions.filter((condition) => !condition.uses(NOT_COMPILED));
    // A condition that prints is asked as part of the action.
    if (simple.length === 0 || simple.length < program.conditions.length) return act();
    const holds = fb.variable(fb.i32(0));
    fb.block((done) => {
      for (const condition of simple) {
        holds.set(fb.call(compiled(condition), cpu).ne(OUTCOME.false));
        fb.brIf(done, holds.get());
      }
    });
    return fb.choose(holds.get(), act, () => fb.i32(0));
  };

  const point = defineFunction("point", POINT_PROGRAM.params, POINT_PROGRAM.result, (fb, cpu, id) => {
    const byId = [...points.watchpoints].filter((p) => p.id !== 0).sort((a, b) => a.id - b.id);
    search(
      byId,
      (p) => id.ltU(p.id),
      (p) => fb.if(id.eq(p.id), () => fb.return(verdict(fb, cpu, p))),
      fb,
    );
    fb.return(fb.i32(1));
  });

  const breakpoint = defineFunction(
    "breakpoint",
    BREAKPOINT_PROGRAM.params,
    BREAKPOINT_PROGRAM.result,
    (fb, cpu, pc, pass) => {
      const places = [...points.breakpoints].sort(([a], [b]) => (a < b ? -1 : 1));
      search(
        places,
        ([address]) => pc.ltU(constant(fb, address)),
        ([address, here]) =>
          fb.if(pc.eq(constant(fb, address)), () => {
            const stops = fb.variable(fb.i32(0));
            // All of them are asked, because asking may do something.
            for (const asked of here) {
              const ask = (): void => stops.set(stops.get().or(verdict(fb, cpu, asked)));
              if (asked.program?.collect !== undefined) ask();
              else fb.if(pass.eqz(), ask);
            }
            fb.return(stops.get());
          }),
        fb,
      );
      fb.return(fb.i32(0));
    },
  );

  const module = new ModuleBuilder([pointRead, pointAction, peekHost]);
  module.export(point, MODULE_EXPORTS.point);
  module.export(breakpoint, MODULE_EXPORTS.breakpoint);
  return module.finish([], { initial: 1, maximum: 65536 });
}

/** Whether TypeScript has something to do when the point is reached. */
function acts({ commands, collect, conditions }: PointProgram): boolean {
  return commands.length > 0 || collect !== undefined || conditions.some((condition) => condition.uses(NOT_COMPILED));
}

const constant = (fb: FunctionBuilder, address: bigint): I64 => fb.i64(address);

/** Code that finds one of sorted rows: halves them by `isBelow`, and leaves the last question to `found`. */
function search<Row>(
  rows: readonly Row[],
  isBelow: (row: Row) => I32,
  found: (row: Row) => void,
  fb: FunctionBuilder,
): void {
  const middle = rows.length >> 1;
  if (middle === 0) {
    for (const row of rows) found(row);
    return;
  }
  fb.if(
    isBelow(rows[middle] as Row),
    () => search(rows.slice(0, middle), isBelow, found, fb),
    () => search(rows.slice(middle), isBelow, found, fb),
  );
}
