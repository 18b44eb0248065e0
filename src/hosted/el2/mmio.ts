/**
 * The guest's accesses to what stage 2 leaves unmapped, carried out on the bus: the value in and out of registers as
 * the load or store would have it (DDI 0487, "ISS encoding for an exception from a Data Abort": SAS, SSE, SF).
 */
import type { AccessFault } from "../../bus/address-space.js";
import { CPU } from "../../engine/layout.js";
import type { AddressSpace, GuestTranslation, PhysicalMemory, Vcpu, Width } from "../ports.js";
import type { ExitOf, VcpuExit } from "./exits.js";
import type { GicFrames } from "./gic-access.js";
import { decodeLoadStore, type LoadStore, writeBase } from "./load-store.js";
import type { Stage2Tables } from "./stage2.js";
import { Par, Spsr } from "./syndrome.js";
import { readVector, writeVector } from "./vector-register.js";

/** An access that ended in an abort of the guest. */
export interface MmioAbort {
  /** Virtual address for FAR_EL1. */
  readonly far: bigint;
  readonly write: boolean;
  /** The stage 1 fault that an element met, if that is why: a DFSC. */
  readonly stage1?: number;
  readonly why: string;
}

const SCTLR_EE = 1n << 25n;
const SCTLR_E0E = 1n << 24n;
const PAGE = 0xfffn;

export class Mmio {
  constructor(
    private readonly bus: AddressSpace,
    private readonly memory: PhysicalMemory,
    private readonly translation: GuestTranslation,
    private readonly stage2: Pick<Stage2Tables, "query">,
    /** Keeps EL2's own interrupt out of the guest's sight. */
    private readonly frames?: Pick<GicFrames, "filterRead" | "filterWrite">,
  ) {}

  /** A single general-purpose register, as the syndrome describes it. Returns why not. */
  transfer(vcpu: Vcpu, exit: ExitOf<"MmioRead" | "MmioWrite">): string | undefined {
    const swap = isBigEndian(vcpu);
    if (exit.reason === "MmioWrite") {
      return this.#writeDevice(exit.addr, exit.width, swap ? reverse(exit.data, exit.width) : exit.data)?.reason;
    }
    const value = this.#readDevice(exit.addr, exit.width);
    if (typeof value !== "bigint") return value.reason;
    const data = swap ? reverse(value, exit.width) : value;
    vcpu.setX(exit.reg, extendTo(data, exit.width, exit.signedExt, exit.regWidth));
    return undefined;
  }

  /**
   * The same of a little-endian guest that the engine waits for: a value that is read goes to `CPU.bounce` and not to
   * the register. One that is written is the register's, which the block has: only the interpreter comes here. Whether
   * it was carried out; if not, the guest's exception is taken.
   */
  answer(vcpu: Vcpu, exit: ExitOf<"MmioRead" | "MmioWrite">): boolean {
    const { addr, width } = exit;
    if (exit.reason === "MmioWrite") {
      return this.bus.attemptWrite(addr, width, this.#toDevice(addr, width, exit.data)) === undefined;
    }
    const value = this.bus.attemptRead(addr, width);
    if (typeof value !== "bigint") return false;
    vcpu.set64(CPU.bounce, this.#fromDevice(addr, value));
    return true;
  }

  /**
   * An access without a syndrome: the instruction itself says what it is. Each element is an access of its own, low
   * address first, and an exit that `observe` hears of; registers change only when all of a load has succeeded.
   */
  complete(vcpu: Vcpu, access: ExitOf<"UnsyndromedAccess">, observe: (exit: VcpuExit) => void): MmioAbort | undefined {
    const word = this.translation.readInstruction(vcpu);
    const found = word === undefined ? undefined : decodeLoadStore(word, vcpu);
    if (found === undefined || found.load === access.write) {
      const what = word === undefined ? "an instruction that cannot be read" : `instruction 0x${hex32(word)}`;
      return { far: access.va, write: access.write, why: `${what} cannot be carried out on a device` };
    }
    const loaded: bigint[] = [];
    for (const { offset, reg } of found.elements) {
      const va = BigInt.asUintN(64, found.address + BigInt(offset));
      const result = found.load
        ? this.#load(vcpu, found, va, reg, access, observe)
        : this.#store(vcpu, found, va, reg, access, observe);
      if (typeof result !== "bigint") return result;
      loaded.push(result);
    }
    if (found.load) {
      found.elements.forEach(({ reg }, n) => {
        const value = loaded[n] ?? 0n;
        if (found.simd) writeVector(vcpu, reg, value);
        else vcpu.setX(reg, extendTo(value, found.size, found.signed, found.regWidth));
      });
    }
    if (found.base !== undefined) writeBase(vcpu, found.base.reg, found.base.value);
    return undefined;
  }

  #load(
    vcpu: Vcpu,
    { size, signed, regWidth }: LoadStore,
    va: bigint,
    reg: number,
    access: ExitOf<"UnsyndromedAccess">,
    observe: (exit: VcpuExit) => void,
  ): bigint | MmioAbort {
    const width = Math.min(size, 8) as Width;
    let value = 0n;
    for (let at = 0; at < size; at += width) {
      const address = this.#addressOf(vcpu, va + BigInt(at), access);
      if (typeof address !== "number") return address;
      observe({ reason: "MmioRead", addr: address, width, reg, regWidth, signedExt: signed });
      const part = this.#readPhysical(address, width);
      if (typeof part !== "bigint") return { far: va, write: false, why: part.reason };
      value |= part << BigInt(8 * at);
    }
    return isBigEndian(vcpu) ? reverse(value, size) : value;
  }

  #store(
    vcpu: Vcpu,
    { size, simd }: LoadStore,
    va: bigint,
    reg: number,
    access: ExitOf<"UnsyndromedAccess">,
    observe: (exit: VcpuExit) => void,
  ): bigint | MmioAbort {
    const width = Math.min(size, 8) as Width;
    const value = BigInt.asUintN(8 * size, simd ? readVector(vcpu, reg) : vcpu.x(reg));
    const bytes = isBigEndian(vcpu) ? reverse(value, size) : value;
    for (let at = 0; at < size; at += width) {
      const address = this.#addressOf(vcpu, va + BigInt(at), access);
      if (typeof address !== "number") return address;
      const data = BigInt.asUintN(8 * width, bytes >> BigInt(8 * at));
      observe({ reason: "MmioWrite", addr: address, width, data });
      const fault = this.#writePhysical(address, width, data);
      if (fault !== undefined) return { far: va, write: true, why: fault.reason };
    }
    return 0n;
  }

  /** The IPA of an element: in the faulting page the abort has told it, in another one stage 1 is asked. */
  #addressOf(vcpu: Vcpu, va: bigint, access: ExitOf<"UnsyndromedAccess">): number | MmioAbort {
    if ((va & ~PAGE) === (access.va & ~PAGE)) return access.addr - (access.addr % 4096) + Number(va & PAGE);
    const par = this.translation.translateStage1(vcpu, va, access.write ? "write" : "read");
    if (!Par.failed(par)) return Par.address(par, va);
    return { far: va, write: access.write, stage1: Par.fst(par), why: "stage 1 does not map the second part" };
  }

  #readPhysical(ipa: number, width: Width): bigint | AccessFault {
    const mapped = this.stage2.query(ipa);
    const inMemory = mapped.mapped ? this.memory.read(mapped.pa, width) : undefined;
    return inMemory ?? this.#readDevice(ipa, width);
  }

  #writePhysical(ipa: number, width: Width, value: bigint): AccessFault | undefined {
    const mapped = this.stage2.query(ipa);
    if (mapped.mapped && mapped.attributes.write && this.memory.write(mapped.pa, width, value)) return undefined;
    return this.#writeDevice(ipa, width, value);
  }

  #readDevice(address: number, width: Width): bigint | AccessFault {
    const value = this.bus.read(address, width);
    return typeof value === "bigint" ? this.#fromDevice(address, value) : value;
  }

  #writeDevice(address: number, width: Width, value: bigint): AccessFault | undefined {
    return this.bus.write(address, width, this.#toDevice(address, width, value));
  }

  #fromDevice(address: number, value: bigint): bigint {
    return this.frames?.filterRead(address, value) ?? value;
  }

  #toDevice(address: number, width: Width, value: bigint): bigint {
    return this.frames?.filterWrite(address, width, value) ?? value;
  }
}

/** What a load of `width` bytes leaves in a register of `regWidth`: the rest of 64 bits is zero. */
function extendTo(value: bigint, width: number, signed: boolean, regWidth: 4 | 8): bigint {
  return signed ? BigInt.asUintN(8 * regWidth, BigInt.asIntN(8 * width, value)) : value;
}

/** Whether the guest's data accesses are big-endian at its level. */
function isBigEndian(vcpu: Vcpu): boolean {
  const bit = Spsr.el(vcpu.sysreg("SPSR_EL2")) === 0 ? SCTLR_E0E : SCTLR_EE;
  return (vcpu.sysreg("SCTLR_EL1") & bit) !== 0n;
}

function reverse(value: bigint, bytes: number): bigint {
  let result = 0n;
  for (let n = 0; n < bytes; n++) result |= ((value >> BigInt(8 * n)) & 0xffn) << BigInt(8 * (bytes - 1 - n));
  return result;
}

function hex32(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
