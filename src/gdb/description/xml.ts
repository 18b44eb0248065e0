/**
 * Target descriptions, thread lists and memory maps as the XML GDB reads (GDB manual, appendices "Target Descriptions"
 * and "Remote Protocol", sections "Thread List Format" and "Memory Map Format").
 */

import type { MemoryRegion, OsTable, Vcpu } from "../target.js";
import type { RegisterFeature, RegisterSpec, RegisterType } from "./feature.js";
import { SYSTEM_GROUP } from "./system.js";

/** A tag with attributes; without `body` it closes itself. */
function tag(name: string, attributes: Readonly<Record<string, string | number>>, body?: string): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`);
  return body === undefined ? `<${name}${list.join("")}/>` : `<${name}${list.join("")}>${body}</${name}>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** `element`, which is a `root`, as a document; `subset` is the internal subset of its DTD. */
function declared(root: string, dtd: string, element: string, subset = ""): string {
  return `<?xml version="1.0"?><!DOCTYPE ${root} SYSTEM "${dtd}"${subset && ` [${subset}]`}>${element}`;
}

/**
 * A document whose DTD says nothing that it needs (XML 1.0, 2.9): GDB has the DTD built in, and would read that as
 * well.
 */
function standalone(element: string): string {
  return `<?xml version="1.0" standalone="yes"?>${element}`;
}

/** The file a feature is in: its name's last words, "aarch64-core.xml" for "org.gnu.gdb.aarch64.core". */
function featureFile(feature: RegisterFeature): string {
  return `${feature.name.split(".").slice(-2).join("-")}.xml`;
}

/**
 * Tags of one line: few lines, because GDB goes through what is between tags twice, but none of more than a thousand
 * characters, because GDB saves the description with a trace line by line and does not read longer ones
 * (tracefile-tfile.c).
 */
const LINE = /.{500,}?>(?=<)/g;

/** What a register's tag says, every attribute of it. */
interface RegisterAttributes {
  readonly bitsize: string;
  readonly type: string;
  readonly group: string;
  readonly "save-restore": "yes" | "no";
}

/** What GDB takes for said where a tag does not: the defaults of its own gdb-target.dtd. */
const STANDARD: Partial<RegisterAttributes> = { type: "int", group: "", "save-restore": "yes" };

/** What most registers are: those of the system. */
const USUAL: RegisterAttributes = { bitsize: "64", type: "uint64", group: SYSTEM_GROUP, "save-restore": "no" };

/** Features as text. They never change, and each connection begins with them. */
class FeatureTexts {
  readonly #known = new WeakMap<RegisterFeature, string>();

  /** Attributes that are as `assumed` are left out. */
  constructor(private readonly assumed: Partial<RegisterAttributes>) {}

  /** The `feature` element, in lines. */
  of(feature: RegisterFeature): string {
    const known = this.#known.get(feature);
    if (known !== undefined) return known;
    const registers = feature.registers.map((register) => registerTag(register, this.assumed));
    const body = feature.types.map(typeTag).join("") + registers.join("");
    const text = tag("feature", { name: feature.name }, body).replace(LINE, "$&\n");
    this.#known.set(feature, text);
    return text;
  }
}

const standardTexts = new FeatureTexts(STANDARD);
const usualTexts = new FeatureTexts(USUAL);
const compactTexts = new WeakMap<readonly RegisterFeature[], Buffer>();

/**
 * The whole description in one document, for GDB, which spends most of an attachment on it: two hundred instructions
 * for each character, and two thousand to have each element and attribute translated for a message that nobody sees
 * (xml-support.c). So what most registers have in common is said once, as the default of the DTD (XML 1.0, 3.3.2), and
 * the features are an entity: GDB looks for inclusions first, in a pass that does not expand entities (4.4).
 */
export function compactDescription(features: readonly RegisterFeature[]): Buffer {
  const known = compactTexts.get(features);
  if (known !== undefined) return known;
  const defaults = Object.entries(USUAL).map(([name, value]) => `${name} CDATA "${value}"`);
  const texts = features.map((feature) => usualTexts.of(feature));
  const subset = `<!ATTLIST reg ${defaults.join(" ")}>\n<!ENTITY f '${texts.join("\n")}'>\n`;
  const target = tag("target", { version: "1.0" }, `${tag("architecture", {}, "aarch64")}&f;`);
  const text = Buffer.from(declared("target", "gdb-target.dtd", target, subset));
  compactTexts.set(features, text);
  return text;
}

/**
 * The document `annex` of `qXfer:features:read`: "target.xml" or a file it includes; undefined if there is none such.
 */
export function descriptionFile(features: readonly RegisterFeature[], annex: string): string | undefined {
  if (annex === "target.xml") {
    const includes = features.map((feature) => tag("xi:include", { href: featureFile(feature) }));
    const body = tag("architecture", {}, "aarch64") + includes.join("");
    const attributes = { version: "1.0", "xmlns:xi": "http://www.w3.org/2001/XInclude" };
    return declared("target", "gdb-target.dtd", tag("target", attributes, body));
  }
  const feature = features.find((candidate) => featureFile(candidate) === annex);
  if (feature === undefined) return undefined;
  return declared("feature", "gdb-target.dtd", standardTexts.of(feature));
}

function typeTag(type: RegisterType): string {
  switch (type.kind) {
    case "vector":
      return tag("vector", { id: type.id, type: type.element, count: type.count });
    case "union":
      return tag("union", { id: type.id }, type.fields.map((field) => tag("field", { ...field })).join(""));
    case "flags":
      return tag(
        "flags",
        { id: type.id, size: type.size },
        type.fields.map((field) => tag("field", { ...field })).join(""),
      );
  }
}

function registerTag(register: RegisterSpec, assumed: Partial<RegisterAttributes>): string {
  const { name, bits, type, group = "", saveRestore = true } = register;
  const all: RegisterAttributes = { bitsize: String(bits), type, group, "save-restore": saveRestore ? "yes" : "no" };
  const keys = Object.keys(all) as (keyof RegisterAttributes)[];
  const said = keys.filter((key) => all[key] !== assumed[key]).map((key) => [key, all[key]]);
  return tag("reg", { name, ...Object.fromEntries(said) });
}

/** The document of `qXfer:threads:read`. `threadId` gives a vCPU's id in the client's notation. */
export function threadList(vcpus: readonly Vcpu[], threadId: (vcpu: number) => string): string {
  const threads = vcpus.map(({ id, name, state }) =>
    tag("thread", { id: threadId(id), core: id, name }, escapeXml(state)),
  );
  return standalone(tag("threads", {}, threads.join("")));
}

const memoryMaps = new WeakMap<readonly MemoryRegion[], string>();

/** The document of `qXfer:memory-map:read`. */
export function memoryMap(regions: readonly MemoryRegion[]): string {
  const known = memoryMaps.get(regions);
  if (known !== undefined) return known;
  const tags = regions.map((region) => {
    const place = { type: region.kind, start: hex(region.start), length: hex(region.length) };
    if (region.kind !== "flash") return tag("memory", place);
    return tag("memory", place, tag("property", { name: "blocksize" }, hex(BigInt(region.blockSize))));
  });
  const text = standalone(tag("memory-map", {}, tags.join("")));
  memoryMaps.set(regions, text);
  return text;
}

/**
 * The document of `qXfer:osdata:read`: the list of tables, or one of them (GDB manual, "Operating System
 * Information").
 */
export function osData(tables: readonly OsTable[], type: string): string | undefined {
  const rows =
    type === ""
      ? tables.map(({ type: Type, description: Description, title: Title }) => ({ Type, Description, Title }))
      : tables.find((table) => table.type === type)?.rows();
  if (rows === undefined) return undefined;
  const items = rows.map((row) => {
    const columns = Object.entries(row).map(([name, value]) => tag("column", { name }, escapeXml(value)));
    return tag("item", {}, columns.join(""));
  });
  return standalone(tag("osdata", { type: type === "" ? "types" : type }, items.join("")));
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
