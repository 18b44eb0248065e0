/**
 * Generates the interpreter: one handler per encoding form, the runtime functions, the loop, and the decode tree.
 */
import { eret, raise, raiseUndefined, raiseWithFar, switchStack, takeException } from "../../cpu/exceptions.js";
import { buildDecodeTree } from "../../isa/decode.js";
import type { Feature } from "../../isa/features.js";
import type { Form } from "../../isa/pattern.js";
import { raiseDataAbort, reach, refill, touch } from "../../mmu/access.js";
import { contextChanged, enterMode, flushBank, flushCpu, forgetPage, invalidateAddress } from "../../mmu/banks.js";
import { peekHost } from "../../mmu/peek.js";
import { walk } from "../../mmu/walk.js";
import { ENGINE_IMPORTS } from "../imports.js";
import { emitFunction } from "../ir/emit.js";
import { type DefinedFunction, ModuleBuilder } from "../ir/module.js";
import type { I32 } from "../ir/value.js";
import { AREA } from "../layout.js";
import { aboutToWrite, allocateCodePage, codePageFor, FIRST_INSTRUCTION_HANDLER, hashPage } from "./code-pages.js";
import { allForms } from "./forms.js";
import { breakpointHandler, decodeHandler, pageEndHandler, undefinedHandler } from "./handlers.js";
import { isInlined } from "./inlined.js";
import { InterpreterBuilder } from "./interpreter-builder.js";
import { isLanding } from "./landing.js";
import { run } from "./loop.js";
import { LoopBuilder } from "./loop-builder.js";
import { unpreparedBreakpoint, unpreparedPoint } from "./points.js";
import { HANDLER } from "./protocol.js";
import { WAYS_OUT } from "./ways-out.js";

/** Everything the engine needs at run time, as plain data that a build step can keep in a file. */
export interface InterpreterImage {
  readonly module: Uint8Array;
  /** The module with optimised code (optimized-code.ts), where there is any. */
  readonly optimized?: () => WebAssembly.Module | undefined;
  /** Names the build that it is of; absent when it was not built but generated. */
  readonly build?: string;
  readonly tree: { readonly root: number; readonly words: Int32Array };
  /** By handler index: row name and the features without which it is UNDEFINED. */
  readonly handlers: readonly { readonly name: string; readonly features: readonly Feature[] }[];
}

/** Runtime functions TypeScript calls. */
const EXPORTED = [
  run,
  raise,
  raiseWithFar,
  raiseUndefined,
  raiseDataAbort,
  takeException,
  eret,
  switchStack,
  enterMode,
  contextChanged,
  flushCpu,
  flushBank,
  forgetPage,
  invalidateAddress,
  walk,
  refill,
  touch,
  codePageFor,
  allocateCodePage,
  aboutToWrite,
  hashPage,
] as const;

/** One form as a function of the handler signature. */
function handlerOf(form: Form): DefinedFunction {
  return {
    name: form.row.name,
    signature: HANDLER,
    build: () => {
      throw new Error("handlers are built with an InterpreterBuilder");
    },
  };
}

class InterpreterModule extends ModuleBuilder {
  readonly forms = new Map<DefinedFunction, Form>();

  protected override buildFunction(f: DefinedFunction) {
    if (f === run) {
      const b = new LoopBuilder(this, run.signature, [...this.forms.values()].filter(isInlined));
      run.build(b);
      return emitFunction(b);
    }
    const form = this.forms.get(f);
    if (form === undefined) return super.buildFunction(f);
    const b = new InterpreterBuilder(this, HANDLER);
    b.instruction(form, b.param(1) as I32, b.param(2) as I32);
    try {
      return emitFunction(b);
    } catch (error) {
      throw new Error(`row ${form.row.name} ${JSON.stringify(form.variants)}: ${(error as Error).message}`);
    }
  }
}

/** Builds the image from the table. Takes a good part of a second: done at build time (engine/prebuild.ts). */
export function generateInterpreter(): InterpreterImage {
  const forms = allForms();
  const module = new InterpreterModule(ENGINE_IMPORTS);
  const handlers = forms.map((form) => {
    const f = handlerOf(form);
    module.forms.set(f, form);
    return f;
  });
  for (const f of EXPORTED) module.export(f);
  const special = [
    ...[decodeHandler, pageEndHandler, breakpointHandler, undefinedHandler],
    ...[unpreparedPoint, unpreparedBreakpoint],
  ];
  module.exportRuntime(new Set<DefinedFunction>([...special, ...handlers]));
  for (const f of [...WAYS_OUT, touch, reach, isLanding, peekHost]) module.functionIndex(f);
  const bytes = module.finish([...special, ...handlers], { initial: 1, maximum: 65536 });
  const tree = buildDecodeTree(
    forms.map((form, i) => ({ form, handler: FIRST_INSTRUCTION_HANDLER + i })),
    AREA.decodeTree,
  );
  return {
    module: bytes,
    tree,
    handlers: [
      ...special.map((f) => ({ name: f.name, features: [] })),
      ...forms.map((form) => ({ name: form.row.name, features: form.features })),
    ],
  };
}
