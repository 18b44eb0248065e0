/**
 * Reading a packet's arguments: numbers in hexadecimal without sign or prefix, separators, hex-coded and binary data
 * (GDB manual, appendix "Remote Protocol", section "Overview").
 */

/** Thrown while parsing arguments, caught where commands are dispatched, answered as an error. */
export class MalformedPacket extends Error {
  override readonly name = "MalformedPacket";
}

const MAX_ADDRESS = (1n << 64n) - 1n;

/** A packet's arguments with a place in them. Every method either takes what it names or throws `MalformedPacket`. */
export class Arguments {
  #text: string;

  /** @param text one character a byte (latin1), so that binary data goes through unharmed. */
  constructor(text: string) {
    this.#text = text;
  }

  /** The next character; the empty string at the end. */
  get next(): string {
    return this.#text.charAt(0);
  }

  /** What is still to be taken. */
  get remaining(): string {
    return this.#text;
  }

  get atEnd(): boolean {
    return this.#text === "";
  }

  /** Takes `sign` if it comes next, and tells whether it did. */
  accept(sign: string): boolean {
    if (!this.#text.startsWith(sign)) return false;
    this.#text = this.#text.slice(sign.length);
    return true;
  }

  expect(sign: string): void {
    if (!this.accept(sign)) throw this.#malformed(`'${sign}'`);
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.atEnd) throw this.#malformed("the end");
  }

  /** Takes an unsigned number below 2^64. */
  address(): bigint {
    const digits = /^[0-9a-f]+/i.exec(this.#text)?.[0];
    if (digits === undefined) throw this.#malformed("a hexadecimal number");
    const value = BigInt(`0x${digits}`);
    if (value > MAX_ADDRESS) throw new MalformedPacket("a number is wider than 64 bits");
    this.#text = this.#text.slice(digits.length);
    return value;
  }

  /** Takes an unsigned number that counts something; from 2^53 up it is rounded, and far beyond every limit. */
  count(): number {
    return Number(this.address());
  }

  /** Takes everything up to one of the characters of `separators`, or to the end. */
  until(separators: string): string {
    let length = 0;
    while (length < this.#text.length && !separators.includes(this.#text.charAt(length))) length++;
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }

  /** Takes the rest as text. */
  rest(): string {
    const taken = this.#text;
    this.#text = "";
    return taken;
  }

  /** Takes the rest as binary data. */
  binary(): Uint8Array {
    return Buffer.from(this.rest(), "latin1");
  }

  /** Takes `count` bytes written in hexadecimal; without it, the rest. */
  hexBytes(count = this.#text.length / 2): Uint8Array {
    const digits = this.#text.slice(0, 2 * count);
    if (digits.length !== 2 * count || digits.length % 2 !== 0 || /[^0-9a-f]/i.test(digits)) {
      throw this.#malformed("pairs of hex digits");
    }
    this.#text = this.#text.slice(digits.length);
    return Buffer.from(digits, "hex");
  }

  #malformed(wanted: string): MalformedPacket {
    const found = this.atEnd ? "the end of the packet" : `'${this.#text.slice(0, 8).replace(/[^ -~]/g, "?")}'`;
    return new MalformedPacket(`malformed packet: wanted ${wanted}, found ${found}`);
  }
}
