/**
 * Where the bits of HCR_EL2 and SCR_EL3 are (DDI 0487, D17.2), by the architecture's names: numbers, for code that
 * tests one, and the masks of a word or of the register that are made of them.
 */

const HCR_EL2_LOW = {
  VM: 0,
  PTW: 2,
  FMO: 3,
  IMO: 4,
  AMO: 5,
  VF: 6,
  VI: 7,
  VSE: 8,
  FB: 9,
  DC: 12,
  TWI: 13,
  TWE: 14,
  TID1: 16,
  TID2: 17,
  TID3: 18,
  TSC: 19,
  TIDCP: 20,
  TACR: 21,
  TSW: 22,
  TPC: 23,
  TPU: 24,
  TTLB: 25,
  TVM: 26,
  TGE: 27,
  TDZ: 28,
  HCD: 29,
  TRVM: 30,
  RW: 31,
} as const;

const HCR_EL2_HIGH = {
  CD: 32,
  ID: 33,
  E2H: 34,
  TLOR: 35,
  TERR: 36,
  TEA: 37,
  APK: 40,
  API: 41,
  FWB: 46,
  EnSCXT: 53,
} as const;

const SCR_EL3_LOW = {
  NS: 0,
  IRQ: 1,
  FIQ: 2,
  EA: 3,
  SMD: 7,
  HCE: 8,
  SIF: 9,
  RW: 10,
  ST: 11,
  TWI: 12,
  TWE: 13,
  TLOR: 14,
  TERR: 15,
  APK: 16,
  API: 17,
  EnSCXT: 25,
} as const;

const SCR_EL3_HIGH = { HXEn: 38 } as const;

export const HCR_EL2 = { ...HCR_EL2_LOW, ...HCR_EL2_HIGH } as const;
export const SCR_EL3 = { ...SCR_EL3_LOW, ...SCR_EL3_HIGH } as const;

function each<K extends string, M>(bits: Readonly<Record<K, number>>, mask: (n: number) => M): Readonly<Record<K, M>> {
  const masks = Object.entries<number>(bits).map(([name, n]) => [name, mask(n)]);
  return Object.fromEntries(masks) as Record<K, M>;
}

/** Masks in the register. */
const long = (n: number): bigint => 1n << BigInt(n);
/** Masks in the register's word that the bit is in. */
const word = (n: number): number => 1 << (n & 31);

export const HCR_MASK = each(HCR_EL2, long);
export const SCR_MASK = each(SCR_EL3, long);
export const HCR = each(HCR_EL2_LOW, word);
/** HCR_EL2[63:32]. */
export const HCR_HIGH = each(HCR_EL2_HIGH, word);
export const SCR = each(SCR_EL3_LOW, word);
/** SCR_EL3[63:32]. */
export const SCR_HIGH = each(SCR_EL3_HIGH, word);
