/**
 * What the instructions of FEAT_PAuth share: a key is used where SCTLR_ELx enables it, and does nothing to the pointer
 * elsewhere; a use may trap (DDI 0487, D8.9 "Pointer authentication").
 */
import { addPac, authenticate, eretAuthenticated, type Key, strip, trapPacUse } from "../../cpu/pauth.js";
import { sysregOffset } from "../../cpu/sysreg/table.js";
import type { Builder } from "../../engine/builder.js";
import { qarma5 } from "../../engine/crypto/qarma.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { CPU, KEY_USE_TRAPPED } from "../../engine/layout.js";
import { Operand } from "../pattern.js";

/** Bits 4–0 are ones in every hint and in RETAA: register 31, as SP. */
export const STACK_POINTER = new Operand("SP", 0, 5);

const half = (b: Builder, register: string, which: "Hi" | "Lo"): I64 =>
  b.state64(sysregOffset(`${register}${which}_EL1`));

/** `use` of the key where it is enabled, else the pointer. */
function whereEnabled(b: Builder, key: Key, pointer: I64, use: () => I64): I64 {
  const state = b.state32(CPU.pointerAuth);
  const enabled = state.and(key.enabled).ne(0);
  b.if(enabled.and(state.and(KEY_USE_TRAPPED).ne(0)), () => b.leave(trapPacUse));
  return b.choose(enabled, use, () => pointer);
}

const isData = (b: Builder, key: Key): I32 => b.i32(key.data ? 1 : 0);

export function signed(b: Builder, key: Key, pointer: I64, modifier: I64): I64 {
  const { register } = key;
  return whereEnabled(b, key, pointer, () => {
    return b.call(addPac, b.cpu, pointer, modifier, half(b, register, "Hi"), half(b, register, "Lo"), isData(b, key));
  });
}

export function authenticated(b: Builder, key: Key, pointer: I64, modifier: I64): I64 {
  const { register, error } = key;
  return whereEnabled(b, key, pointer, () => {
    const [high, low] = [half(b, register, "Hi"), half(b, register, "Lo")];
    return b.call(authenticate, b.cpu, pointer, modifier, high, low, isData(b, key), b.i32(error));
  });
}

/** XPACI, XPACD: no key, no control. */
export function stripped(b: Builder, pointer: I64, data: boolean): I64 {
  return b.call(strip, b.cpu, pointer, b.i32(data ? 1 : 0));
}

/** PACGA: the upper half of the code of any value, by a key that no control disables. */
export function codeOf(b: Builder, value: I64, modifier: I64): I64 {
  b.if(b.state32(CPU.pointerAuth).and(KEY_USE_TRAPPED), () => b.leave(trapPacUse));
  const code = b.call(qarma5, value, modifier, half(b, "APGAKey", "Hi"), half(b, "APGAKey", "Lo"));
  return code.and(0xffff_ffff_0000_0000n);
}

export function leaveAuthenticated(b: Builder, { register, enabled, error }: Key): void {
  const isEnabled = b.state32(CPU.pointerAuth).and(enabled).ne(0);
  b.leave(eretAuthenticated, isEnabled, half(b, register, "Hi"), half(b, register, "Lo"), b.i32(error));
}
