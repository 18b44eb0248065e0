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
}

/** Numbers are little-endian, but for those of the file directory. */
export function machineItems({ memory, cpus, kernel, initrd, append }: HandedOver): ReadonlyMap<number, Uint8Array> {
  const items = new Map<number, Uint8Array>([
    [KEY.signature, new Uint8Array(Buffer.from("QEMU", "latin1"))],
    [KEY.id, u32(FEATURE.traditional | FEATURE.dma)],
    [KEY.ramSize, new Uint8Array([...u32(memory), ...u32(Math.floor(memory / 2 ** 32))])],
    [KEY.noGraphic, u16(1)],
    [KEY.cpuCount, u16(cpus)],
    [KEY.bootMenu, u16(0)],
    [KEY.maxCpus, u16(cpus)],
    // The number of files, big-endian.
    [KEY.fileDirectory, u32(0)],
  ]);
  if (kernel) items.set(KEY.kernelSize, u32(kernel.length)).set(KEY.kernelData, kernel);
  if (initrd) items.set(KEY.initrdSize, u32(initrd.length)).set(KEY.initrdData, initrd);
  if (append !== undefined) {
    const text = new Uint8Array(Buffer.from(`${append}\0`, "utf8"));
    items.set(KEY.commandLineSize, u32(text.length)).set(KEY.commandLineData, text);
  }
  return items;
}

function u16(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, value >>> 8]);
}

function u32(value: number): Uint8Array {
  return new Uint8Array([value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, (value >>> 24) & 0xff]);
}
