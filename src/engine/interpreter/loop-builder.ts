/**
 * The builder of the interpreter's loop, which has the bodies of instructions (inlined.ts): in it they go on behind
 * themselves instead of returning.
 */
import type { Form } from "../../isa/pattern.js";
import type { Label, Linker, Variable } from "../ir/function.js";
import type { I32, Value } from "../ir/value.js";
import type { Signature } from "../wasm/encoder.js";
import { FIRST_INSTRUCTION_HANDLER } from "./code-pages.js";
import { InterpreterBuilder } from "./interpreter-builder.js";
import { HANDLER } from "./protocol.js";

export class LoopBuilder extends InterpreterBuilder {
  private after: { readonly slot: Variable<I32>; readonly done: Label; readonly loop: Label } | undefined;

  constructor(
    linker: Linker,
    signature: Signature,
    private readonly inlined: readonly Form[],
  ) {
    super(linker, signature);
  }

  /**
   * Carries out the instruction at a slot, whose handler has that index: `slot` becomes what the handler would return.
   * To the next instruction it goes by way of the label of the loop.
   */
  carryOut(handler: I32, word: I32, at: I32, slot: Variable<I32>, loop: Label): void {
    const inline = (form: Form): void => {
      this.block((done) => {
        this.after = { slot, done, loop };
        this.instruction(form, word, at);
        this.after = undefined;
      });
    };
    this.switch(
      handler.sub(FIRST_INSTRUCTION_HANDLER),
      this.inlined.map((form) => () => inline(form)),
      () => slot.set(this.callIndirect(HANDLER, handler, this.cpu, word, at)),
    );
  }

  override return(value?: Value): void {
    if (this.after === undefined) {
      super.return(value);
      return;
    }
    this.after.slot.set(value as I32);
    this.br(this.after.done);
  }

  protected override goOn(): void {
    if (this.after === undefined) {
      super.goOn();
      return;
    }
    this.after.slot.set(this.next());
    this.br(this.after.loop);
  }
}
