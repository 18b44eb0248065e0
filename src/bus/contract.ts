/**
 * What a device is to the machine: offsets, widths, lines, a clock, a state. A device never sees an absolute
 * address or an INTID.
 */

/** Access widths in bytes. */
export type Width = 1 | 2 | 4 | 8;

/** A level-sensitive wire. The device calls `set` whenever its output may have changed; equal levels are ignored. */
export interface IrqLine {
  set(level: boolean): void;
}

/** Virtual time. `now()` is in nanoseconds since power-on and never runs backwards. */
export interface Clock {
  now(): bigint;
}

/**
 * One pending deadline of one device. The machine calls the device's `tick()` once virtual time has reached the
 * deadline; setting another one replaces it, `undefined` cancels it. In nanoseconds of virtual time.
 */
export interface Alarm {
  set(deadline: bigint | undefined): void;
}

/** A snapshot is a plain, JSON-compatible object (bigint allowed) with a version of its own. */
export interface Snapshot {
  readonly version: number;
}

/** Every component of a machine: reset brings it to the state of a new one; restore(save()) changes nothing. */
export interface Stateful<S extends Snapshot> {
  reset(): void;
  save(): S;
  restore(state: S): void;
}

/**
 * A device's register window, as the bus sees it. Offsets are from the window's base. `secure` is the physical
 * address space of the access (DDI 0487, NS attribute): few devices look at it, and without it an access is
 * Non-secure.
 */
export interface MmioDevice {
  /** A real access with its side effects. Values are zero-extended. */
  read(offset: number, width: Width, secure?: boolean): bigint;
  write(offset: number, width: Width, value: bigint, secure?: boolean): void;
  /** What a debugger sees: never a side effect. */
  peek(offset: number, width: Width, secure?: boolean): bigint;
}

/** An access no register answers. The bus logs it and answers with a synchronous external abort or all-ones. */
export class BusFault extends Error {
  readonly code = "BUS_FAULT";
}

/** A state that cannot be restored: another version, or a component of another shape. */
export class SnapshotError extends Error {
  readonly code = "SNAPSHOT";
}

/** Refuses a snapshot of another version. `component` names the refusing one in the message. */
export function requireVersion(component: string, state: Snapshot, version: number): void {
  if (state.version !== version) {
    throw new SnapshotError(
      `${component}: the snapshot has version ${state.version}, this build reads version ${version}; ` +
        "take the snapshot again with this build",
    );
  }
}
