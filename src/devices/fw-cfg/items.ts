/** What the machine tells its firmware: fw_cfg items by key (QEMU documentation, fw_cfg.rst; keys of fw_cfg.h). */

export const KEY = {
  signature: 0x00,
  id: 0x01,
  ramSize: 0x03,
  noGraphic: 0x04,
  cpuCount: 0x05,
  kernelSize: 0x08,
  initrdSize: 0x0b,
  bootMenu: 0x0e,
  maxCpus: 0x0f,
  kernelData: 0x11,
  initrdData: 0x12,
  commandLineSize: 0x14,
  commandLineData: 0x15,
  fileDirectory: 0x19,
} as const;

/** Feature bits of the item `id`. */
export const FEATURE = { traditional: 1, dma: 2 } as const;

export interface HandedOver {
  /** Bytes of RAM. */
  readonly memory: number;
  readonly cpus: number;
  /** An arm64 Image, which EDK2 starts as an EFI application. */
  readonly kernel?: Uint8Array;
  readonly initrd?: Uint8Array;
  readonly append?: string;
  readonly files?: readonly FwCfgFile[];
}

/** An item with a name, which firmware looks up in the directory: "etc/…" is the machine's, "opt/…" the user's. */
export interface FwCfgFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Keys of files: from the first to before the last. */
const FILE_KEYS = { first: 0x20, end: 0x4000 } as const;
/** FWCfgFile: size, select, reserved, name with its NUL. */
const DIRECTORY_ENTRY = { size: 64, select: 4, name: 8, nameSize: 56 } as const;

/** Why there cannot be these files; undefined when there can. */
export function fileFault(files: readonly FwCfgFile[]): string | undefined {
  if (files.length > FILE_KEYS.end - FILE_KEYS.first) {
    return `${files.length} files; there is room for ${FILE_KEYS.end - FILE_KEYS.first}`;
  }
  const names = files.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `two files are called "${twice}"`;
  const bad = names.find((name) => !/^[\x21-\x7e]+$/.test(name) || name.length >= DIRECTORY_ENTRY.nameSize);
  if (bad === undefined) return undefined;
  return `"${bad}" is no name of a file: 1 to ${DIRECTORY_ENTRY.nameSize - 1} letters, digits and signs, no spaces`;
}

/** Numbers are little-endian, but for those of the file directory. */
export function machineItems(handedOver: HandedOver): ReadonlyMap<number, Uint8Array> {
  const { memory, cpus, kernel, initrd, append, files = [] } = handedOver;
  const items = new Map<number, Uint8Array>([
    [KEY.signature, new Uint8Array(Buffer.from("QEMU", "latin1"))],
    [KEY.id, u32(FEATURE.traditional | FEATURE.dma)],
    [KEY.ramSize, new Uint8Array([...u32(memory), ...u32(Math.floor(memory / 2 ** 32))])],
    [KEY.noGraphic, u16(1)],
    [KEY.cpuCount, u16(cpus)],
    [KEY.bootMenu, u16(0)],
    [KEY.maxCpus, u16(cpus)],
  ]);
  // By name, as firmware may expect of QEMU.
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  items.set(KEY.fileDirectory, directory(sorted));
  for (const [index, { bytes }] of sorted.entries()) items.set(FILE_KEYS.first + index, bytes);
  if (kernel) items.set(KEY.kernelSize, u32(kernel.length)).set(KEY.kernelData, kernel);
  if (initrd) items.set(KEY.initrdSize, u32(initrd.length)).set(KEY.initrdData, initrd);
  if (append !== undefined) {
    const text = new Uint8Array(Buffer.from(`${append}\0`, "utf8"));
    items.set(KEY.commandLineSize, u32(text.length)).set(KEY.commandLineData, text);
  }
  return items;
}

/** The number of files and a row for each; big-endian. */
function directory(files: readonly FwCfgFile[]): Uint8Array {
  const bytes = new Uint8Array(4 + DIRECTORY_ENTRY.size * files.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, files.length);
  for (const [index, { name, bytes: content }] of files.entries()) {
    const at = 4 + DIRECTORY_ENTRY.size * index;
    view.setUint32(at, content.length);
    view.setUint16(at + DIRECTORY_ENTRY.select, FILE_KEYS.first + index);
    bytes.set(Buffer.from(name, "latin1"), at + DIRECTORY_ENTRY.name);
  }
  return bytes;
}

function u16(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, value >>> 8]);
}

function u32(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]);
}
