/**
 * `--module FILE[,addr=…],kernel|ramdisk|…[,append=…]`: a file for a hypervisor that finds it by the tree's /chosen.
 */
import { ConfigError } from "../machine/errors.js";
import { parseAddress } from "../machine/format.js";
import { bytesOf, FileContent } from "../machine/loaders/content.js";
import { loadKernel } from "../machine/loaders/kernel.js";
import { type BootModule, MODULE_KINDS, type ModuleKind } from "../machine/loaders/modules.js";

const FORM = `FILE[,addr=ADDRESS],${Object.keys(MODULE_KINDS).join("|")}[,append=TEXT]`;

/** @throws ConfigError USAGE, FILE_UNREADABLE, BAD_KERNEL. */
export function openModule(text: string): BootModule {
  // A command line has commas of its own, so it is last and takes the rest.
  const [head = "", append] = splitOnce(text, ",append=");
  const [file = "", ...fields] = head.split(",");
  if (file === "") throw usage(text, "names no file");
  let kind: ModuleKind | undefined;
  let address: number | undefined;
  for (const field of fields) {
    if (field.startsWith("addr=")) {
      address = parseAddress(field.slice("addr=".length));
      if (address === undefined) throw usage(text, `has no address in "${field}"; write addr=0x49000000`);
    } else if (Object.hasOwn(MODULE_KINDS, field)) {
      if (kind !== undefined) throw usage(text, `is both ${kind} and ${field}`);
      kind = field as ModuleKind;
    } else {
      throw usage(text, `has "${field}" in it`);
    }
  }
  if (kind === undefined) throw usage(text, "does not say what the file is");
  return {
    name: file,
    bytes: contents(file, kind),
    kind,
    ...(address === undefined ? {} : { address }),
    ...(append === undefined ? {} : { append }),
  };
}

/** A kernel's Image without its wrapping, which not every hypervisor can undo; whatever else it is stays as it is. */
function contents(file: string, kind: ModuleKind): Uint8Array {
  const bytes = bytesOf(FileContent.open(file, "the module"));
  if (bytes.length === 0) throw new ConfigError("USAGE", `${file}: a module is not empty`);
  if (kind !== "kernel") return bytes;
  const kernel = loadKernel(bytes, file);
  return kernel.kind === "image" ? bytesOf(kernel.segments[0]!.bytes) : bytes;
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function usage(text: string, problem: string): ConfigError {
  return new ConfigError("USAGE", `--module ${JSON.stringify(text)} ${problem}; it is ${FORM}`);
}
