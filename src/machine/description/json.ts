/**
 * JSON (RFC 8259) that knows where it was written: a machine file's errors point at a line. Unlike JSON.parse it
 * refuses a name that an object has twice.
 */

/** Keys and indices from the outermost value inwards. */
export type Path = readonly PropertyKey[];

export interface LocatedJson {
  readonly value: unknown;
  /** The line, from 1, of the value at `path`, or of the innermost value around it that is there. */
  lineOf(path: Path): number;
}

export class JsonError extends Error {
  constructor(
    message: string,
    readonly line: number,
  ) {
    super(message);
  }
}

interface Located {
  readonly line: number;
  readonly children?: ReadonlyMap<PropertyKey, Located>;
}

/** Deeper than this is no machine; it keeps a hostile file from the end of the stack. */
const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a string ends a line nowhere but in an escape
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const WORDS = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  read(): { value: unknown; located: Located } {
    const result = this.value(0);
    this.skipSpace();
    if (this.at < this.text.length) throw this.error(`nothing comes after the last brace, and here is ${this.here()}`);
    return result;
  }

  private value(depth: number): { value: unknown; located: Located } {
    this.skipSpace();
    if (depth > MAX_DEPTH) throw this.error(`more than ${MAX_DEPTH} braces and brackets within each other`);
    const line = this.line();
    const next = this.text[this.at];
    if (next === "{") return this.object(line, depth);
    if (next === "[") return this.array(line, depth);
    if (next === '"') return { value: this.string(), located: { line } };
    const number = this.match(NUMBER);
    if (number !== undefined) return { value: Number(number), located: { line } };
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return { value, located: { line } };
      }
    }
    throw this.error(`here should be a value, and here is ${this.here()}`);
  }

  private object(line: number, depth: number): { value: unknown; located: Located } {
    const entries = new Map<string, unknown>();
    const children = new Map<PropertyKey, Located>();
    this.list("}", () => {
      this.skipSpace();
      if (this.text[this.at] !== '"')
        throw this.error(`here should be a field's name in quotes, and here is ${this.here()}`);
      const at = this.line();
      const key = this.string();
      if (entries.has(key)) throw this.error(`"${key}" is there twice, first on line ${children.get(key)?.line}`);
      this.skipSpace();
      this.expect(":", `after "${key}"`);
      const { value, located } = this.value(depth + 1);
      entries.set(key, value);
      children.set(key, { ...located, line: at });
    });
    return { value: Object.fromEntries(entries), located: { line, children } };
  }

  private array(line: number, depth: number): { value: unknown; located: Located } {
    const values: unknown[] = [];
    const children = new Map<PropertyKey, Located>();
    this.list("]", () => {
      const { value, located } = this.value(depth + 1);
      children.set(values.length, located);
      values.push(value);
    });
    return { value: values, located: { line, children } };
  }

  /** What is between an opening character and its `end`, with commas in between. */
  private list(end: string, element: () => void): void {
    const opened = this.line();
    this.at++;
    this.skipSpace();
    if (this.text[this.at] === end) {
      this.at++;
      return;
    }
    for (;;) {
      element();
      this.skipSpace();
      if (this.text[this.at] === end) {
        this.at++;
        return;
      }
      this.expect(",", `or "${end}" in what begins on line ${opened}`);
      this.skipSpace();
      if (this.text[this.at] === end) throw this.error(`no comma comes before "${end}"`);
    }
  }

  private string(): string {
    const text = this.match(STRING);
    if (text === undefined) throw this.error("a text that does not end on its line, or has an escape that is none");
    return JSON.parse(text) as string;
  }

  private expect(character: string, where: string): void {
    if (this.text[this.at] !== character)
      throw this.error(`here should be "${character}" ${where}, and here is ${this.here()}`);
    this.at++;
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    this.at += found?.length ?? 0;
    return found;
  }

  private skipSpace(): void {
    this.match(SPACE);
    if (this.text.startsWith("//", this.at) || this.text.startsWith("/*", this.at)) {
      throw this.error('JSON has no comments; a "summary" is the place for words');
    }
  }

  private here(): string {
    const rest = this.text.slice(this.at, this.at + 20).split(/\s/, 1)[0];
    return rest === undefined || rest === "" ? "the end of the file" : JSON.stringify(rest);
  }

  private line(): number {
    let line = 1;
    for (let i = this.text.indexOf("\n"); i >= 0 && i < this.at; i = this.text.indexOf("\n", i + 1)) line++;
    return line;
  }

  private error(message: string): JsonError {
    return new JsonError(message, this.line());
  }
}

/** @throws JsonError */
export function parseLocatedJson(text: string): LocatedJson {
  // An editor's byte order mark.
  const { value, located } = new Reader(text.replace(/^\ufeff/, "")).read();
  return {
    value,
    lineOf(path) {
      let place = located;
      for (const key of path) {
        const inner = place.children?.get(key);
        if (inner === undefined) break;
        place = inner;
      }
      return place.line;
    },
  };
}
