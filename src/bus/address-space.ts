/**
 * The physical address space outside RAM: windows of device registers, each access handed to the device whose
 * window holds it (DDI 0487, "System address map": up to 48 bits, carried as JS numbers).
 */
import { BusFault, type MmioDevice, type Width } from "./contract.js";

/** A range of physical addresses that belongs to one device. */
export interface Window {
  /** For messages: `uart0`. */
  readonly name: string;
  readonly base: number;
  /** In bytes. */
  readonly size: number;
  readonly device: MmioDevice;
  /** Only Secure accesses find it. */
  readonly secure?: boolean;
}

/** Why an access did not happen. The CPU turns it into an external abort. */
export interface AccessFault {
  readonly kind: "unmapped" | "device";
  readonly access: "read" | "write" | "peek";
  /** Physical address. */
  readonly address: number;
  readonly width: Width;
  /** One line for the log: what, where and why. */
  readonly reason: string;
}

/** Two windows overlap, or one leaves the address space: a broken machine description, found before it runs. */
export class AddressMapError extends Error {
  readonly code = "ADDRESS_MAP";
}

const ADDRESS_LIMIT = 2 ** 48;

export class AddressSpace {
  readonly #windows: Window[] = [];
  /** The window of the last access: a device is mostly accessed several times in a row. */
  #last: Window | undefined;

  /** `onFault` hears of every access that no device answered (for the log); peeks are not reported. */
  constructor(readonly onFault?: (fault: AccessFault) => void) {}

  /** The windows, by ascending base. */
  get windows(): readonly Window[] {
    return this.#windows;
  }

  /** Adds a window. Throws AddressMapError when it overlaps another or is not within 48 bits. */
  map(window: Window): void {
    const { name, base, size } = window;
    const end = base + size;
    if (!Number.isSafeInteger(base) || base < 0 || !(size > 0) || end > ADDRESS_LIMIT) {
      throw new AddressMapError(`${name}: ${hex(base)} + ${hex(size)} is not a range of 48-bit addresses`);
    }
    const at = this.#firstAbove(base);
    for (const other of [this.#windows[at - 1], this.#windows[at]]) {
      if (other !== undefined && base < other.base + other.size && other.base < end) {
        throw new AddressMapError(
          `${name} (${hex(base)}, ${hex(size)} bytes) overlaps ${other.name} (${hex(other.base)}, ` +
            `${hex(other.size)} bytes): move one of them in the machine file`,
        );
      }
    }
    this.#windows.splice(at, 0, window);
  }

  /** The window that holds `address`, if any. */
  find(address: number): Window | undefined {
    const last = this.#last;
    if (last !== undefined && address >= last.base && address < last.base + last.size) return last;
    const window = this.#windows[this.#firstAbove(address) - 1];
    if (window === undefined || address >= window.base + window.size) return undefined;
    this.#last = window;
    return window;
  }

  /** A real read: the zero-extended value, or why there is none. Never throws a guest's mistake. */
  read(address: number, width: Width, secure = false): bigint | AccessFault {
    const result = this.attemptRead(address, width, secure);
    return typeof result === "bigint" ? result : this.#report(result);
  }

  /** A real write: `undefined` when it was carried out. */
  write(address: number, width: Width, value: bigint, secure = false): AccessFault | undefined {
    const fault = this.attemptWrite(address, width, value, secure);
    return fault && this.#report(fault);
  }

  /** `read` for one who will try again in another way: `onFault` does not hear of it. */
  attemptRead(address: number, width: Width, secure = false): bigint | AccessFault {
    const window = this.#windowOf(address, width, secure);
    if (window === undefined) return unmapped("read", address, width);
    try {
      return window.device.read(address - window.base, width, secure);
    } catch (error) {
      return deviceFault(error, window, "read", address, width);
    }
  }

  /** `write` for one who will try again in another way. */
  attemptWrite(address: number, width: Width, value: bigint, secure = false): AccessFault | undefined {
    const window = this.#windowOf(address, width, secure);
    if (window === undefined) return unmapped("write", address, width);
    try {
      window.device.write(address - window.base, width, value, secure);
      return undefined;
    } catch (error) {
      return deviceFault(error, window, "write", address, width);
    }
  }

  /** What a debugger reads: no side effect, nothing logged. */
  peek(address: number, width: Width, secure = false): bigint | AccessFault {
    const window = this.#windowOf(address, width, true);
    if (window === undefined) return unmapped("peek", address, width);
    try {
      return window.device.peek(address - window.base, width, secure);
    } catch (error) {
      return deviceFault(error, window, "peek", address, width);
    }
  }

  #windowOf(address: number, width: Width, secure: boolean): Window | undefined {
    const window = this.find(address);
    if (window?.secure && !secure) return undefined;
    return window !== undefined && address + width <= window.base + window.size ? window : undefined;
  }

  /** The number of windows whose base is at or below `address`. */
  #firstAbove(address: number): number {
    let low = 0;
    let high = this.#windows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#windows[middle] as Window).base <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #report(fault: AccessFault): AccessFault {
    this.onFault?.(fault);
    return fault;
  }
}

function unmapped(access: AccessFault["access"], address: number, width: Width): AccessFault {
  const reason = `${width}-byte ${access} at ${hex(address)}: no device is mapped there`;
  return { kind: "unmapped", access, address, width, reason };
}

/** Only a BusFault is the guest's doing; anything else is a bug of ours and goes on up. */
function deviceFault(
  error: unknown,
  window: Window,
  access: AccessFault["access"],
  address: number,
  width: Width,
): AccessFault {
  if (!(error instanceof BusFault)) throw error;
  const reason = `${width}-byte ${access} at ${hex(address)} (${window.name}): ${error.message}`;
  return { kind: "device", access, address, width, reason };
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
