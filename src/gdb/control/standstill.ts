/**
 * A breakpoint that holds the machine because its client takes no notice of it. GDB does so with a `dprintf` in agent style
 * whose arguments it can make no bytecode of, floating point, arrays, texts, and registers that it makes of others ($w0, $d0:
 * aarch64-tdep.c has no gdbarch_ax_pseudo_register_collect): it sets the breakpoint without commands, says nothing, takes
 * each stop there for one that it has removed meanwhile, and has the machine continue from where it is.
 */

import { CORE, CoreRegister } from "../description/core.js";
import { type DebugTarget, type Stop, TargetError } from "../target.js";

/** A person who presses "continue" at a breakpoint that is still there is not meant. */
const TIMES = 64;

function pcOf(target: DebugTarget, vcpu: number): bigint | undefined {
  const bytes = target.readRegister(vcpu, CORE, CoreRegister.pc);
  return bytes instanceof TargetError ? undefined : Buffer.from(bytes).readBigUInt64LE();
}

export class Standstill {
  #from: { readonly vcpu: number; readonly pc: bigint | undefined } | undefined;
  #times = 0;

  /** The machine is about to continue from a stop. */
  leaving(target: DebugTarget, stop: Stop | undefined): void {
    this.#from = stop?.reason.kind === "breakpoint" ? { vcpu: stop.vcpu, pc: pcOf(target, stop.vcpu) } : undefined;
  }

  /** The machine has stopped. Gives a line for the client's console where it does not get on, once. */
  arrived(target: DebugTarget, { vcpu, reason }: Stop): string | undefined {
    const pc = reason.kind === "breakpoint" && this.#from?.vcpu === vcpu ? pcOf(target, vcpu) : undefined;
    this.#times = pc !== undefined && pc === this.#from?.pc ? this.#times + 1 : 0;
    if (this.#times !== TIMES) return undefined;
    return (
      `the breakpoint at 0x${pc?.toString(16)} stops the machine again and again, and the debugger takes no notice: ` +
      "a dprintf in agent style with floating point, an array, a text of its own or a part of a register? " +
      "(Ctrl-C, set dprintf-style gdb; &array[0] for an array, (int) $x0 for $w0)\n"
    );
  }
}
