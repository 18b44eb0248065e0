/** Where an instruction goes on, by its row and word. */

/**
 * How an instruction goes on: offset of a direct branch; whether the next instruction may follow; if it calls or
 * returns.
 */
export interface Flow {
  readonly offset?: number;
  readonly falls: boolean;
  readonly calls?: boolean;
  readonly returns?: boolean;
}

const STRAIGHT: Flow = { falls: true };
const AWAY: Flow = { falls: false };
const CALL: Flow = { falls: false, calls: true };
const RETURN: Flow = { falls: false, returns: true };

/** Rows after which the program goes on elsewhere, and not by a label. */
const LEAVES = new Map<string, Flow>([
  ["BR", AWAY],
  ["RET", RETURN],
  ["BRAA", AWAY],
  ["BRAAZ", AWAY],
  ["RETAA", RETURN],
  ["BLR", CALL],
  ["BLRAA", CALL],
  ["BLRAAZ", CALL],
  ["ERET", AWAY],
  ["ERETAA", AWAY],
  ["BRK", AWAY],
  ["SVC", CALL],
  ["HVC", CALL],
  ["SMC", CALL],
]);

/** Indirect branches that may be an interpreter's, from one bytecode to the next. */
export const DISPATCHES = new Set(["BR", "BRAA", "BRAAZ"]);

export function flowOf(name: string, word: number): Flow {
  switch (name) {
    case "B":
      return { offset: (word << 6) >> 6, falls: false };
    case "BL":
      return { offset: (word << 6) >> 6, falls: false, calls: true };
    case "B_cond":
    case "CBZ":
    case "CBNZ":
      return { offset: (word << 8) >> 13, falls: true };
    case "TBZ":
    case "TBNZ":
      return { offset: (word << 13) >> 18, falls: true };
    default:
      return LEAVES.get(name) ?? STRAIGHT;
  }
}

/** Whether an indirect branch is by X16 or X17, as those of veneers and linkage tables are (AAPCS64, 6.1.1). */
export const isVeneer = (word: number): boolean => (((word >>> 5) & 31) | 1) === 17;
