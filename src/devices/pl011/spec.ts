/** PL011 UART: bits and reset values (Arm DDI 0183G, PrimeCell UART (PL011) TRM, chapter 3). */

/** UARTDR, above the eight data bits: the errors of one received character (table 3-2). */
export const DR = { FE: 1 << 8, PE: 1 << 9, BE: 1 << 10, OE: 1 << 11 } as const;

/** UARTRSR/UARTECR (table 3-3). */
export const RSR = { FE: 1 << 0, PE: 1 << 1, BE: 1 << 2, OE: 1 << 3 } as const;

/** UARTFR (table 3-4). */
export const FR = {
  CTS: 1 << 0,
  DSR: 1 << 1,
  DCD: 1 << 2,
  BUSY: 1 << 3,
  RXFE: 1 << 4,
  TXFF: 1 << 5,
  RXFF: 1 << 6,
  TXFE: 1 << 7,
  RI: 1 << 8,
} as const;

/** UARTLCR_H (table 3-8). */
export const LCR_H = { BRK: 1 << 0, FEN: 1 << 4 } as const;

/** UARTCR (table 3-10). */
export const CR = {
  UARTEN: 1 << 0,
  LBE: 1 << 7,
  TXE: 1 << 8,
  RXE: 1 << 9,
  DTR: 1 << 10,
  RTS: 1 << 11,
  OUT1: 1 << 12,
  OUT2: 1 << 13,
  RTSEN: 1 << 14,
  CTSEN: 1 << 15,
} as const;

/** Bits of UARTIMSC, UARTRIS, UARTMIS and UARTICR (tables 3-12 to 3-15). */
export const INT = {
  RI: 1 << 0,
  CTS: 1 << 1,
  DCD: 1 << 2,
  DSR: 1 << 3,
  RX: 1 << 4,
  TX: 1 << 5,
  RT: 1 << 6,
  FE: 1 << 7,
  PE: 1 << 8,
  BE: 1 << 9,
  OE: 1 << 10,
} as const;

export const INT_ALL = 0x7ff;
export const CR_WRITABLE = 0xff87;

export const CR_RESET = CR.RXE | CR.TXE;
/** Both FIFOs interrupt at half full. */
export const IFLS_RESET = 0x12;

/** UARTIFLS selects eighths of the FIFO; the reserved encodings behave as the highest level. */
const EIGHTHS = [1, 2, 4, 6, 7, 7, 7, 7] as const;

/** The trigger level, in characters, of one UARTIFLS field (table 3-11). */
export function triggerLevel(select: number, depth: number): number {
  return ((EIGHTHS[select & 7] ?? 7) * depth) >> 3;
}
