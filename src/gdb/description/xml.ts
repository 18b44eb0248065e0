/**
 * Target descriptions, thread lists and memory maps as the XML GDB reads (GDB manual, appendices "Target Descriptions"
 * and "Remote Protocol", sections "Thread List Format" and "Memory Map Format").
 */

import type { MemoryRegion, OsTable, Vcpu } from "../target.js";
import type { RegisterFeature, RegisterSpec, RegisterType } from "./feature.js";

/** A tag with attributes; without `body` it closes itself. */
function tag(name: string, attributes: Readonly<Record<string, string | number>>, body?: string): string {
  const list = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`);
  return body === undefined ? `<${name}${list.join("")}/>` : `<${name}${list.join("")}>${body}</${name}>`;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

function document(root: string, dtd: string, attributes: Readonly<Record<string, string>>, body: string): string {
  return `<?xml version="1.0"?><!DOCTYPE ${root} SYSTEM "${dtd}">${tag(root, attributes, body)}`;
}

/** The file a feature is in: its name's last words, "aarch64-core.xml" for "org.gnu.gdb.aarch64.core". */
function featureFile(feature: RegisterFeature): string {
  return `${feature.name.split(".").slice(-2).join("-")}.xml`;
}

/** Files of features that have been asked for: they never change, and each connection begins with them. */
const featureFiles = new WeakMap<RegisterFeature, string>();

/**
 * Tags of one line: few lines, because GDB goes through what is between tags twice, but none of more than a thousand
 * characters, because GDB saves the description with a trace line by line and does not read longer ones (tracefile-tfile.c).
 */
const LINE = /.{500,}?>(?=<)/g;

/** The document `annex` of `qXfer:features:read`: "target.xml" or a file it includes; undefined if there is none such. */
export function descriptionFile(features: readonly RegisterFeature[], annex: string): string | undefined {
  if (annex === "target.xml") {
    const includes = features.map((feature) => tag("xi:include", { href: featureFile(feature) }));
    const body = tag("architecture", {}, "aarch64") + includes.join("");
    return document(
      "target",
      "gdb-target.dtd",
      { version: "1.0", "xmlns:xi": "http://www.w3.org/2001/XInclude" },
      body,
    );
  }
  const feature = features.find((candidate) => featureFile(candidate) === annex);
  if (feature === undefined) return undefined;
  const known = featureFiles.get(feature);
  if (known !== undefined) return known;
  const body = feature.types.map(typeTag).join("") + feature.registers.map(registerTag).join("");
  const text = document("feature", "gdb-target.dtd", { name: feature.name }, body).replace(LINE, "$&\n");
  featureFiles.set(feature, text);
  return text;
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

function registerTag({ name, bits, type, group, saveRestore }: RegisterSpec): string {
  const optional = {
    ...(group === undefined ? {} : { group }),
    ...(saveRestore === undefined ? {} : { "save-restore": "no" }),
  };
  return tag("reg", { name, bitsize: bits, type, ...optional });
}

/** The document of `qXfer:threads:read`. `threadId` gives a vCPU's id in the client's notation. */
export function threadList(vcpus: readonly Vcpu[], threadId: (vcpu: number) => string): string {
  const threads = vcpus.map(({ id, name, state }) =>
    tag("thread", { id: threadId(id), core: id, name }, escapeXml(state)),
  );
  return `<?xml version="1.0"?>${tag("threads", {}, threads.join(""))}`;
}

/** The document of `qXfer:memory-map:read`. */
export function memoryMap(regions: readonly MemoryRegion[]): string {
  const tags = regions.map((region) => {
    const place = { type: region.kind, start: hex(region.start), length: hex(region.length) };
    if (region.kind !== "flash") return tag("memory", place);
    return tag("memory", place, tag("property", { name: "blocksize" }, hex(BigInt(region.blockSize))));
  });
  return document("memory-map", "gdb-memory-map.dtd", {}, tags.join(""));
}

/** The document of `qXfer:osdata:read`: the list of tables, or one of them (GDB manual, "Operating System Information"). */
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
  return document("osdata", "osdata.dtd", { type: type === "" ? "types" : type }, items.join(""));
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
