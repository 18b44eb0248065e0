/** GICv3 Interrupt Translation Service: constants, and what an ITS asks of the redistributors (Arm IHI 0069H). */

/** The control frame, and the frame of GITS_TRANSLATER behind it (section 12.10). */
export const ITS_SIZE = 0x2_0000;
export const TRANSLATER = 0x1_0040;

/** DeviceIDs and collections have as many bits; EventIDs as many as INTIDs. */
export const ID_BITS = 16;

/** GITS_CTLR (section 12.19.5). */
export const GITS_CTLR = { Enabled: 1, Quiescent: (1 << 31) >>> 0 } as const;

/** GITS_CBASER, GITS_CWRITER, GITS_CREADR (sections 12.19.2 to 12.19.4). */
export const CBASER = {
  Valid: 1n << 63n,
  address: 0x000f_ffff_ffff_f000n,
  Size: 0xffn,
  writable: (1n << 63n) | (7n << 59n) | (7n << 53n) | 0x000f_ffff_ffff_f000n | (3n << 10n) | 0xffn,
} as const;
export const COMMAND_SIZE = 32;
export const QUEUE_OFFSET = 0xf_ffe0n;
export const CWRITER_RETRY = 1n;
export const CREADR_STALLED = 1n;
/** Bytes of queue for each unit of GITS_CBASER.Size. */
export const QUEUE_PAGE = 0x1000;

/** GITS_BASER<n> (section 12.19.1). */
export const BASER = {
  Valid: 1n << 63n,
  Indirect: 1n << 62n,
  Type: 56n,
  Entry_Size: 48n,
  writable: (3n << 62n) | (7n << 59n) | (7n << 53n) | 0x0000_ffff_ffff_ffffn,
} as const;
/** GITS_BASER<n>.Type. */
export const TABLE_TYPE = { devices: 1n, collections: 4n } as const;
/** All entries, of the Interrupt Translation Tables as well, are a doubleword. */
export const ENTRY_SIZE = 8;

/** Redistributors as an ITS reaches them: by number (GITS_TYPER.PTA is 0). Numbers that do not exist do nothing. */
export interface LpiTargets {
  readonly cpuCount: number;
  /** Makes an LPI pending, or not. Whether that changed anything. */
  setLpi(cpu: number, intid: number, pending: boolean): boolean;
  /** The configuration of an LPI, or of all of them, has changed in memory. */
  invalidateLpi(cpu: number, intid?: number): void;
  /** An LPI that is pending at one is so at another instead, or all of them are. */
  moveLpis(from: number, to: number, intid?: number): void;
}
