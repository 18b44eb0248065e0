/** AML, as far as a board's DSDT needs it: terms as bytes (ACPI 6.4, chapter 20 "AML Specification"). */

/** A term, or several one after the other. */
export type Aml = readonly number[];

const OPCODE = {
  name: [0x08],
  scope: [0x10],
  method: [0x14],
  buffer: [0x11],
  package: [0x12],
  device: [0x5b, 0x82],
  createDwordField: [0x8a],
  store: [0x70],
  and: [0x7b],
  or: [0x7d],
  notify: [0x86],
  equal: [0x93],
  not: [0x92],
  if: [0xa0],
  else: [0xa1],
  return: [0xa4],
} as const;

/** Integer constants and their prefixes (20.2.3). */
const INTEGER = { zero: 0x00, one: 0x01, byte: 0x0a, word: 0x0b, dword: 0x0c, string: 0x0d, qword: 0x0e } as const;
const NAME_PREFIX = { dual: 0x2e, multiple: 0x2f, root: 0x5c } as const;
/** An operation's result that is not stored anywhere. */
const NOWHERE = 0x00;

export const arg = (n: number): Aml => [0x68 + n];

/** `bytes` bytes of a number, the lowest first. */
export function little(value: number, bytes: number): number[] {
  const wide = BigInt(value);
  return Array.from({ length: bytes }, (_, index) => Number((wide >> BigInt(8 * index)) & 0xffn));
}

/** PkgLength (20.2.4) in front of what it counts, itself included. */
function sized(content: Aml): Aml {
  if (content.length + 1 < 0x40) return [content.length + 1, ...content];
  // One to three more bytes; four bits of the length are in the first.
  const more = [1, 2, 3].find((count) => content.length + 1 + count < 1 << (4 + 8 * count)) ?? 3;
  const length = content.length + 1 + more;
  return [(more << 6) | (length & 15), ...little(length >>> 4, more), ...content];
}

/** NameString: segments of four characters, filled up with "_", divided by dots; "\" in front is the root. */
export function path(text: string): Aml {
  const fromRoot = text.startsWith("\\");
  const segments = (fromRoot ? text.slice(1) : text).split(".");
  const prefix = segments.length === 2 ? [NAME_PREFIX.dual] : [NAME_PREFIX.multiple, segments.length];
  return [
    ...(fromRoot ? [NAME_PREFIX.root] : []),
    ...(segments.length === 1 ? [] : prefix),
    ...segments.flatMap((segment) => [...Buffer.from(segment.padEnd(4, "_"), "latin1")]),
  ];
}

export function integer(value: number): Aml {
  if (value === 0) return [INTEGER.zero];
  if (value === 1) return [INTEGER.one];
  if (value < 2 ** 8) return [INTEGER.byte, value];
  if (value < 2 ** 16) return [INTEGER.word, ...little(value, 2)];
  if (value < 2 ** 32) return [INTEGER.dword, ...little(value, 4)];
  return [INTEGER.qword, ...little(value, 8)];
}

export const text = (value: string): Aml => [INTEGER.string, ...Buffer.from(value, "latin1"), 0];

export const buffer = (bytes: readonly number[]): Aml => [
  ...OPCODE.buffer,
  ...sized([...integer(bytes.length), ...bytes]),
];

/** The bytes of ToUUID: the first three groups have their lowest byte first. */
export function uuid(value: string): Aml {
  const groups = value.split("-").map((group) => [...Buffer.from(group, "hex")]);
  return buffer(groups.flatMap((group, index) => (index < 3 ? group.reverse() : group)));
}

export const packageOf = (elements: readonly Aml[]): Aml => [
  ...OPCODE.package,
  ...sized([elements.length, ...elements.flat()]),
];

export const name = (called: string, value: Aml): Aml => [...OPCODE.name, ...path(called), ...value];
export const scope = (at: string, terms: readonly Aml[]): Aml => [
  ...OPCODE.scope,
  ...sized([...path(at), ...terms.flat()]),
];
export const device = (called: string, terms: readonly Aml[]): Aml => [
  ...OPCODE.device,
  ...sized([...path(called), ...terms.flat()]),
];
export const method = (called: string, args: number, terms: readonly Aml[]): Aml => [
  ...OPCODE.method,
  ...sized([...path(called), args, ...terms.flat()]),
];

export const createDwordField = (source: Aml, offset: number, called: string): Aml => [
  ...OPCODE.createDwordField,
  ...source,
  ...integer(offset),
  ...path(called),
];
export const store = (value: Aml, target: Aml): Aml => [...OPCODE.store, ...value, ...target];
export const and = (a: Aml, b: Aml, target: Aml = [NOWHERE]): Aml => [...OPCODE.and, ...a, ...b, ...target];
export const or = (a: Aml, b: Aml, target: Aml = [NOWHERE]): Aml => [...OPCODE.or, ...a, ...b, ...target];
export const equal = (a: Aml, b: Aml): Aml => [...OPCODE.equal, ...a, ...b];
export const not = (value: Aml): Aml => [...OPCODE.not, ...value];
export const notify = (object: string, value: number): Aml => [...OPCODE.notify, ...path(object), ...integer(value)];
export const returned = (value: Aml): Aml => [...OPCODE.return, ...value];
export const when = (predicate: Aml, then: readonly Aml[], otherwise?: readonly Aml[]): Aml => [
  ...OPCODE.if,
  ...sized([...predicate, ...then.flat()]),
  ...(otherwise ? [...OPCODE.else, ...sized(otherwise.flat())] : []),
];
