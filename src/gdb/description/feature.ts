/**
 * Register features as data: what a target description says of registers and their types (GDB manual, appendix
 * "Target Descriptions", sections "Target Description Format" and "Predefined Target Types").
 */

/** Bits `start` to `end`, both included, bit 0 least significant. */
export interface FlagField {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export type RegisterType =
  | { readonly kind: "flags"; readonly id: string; readonly size: 4 | 8; readonly fields: readonly FlagField[] }
  | { readonly kind: "vector"; readonly id: string; readonly element: string; readonly count: number }
  | { readonly kind: "union"; readonly id: string; readonly fields: readonly { name: string; type: string }[] };

export interface RegisterSpec {
  readonly name: string;
  /** Width in bits, a multiple of 8. */
  readonly bits: number;
  /** A type GDB predefines ("int", "uint64", "data_ptr", "code_ptr") or the id of one of the feature's own. */
  readonly type: string;
  /** The group of `info registers GROUP`; without one, GDB chooses by type. */
  readonly group?: string;
  /** False: GDB leaves it alone around a function that it calls in the guest. */
  readonly saveRestore?: false;
}

export interface RegisterFeature {
  /** "org.gnu.gdb.aarch64.core". */
  readonly name: string;
  /** Whether `g` and `G` carry its registers. Such features come first. */
  readonly general: boolean;
  readonly types: readonly RegisterType[];
  readonly registers: readonly RegisterSpec[];
}

/** A one-bit flag. */
export function bit(name: string, at: number): FlagField {
  return { name, start: at, end: at };
}
