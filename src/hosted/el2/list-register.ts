/** ICH_LR<n>_EL2: the fields of a list register (IHI 0069, 12.4.13). */

export const LrState = { invalid: 0, pending: 1, active: 2, pendingActive: 3 } as const;
export type LrState = (typeof LrState)[keyof typeof LrState];

export interface ListRegister {
  readonly state: LrState;
  readonly intid: number;
  readonly priority: number;
  readonly group: 0 | 1;
  /** The guest's deactivation deactivates the physical interrupt of the same INTID. */
  readonly hw: boolean;
}

export function packLr({ state, intid, priority, group, hw }: ListRegister): bigint {
  const high = (state << 30) | (Number(hw) << 29) | (group << 28) | (priority << 16) | (hw ? intid & 0x1fff : 0);
  return (BigInt(high >>> 0) << 32n) | BigInt(intid);
}

export function unpackLr(value: bigint): ListRegister {
  const high = Number(value >> 32n);
  return {
    state: (high >>> 30) as LrState,
    intid: Number(value & 0xffff_ffffn),
    priority: (high >>> 16) & 0xff,
    group: (high & (1 << 28)) === 0 ? 0 : 1,
    hw: (high & (1 << 29)) !== 0,
  };
}
