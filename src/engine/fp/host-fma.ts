/**
 * Whether the host multiplies and adds with one rounding. WebAssembly's relaxed SIMD leaves that open
 * (f64x2.relaxed_madd rounds once or twice, as the host likes), so it is
 * tried on numbers for which the two differ. V8 decides by the host's CPU alone: what it does here it does everywhere.
 */
import { setHostFlags } from "../host-flags.js";
import type { Callable, FunctionBuilder } from "../ir/function.js";
import { vectorOfBits } from "../ir/lanes.js";
import { defineFunction, ModuleBuilder } from "../ir/module.js";
import type { F64, V128 } from "../ir/value.js";
import { scalarOf } from "./host.js";

const probeOf = (name: "relaxed_madd" | "relaxed_nmadd"): Callable<"ddd", "d"> =>
  defineFunction(name, "ddd", "d", (fb, ...operands) => {
    const [x, y, c] = operands.map((v) => vectorOfBits(fb, v.bits())) as [V128, V128, V128];
    fb.return(scalarOf(fb, 64, fb.op(`f64x2.${name}`, x, y, c) as V128) as F64);
  });
const PROBES = [probeOf("relaxed_madd"), probeOf("relaxed_nmadd")];

/** undefined: V8 does not know the instruction. */
function tryFma(): boolean | undefined {
  const builder = new ModuleBuilder([]);
  for (const probe of PROBES) builder.export(probe);
  const bytes = builder.finish([], { initial: 1, maximum: 1 });
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes);
  } catch {
    return undefined;
  }
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  type Fused = (x: number, y: number, c: number) => number;
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const { relaxed_madd, relaxed_nmadd } = exports as unknown as Record<"relaxed_madd" | "relaxed_nmadd", Fused>;
  const x = 1 + 2 ** -30;
  return relaxed_madd(x, x, -(x * x)) === 2 ** -60 && relaxed_nmadd(x, x, x * x) === -(2 ** -60);
}

/** `fma` is undefined where V8 has no relaxed SIMD, whatever its flags. */
let known: { readonly fma: boolean | undefined } | undefined;

function host(): { readonly fma: boolean | undefined } {
  if (known === undefined) {
    setHostFlags();
    known = { fma: tryFma() };
  }
  return known;
}

export const hostHasFma = (): boolean => host().fma === true;

/** The function being built runs on this host only, and the host has it. */
export const mayUseHostFma = (fb: FunctionBuilder): boolean => fb.linker.portable !== true && hostHasFma();

/** The same of relaxed SIMD at all: of what is no matter of one rounding or two. */
export const mayUseRelaxedSimd = (fb: FunctionBuilder): boolean =>
  fb.linker.portable !== true && host().fma !== undefined;
