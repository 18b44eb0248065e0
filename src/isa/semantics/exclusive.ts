/**
 * The exclusive monitor and atomic read-modify-write (DDI 0487, B2.10 "Synchronization and semaphores"). One monitor
 * per vCPU; the scheduler clears it whenever another vCPU gets its turn, which makes it exact on one thread, and makes
 * acquire and release orderings nothing to be done about.
 */
import type { Builder } from "../../engine/builder.js";
import type { I32, I64 } from "../../engine/ir/value.js";
import { CPU } from "../../engine/layout.js";
import type { LoadName, StoreName } from "../../engine/wasm/opcodes.js";
import type { Operand } from "../pattern.js";

const LOADS: readonly LoadName[] = ["i64.load8_u", "i64.load16_u", "i64.load32_u", "i64.load"];
const STORES: readonly StoreName[] = ["i64.store8", "i64.store16", "i64.store32", "i64.store"];

/** 1 << log2 bytes at a host address in the guest's order, zero-extended. */
function loadAt(b: Builder, log2: number, host: I32, offset = 0): I64 {
  return b.dataOrder(b.load(LOADS[log2]!, host, offset) as I64, log2);
}

function storeAt(b: Builder, log2: number, host: I32, value: I64, offset = 0): void {
  b.store(STORES[log2]!, host, b.dataOrder(value, log2), offset);
}

/** The low 1 << log2 bytes. */
function lowBytes(value: I64, log2: number): I64 {
  return log2 === 3 ? value : value.and((1n << BigInt(8 << log2)) - 1n);
}

/** Arms the monitor for `size` bytes at `address` and gives their host address. */
function arm(b: Builder, size: number, address: I64): I32 {
  const host = b.readHost(size, address, { aligned: true });
  b.setState32(CPU.exclusive, b.i32(1));
  b.setState32(CPU.exclusiveHost, host);
  b.setState32(CPU.exclusiveSize, b.i32(size));
  return host;
}

/**
 * Runs `store` if the monitor is armed for this location, then disarms it and writes the status (0 = stored) to Ws.
 * Without an armed monitor the address is not looked at.
 */
function storeIfExclusive(b: Builder, size: number, status: Operand, address: I64, store: (host: I32) => void): void {
  const failed = b.variable(b.i32(1));
  b.if(b.state32(CPU.exclusive), () => {
    const host = b.exclusiveHost(size, address);
    const matches = host.eq(b.state32(CPU.exclusiveHost)).and(b.state32(CPU.exclusiveSize).eq(size));
    b.if(matches, () => {
      store(host);
      failed.set(b.i32(0));
    });
  });
  b.setState32(CPU.exclusive, b.i32(0));
  b.setW(status, failed.get());
}

interface Location {
  readonly Rn: Operand;
  readonly Rt: Operand;
}
interface Pair extends Location {
  readonly Rt2: Operand;
}

export function loadExclusive(b: Builder, log2: number, f: Location): void {
  b.setX(f.Rt, loadAt(b, log2, arm(b, 1 << log2, b.base(f.Rn))));
}

export function loadExclusivePair(b: Builder, log2: number, f: Pair): void {
  const host = arm(b, 2 << log2, b.base(f.Rn));
  const [first, second] = [loadAt(b, log2, host), loadAt(b, log2, host, 1 << log2)];
  b.setX(f.Rt, first);
  b.setX(f.Rt2, second);
}

export function storeExclusive(b: Builder, log2: number, f: Location & { Rs: Operand }): void {
  const value = b.X(f.Rt);
  storeIfExclusive(b, 1 << log2, f.Rs, b.base(f.Rn), (host) => storeAt(b, log2, host, value));
}

export function storeExclusivePair(b: Builder, log2: number, f: Pair & { Rs: Operand }): void {
  const [first, second] = [b.X(f.Rt), b.X(f.Rt2)];
  storeIfExclusive(b, 2 << log2, f.Rs, b.base(f.Rn), (host) => {
    storeAt(b, log2, host, first);
    storeAt(b, log2, host, second, 1 << log2);
  });
}

/** Reads 1 << log2 bytes, stores what `operate` makes of them, returns what was read. */
export function readModifyWrite(b: Builder, log2: number, address: I64, operate: (old: I64) => I64): I64 {
  const host = b.exclusiveHost(1 << log2, address);
  const old = loadAt(b, log2, host);
  storeAt(b, log2, host, operate(old));
  return old;
}

export function compareAndSwap(b: Builder, log2: number, f: Location & { Rs: Operand }): void {
  const expected = lowBytes(b.X(f.Rs), log2);
  const value = b.X(f.Rt);
  const old = readModifyWrite(b, log2, b.base(f.Rn), (found) => found.eq(expected).select(value, found));
  b.setX(f.Rs, old);
}

/** CASP on <Rs, Rs+1>, <Rt, Rt+1>, which must begin with an even register. */
export function compareAndSwapPair(b: Builder, log2: number, f: Location & { Rs: Operand }): void {
  b.undefinedIf(b.operand(f.Rs).or(b.operand(f.Rt)).and(1));
  const expected = [0, 1].map((i) => lowBytes(b.X(f.Rs, i), log2));
  const values = [0, 1].map((i) => b.X(f.Rt, i));
  const host = b.exclusiveHost(2 << log2, b.base(f.Rn));
  const old = [0, 1].map((i) => loadAt(b, log2, host, i << log2));
  const same = old[0]!.eq(expected[0]!).and(old[1]!.eq(expected[1]!));
  for (const i of [0, 1]) storeAt(b, log2, host, same.select(values[i]!, old[i]!), i << log2);
  for (const i of [0, 1]) b.setX(f.Rs, old[i]!, i);
}
