/**
 * C's printf as agent expressions use it: the format stands there as in C source, escapes and all (GDB manual, "Bytecode
 * Descriptions", printf), and every value has 64 bits, of which the length modifier says how many count.
 */

import { AgentFailure } from "./failure.js";

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  e: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The text that C source means: `\n`, `\x41`, `\101`, `\"`. */
export function unescapeC(text: string): string {
  return text.replace(/\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)/gs, (_whole, what: string) => {
    if (/^[0-7]/.test(what)) return String.fromCharCode(Number.parseInt(what, 8) & 0xff);
    if (/^x./.test(what)) return String.fromCharCode(Number.parseInt(what.slice(1), 16));
    return ESCAPES[what] ?? what;
  });
}

const DIRECTIVE = /%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?(hh|h|ll|l|j|z|t|q|L)?([a-zA-Z%])/g;

/** Bits by length modifier; without one an int. */
const BITS: Readonly<Record<string, number>> = { hh: 8, h: 16, l: 64, ll: 64, j: 64, z: 64, t: 64, q: 64 };
/** Fields are no wider than this, whatever the format asks. */
const MAX_FIELD = 4096;

interface Field {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
}

/** The text that is printed. `string` reads the bytes at an address up to a zero. */
export function formatPrint(
  source: string,
  values: readonly bigint[],
  string: (address: bigint) => Buffer,
): string | AgentFailure {
  const rest = [...values];
  let failure: AgentFailure | undefined;
  const next = (): bigint => {
    const value = rest.shift();
    if (value === undefined)
      failure ??= new AgentFailure(`printf: "${source}" wants more than ${values.length} values`);
    return value ?? 0n;
  };
  const text = unescapeC(source).replace(
    DIRECTIVE,
    (whole, flags: string, width: string | undefined, precision: string | undefined, length: string, kind: string) => {
      if (kind === "%") return "%";
      const field = fieldOf(flags, width, precision, () => Number(BigInt.asIntN(32, next())));
      const bits = BITS[length ?? ""] ?? 32;
      switch (kind) {
        case "d":
        case "i": {
          const value = BigInt.asIntN(bits, next());
          return pad(field, sign(field, value < 0n), digits(field, value < 0n ? -value : value, 10));
        }
        case "u":
          return pad(field, "", digits(field, BigInt.asUintN(bits, next()), 10));
        case "o":
          return pad(field, field.flags.includes("#") ? "0" : "", digits(field, BigInt.asUintN(bits, next()), 8));
        case "x":
        case "X": {
          const value = BigInt.asUintN(bits, next());
          const prefix = field.flags.includes("#") && value !== 0n ? "0x" : "";
          const made = pad(field, prefix, digits(field, value, 16));
          return kind === "X" ? made.toUpperCase() : made;
        }
        case "c":
          return pad(
            { ...field, flags: field.flags.replace("0", "") },
            "",
            String.fromCharCode(Number(next() & 0xffn)),
          );
        case "s": {
          const read = string(next()).toString("latin1");
          return pad({ ...field, flags: field.flags.replace("0", "") }, "", read.slice(0, field.precision));
        }
        case "p":
          return pad(field, "0x", next().toString(16));
        default:
          failure ??= new AgentFailure(`printf: "${whole}" is not supported`);
          return "";
      }
    },
  );
  return failure ?? text;
}

function fieldOf(flags: string, width: string | undefined, precision: string | undefined, star: () => number): Field {
  const wide = width === "*" ? star() : Number(width ?? 0);
  const exact = precision === undefined ? undefined : precision === "*" ? star() : Number(precision);
  return {
    flags: wide < 0 ? `${flags}-` : flags,
    width: Math.min(Math.abs(wide), MAX_FIELD),
    precision: exact === undefined || exact < 0 ? undefined : Math.min(exact, MAX_FIELD),
  };
}

function sign({ flags }: Field, negative: boolean): string {
  if (negative) return "-";
  if (flags.includes("+")) return "+";
  return flags.includes(" ") ? " " : "";
}

function digits({ precision }: Field, value: bigint, base: number): string {
  return value === 0n && precision === 0 ? "" : value.toString(base).padStart(precision ?? 1, "0");
}

/** A prefix and digits in a field: zeros go between them, spaces round both. */
function pad({ flags, width, precision }: Field, prefix: string, text: string): string {
  if (flags.includes("-")) return (prefix + text).padEnd(width);
  if (flags.includes("0") && precision === undefined) return prefix + text.padStart(width - prefix.length, "0");
  return (prefix + text).padStart(width);
}
