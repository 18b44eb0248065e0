/** fw_cfg's registers in memory (QEMU documentation, fw_cfg.rst, "Arm: Register Locations"): all are big-endian. */
import { type Register, RegisterMap } from "../../bus/register-map.js";
import type { FwCfg } from "./fw-cfg.js";

export const WINDOW_SIZE = 0x18;
/** The data register: bytes of the item in order, whatever the width of the access. */
export const DATA = { offset: 0x00, size: 8 } as const;

/** What the DMA address register reads as: "QEMU CFG". */
const DMA_SIGNATURE = [0x554d4551, 0x47464320] as const;

const ROWS: readonly Register<FwCfg>[] = [
  {
    name: "selector",
    offset: 0x08,
    width: 2,
    access: "WO",
    write: (fwCfg, _, value) => fwCfg.select(((value & 0xff) << 8) | (value >>> 8)),
  },
  {
    name: "DMA address, high half",
    offset: 0x10,
    width: 4,
    access: "RW",
    wide: [8],
    read: () => DMA_SIGNATURE[0],
    write: (fwCfg, _, value) => fwCfg.setDmaHigh(swap32(value)),
  },
  {
    name: "DMA address, low half",
    offset: 0x14,
    width: 4,
    access: "RW",
    read: () => DMA_SIGNATURE[1],
    write: (fwCfg, _, value) => fwCfg.startDma(swap32(value)),
  },
];

export const FW_CFG_REGISTERS = new RegisterMap<FwCfg>(
  { name: "fw-cfg", size: WINDOW_SIZE, unknown: "fault", badWidth: "fault", splitWide: false },
  ROWS,
);

function swap32(value: number): number {
  return ((value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}
