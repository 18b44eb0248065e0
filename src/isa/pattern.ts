/**
 * Encoding patterns: one row per A64 encoding, with Arm's own field names (DDI 0487, C4 "A64 Instruction Set
 * Encoding"). A pattern reads from bit 31 down, in words: `0101` fixed bits, `x` a bit that does not matter,
 * `Rd:5` an operand field (opaque: a body can only hand it to the builder), `size=2` a variant field (the generator
 * enumerates it and the body sees a number).
 */
import type { Builder } from "../engine/builder.js";
import type { Feature } from "./features.js";

/** A field whose value is known only to an engine. */
export class Operand {
  constructor(
    readonly name: string,
    readonly lo: number,
    readonly width: number,
  ) {}
}

type Words<P extends string> = P extends `${infer Head} ${infer Rest}` ? Head | Words<Rest> : P;
type VariantName<W> = W extends `${infer N}=${number}` ? N : never;
type OperandName<W> = W extends `${infer N}:${number}` ? N : never;
export type Variants<P extends string> = { readonly [K in VariantName<Words<P>>]: number };
export type Fields<P extends string> = Variants<P> & { readonly [K in OperandName<Words<P>>]: Operand };

export interface RowOptions<V> {
  /** Which values of the variant fields are allocated; the others stay UNDEFINED. */
  readonly when?: (v: V) => boolean;
  /** Features of which the CPU model must have all; absent: every ARMv8.0-A CPU. */
  readonly feature?: Feature | readonly Feature[] | ((v: V) => Feature | readonly Feature[] | undefined);
  /** Subject to CPACR_EL1/CPTR_ELx access traps. */
  readonly fp?: boolean;
  /** Names of rows with which this one overlaps and over which it wins. */
  readonly over?: readonly string[];
}

export type Body<P extends string> = (b: Builder, f: Fields<P>) => void;

/** A row as the generators see it: variants are plain numbers by name. */
export interface Row {
  readonly name: string;
  readonly pattern: string;
  readonly options: RowOptions<Record<string, number>>;
  readonly body: (b: Builder, f: Record<string, number | Operand>) => void;
  readonly fields: readonly PatternField[];
  readonly mask: number;
  readonly value: number;
}

export interface PatternField {
  readonly name: string;
  readonly lo: number;
  readonly width: number;
  readonly variant: boolean;
}

/** Parses a pattern; the words must add up to 32 bits. */
export function parsePattern(pattern: string): { fields: PatternField[]; mask: number; value: number } {
  const fields: PatternField[] = [];
  let mask = 0;
  let value = 0;
  let at = 32;
  for (const word of pattern.trim().split(/\s+/)) {
    const field = /^([A-Za-z_][A-Za-z0-9_]*)([:=])(\d+)$/.exec(word);
    if (field) {
      const [, name = "", kind, digits] = field;
      const width = Number(digits);
      at -= width;
      fields.push({ name, lo: at, width, variant: kind === "=" });
    } else if (/^[01x]+$/.test(word)) {
      for (const bit of word) {
        at--;
        if (bit === "x") continue;
        mask |= 1 << at;
        if (bit === "1") value |= 1 << at;
      }
    } else {
      throw new Error(`pattern "${pattern}": "${word}" is neither bits nor a field`);
    }
  }
  if (at !== 0) throw new Error(`pattern "${pattern}" has ${32 - at} bits`);
  if (new Set(fields.map((f) => f.name)).size !== fields.length)
    throw new Error(`pattern "${pattern}" repeats a field`);
  return { fields, mask: mask >>> 0, value: value >>> 0 };
}

/** One encoding: its name, pattern, options, and the one body that says what it does. */
export function row<const P extends string>(
  name: string,
  pattern: P,
  options: RowOptions<Variants<P>>,
  body: Body<P>,
): Row {
  return {
    name,
    pattern,
    options: options as unknown as Row["options"],
    body: body as unknown as Row["body"],
    ...parsePattern(pattern),
  };
}

/** A row with its variant fields fixed: what becomes one handler. */
export interface Form {
  readonly row: Row;
  readonly variants: Readonly<Record<string, number>>;
  readonly mask: number;
  readonly value: number;
  readonly features: readonly Feature[];
}

/** Every allocated combination of a row's variant fields. */
export function expand(r: Row): Form[] {
  const variantFields = r.fields.filter((f) => f.variant);
  const bits = variantFields.reduce((n, f) => n + f.width, 0);
  const forms: Form[] = [];
  for (let combination = 0; combination < 1 << bits; combination++) {
    const variants: Record<string, number> = {};
    let mask = r.mask;
    let value = r.value;
    let rest = combination;
    for (const f of variantFields) {
      const v = rest & ((1 << f.width) - 1);
      rest >>>= f.width;
      variants[f.name] = v;
      mask |= ((1 << f.width) - 1) << f.lo;
      value |= v << f.lo;
    }
    if (r.options.when && !r.options.when(variants)) continue;
    const { feature } = r.options;
    const needed = typeof feature === "function" ? feature(variants) : feature;
    const features = needed === undefined ? [] : typeof needed === "string" ? [needed] : needed;
    forms.push({ row: r, variants, mask: mask >>> 0, value: value >>> 0, features });
  }
  return forms;
}

/** The fields a body gets for one form. */
export function fieldsOf(form: Form): Record<string, number | Operand> {
  const fields: Record<string, number | Operand> = {};
  for (const f of form.row.fields) {
    fields[f.name] = f.variant ? (form.variants[f.name] ?? 0) : new Operand(f.name, f.lo, f.width);
  }
  return fields;
}
