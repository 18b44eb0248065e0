/**
 * Guest memory through a vCPU's current translation, for a debugger (DDI 0487, D8): without effect on devices, TLBs,
 * access flags or statistics, and with the eyes of the regime's privileged level, whatever a page's permissions are.
 */

import type { Width } from "../../bus/contract.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import { CONTEXT, CPU, PAGE_SIZE } from "../../engine/layout.js";
import { Errno, TargetError } from "../../gdb/target.js";
import { ACCESS, FAULT, FSC } from "../../mmu/walk.js";
import type { Machine } from "../machine.js";

/** Where the bytes of one virtual page really are. */
type Place =
  | { readonly kind: "ram"; readonly pa: bigint; readonly host: number }
  | { readonly kind: "device"; readonly address: number };

const WIDTHS: readonly Width[] = [8, 4, 2, 1];

/** Privileged context of a regime, without PAN. */
const PRIVILEGED: Readonly<Record<number, number>> = {
  [CONTEXT.el10User]: CONTEXT.el10,
  [CONTEXT.el10Pan]: CONTEXT.el10,
  [CONTEXT.el20User]: CONTEXT.el20,
  [CONTEXT.el20Pan]: CONTEXT.el20,
};

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

export class DebugMemory {
  constructor(private readonly machine: Machine) {}

  /** The readable bytes from `address` on, at least one and at most `length`, or why there is none. */
  read(vcpu: Vcpu, address: bigint, length: number): Uint8Array | TargetError {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const va = BigInt.asUintN(64, address + BigInt(done));
      const chunk = Math.min(length - done, PAGE_SIZE - Number(va % BigInt(PAGE_SIZE)));
      const got = this.readInPage(vcpu, va, bytes.subarray(done, done + chunk));
      if (got instanceof TargetError) {
        if (done === 0) return got;
        break;
      }
      done += got;
      if (got < chunk) break;
    }
    return bytes.subarray(0, done);
  }

  /** Writes all of the bytes or none. */
  write(vcpu: Vcpu, address: bigint, bytes: Uint8Array): TargetError | undefined {
    const parts: { readonly pa: bigint; readonly bytes: Uint8Array }[] = [];
    for (let done = 0; done < bytes.length; ) {
      const va = BigInt.asUintN(64, address + BigInt(done));
      const chunk = Math.min(bytes.length - done, PAGE_SIZE - Number(va % BigInt(PAGE_SIZE)));
      const place = this.locate(vcpu, va);
      if (place instanceof TargetError) return place;
      if (place.kind === "device") return this.writeDevice(vcpu, place.address, bytes);
      parts.push({ pa: place.pa, bytes: bytes.subarray(done, done + chunk) });
      done += chunk;
    }
    for (const part of parts) this.machine.engine.writePhysical(part.pa, part.bytes);
    return undefined;
  }

  private readInPage(vcpu: Vcpu, va: bigint, into: Uint8Array): number | TargetError {
    const place = this.locate(vcpu, va);
    if (place instanceof TargetError) return place;
    if (place.kind === "device") return this.peek(vcpu, place.address, into);
    into.set(this.machine.engine.bytes.subarray(place.host, place.host + into.length));
    return into.length;
  }

  /** Translates; the address of a page's byte. */
  private locate(vcpu: Vcpu, va: bigint): Place | TargetError {
    const { engine, platform, hosted } = this.machine;
    const fault = this.walk(vcpu, va);
    const pa = vcpu.get64(fault === 0 ? CPU.walkPa : CPU.walkIpa);
    // Hosted EL2 leaves devices out of stage 2: there the intermediate address is the device's.
    const emulated = hosted.hypervisor !== undefined && isMissing(fault);
    if (fault !== 0 && !emulated) return this.explain(vcpu, va, fault);
    const host = fault === 0 ? engine.hostAddress(pa) : undefined;
    if (host !== undefined) return { kind: "ram", pa, host };
    if (platform.bus.find(Number(pa)) !== undefined) return { kind: "device", address: Number(pa) };
    if (fault !== 0) return this.explain(vcpu, va, fault);
    const where = pa === va ? "" : ` (virtual ${hex(va)})`;
    return new TargetError(Errno.EFAULT, `${hex(pa)}${where}: no RAM and no device at this physical address`);
  }

  /** The walk of the privileged level for whichever access is permitted: its fault word, 0 for none. */
  private walk(vcpu: Vcpu, va: bigint): number {
    const { exports } = this.machine.engine;
    const context = vcpu.get32(CPU.context);
    const misses = vcpu.get64(CPU.statTlbMiss);
    let fault = 0;
    for (const access of [ACCESS.read, ACCESS.write, ACCESS.execute]) {
      fault = exports.walk(vcpu.base, PRIVILEGED[context] ?? context, va, access);
      if ((fault & 0x3c) !== FSC.permission) break;
    }
    vcpu.set64(CPU.statTlbMiss, misses);
    return fault;
  }

  /** Bytes of a device from its registers, at least one: the widest access that the device has for them. */
  private peek(vcpu: Vcpu, address: number, into: Uint8Array): number | TargetError {
    const { bus } = this.machine.platform;
    let done = 0;
    let refusal = "";
    while (done < into.length) {
      const at = address + done;
      const width = WIDTHS.find((w) => {
        if (at % w !== 0 || w > into.length - done) return false;
        const value = bus.peek(at, w, isSecure(vcpu));
        if (typeof value !== "bigint") {
          refusal = value.reason;
          return false;
        }
        for (let i = 0; i < w; i++) into[done + i] = Number((value >> BigInt(8 * i)) & 0xffn);
        return true;
      });
      if (width === undefined) break;
      done += width;
    }
    return done > 0 ? done : new TargetError(Errno.EFAULT, refusal);
  }

  /** A debugger that writes a device register means the access, with all that follows from it. */
  private writeDevice(vcpu: Vcpu, address: number, bytes: Uint8Array): TargetError | undefined {
    const width = WIDTHS.find((w) => w === bytes.length);
    if (width === undefined || address % width !== 0) {
      const text = `${hex(address)}: device registers are written 1, 2, 4 or 8 bytes at a time, aligned`;
      return new TargetError(Errno.EINVAL, text);
    }
    const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const fault = this.machine.platform.bus.write(address, width, value, isSecure(vcpu));
    return fault && new TargetError(Errno.EFAULT, fault.reason);
  }

  /** Which stage, level and table ended the walk, and why. */
  private explain(vcpu: Vcpu, va: bigint, fault: number): TargetError {
    const stage2 = (fault & FAULT.stage2) !== 0;
    if (!stage2 && isFlat(vcpu)) {
      const text = `${hex(va)}: the MMU is off (EL${vcpu.el}) and this is no physical address; stop after it comes on`;
      return new TargetError(Errno.EFAULT, text);
    }
    const kind = FAULT_KINDS.find(({ code }) => (fault & 0x3c) === code)?.name ?? "fault";
    const table = stage2 ? "VTTBR_EL2" : stage1Table(vcpu, va);
    const where = `${kind} at stage ${stage2 ? 2 : 1} level ${fault & 3}, ${table} = ${hex(vcpu.sysreg(table))}`;
    const walked = fault & FAULT.onWalk ? ", in the walk for a stage 1 table" : "";
    const ipa = stage2 ? `, IPA ${hex(vcpu.get64(CPU.walkIpa))}` : "";
    return new TargetError(Errno.EFAULT, `${hex(va)}: ${where}${ipa}${walked}`);
  }
}

const FAULT_KINDS = [
  { code: FSC.addressSize, name: "address size fault" },
  { code: FSC.translation, name: "translation fault" },
  { code: FSC.accessFlag, name: "access flag fault" },
  { code: FSC.permission, name: "permission fault" },
  { code: FSC.externalOnWalk, name: "no memory where the table should be" },
] as const;

/** A stage 2 translation fault on the output of stage 1. */
function isMissing(fault: number): boolean {
  const isStage2 = (fault & (FAULT.stage2 | FAULT.onWalk)) === FAULT.stage2;
  return isStage2 && (fault & 0x3c) === FSC.translation;
}

/** The register with the base of the stage 1 tables for an address. */
function stage1Table(vcpu: Vcpu, va: bigint): string {
  const context = vcpu.get32(CPU.context);
  if (context === CONTEXT.el3) return "TTBR0_EL3";
  if (context === CONTEXT.el2) return "TTBR0_EL2";
  const el = context <= CONTEXT.el10Pan ? 1 : 2;
  return `TTBR${(va >> 55n) & 1n}_EL${el}`;
}

/** Stage 1 is off in the current regime. */
function isFlat(vcpu: Vcpu): boolean {
  return (vcpu.sysreg(stage1Table(vcpu, 0n).replace("TTBR0", "SCTLR")) & 1n) === 0n;
}

function isSecure(vcpu: Vcpu): boolean {
  return (vcpu.controls.scr & 1) === 0;
}
