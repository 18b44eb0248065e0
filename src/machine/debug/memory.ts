/**
 * Guest memory for a debugger (DDI 0487, D8), through a vCPU's current translation or another regime's, or
 * untranslated: without effect on devices, TLBs, access flags or statistics, and with the eyes of the regime's
 * privileged level, whatever a page's permissions are.
 */

import type { Width } from "../../bus/contract.js";
import { isSecure, isSecureBelowEl3 } from "../../cpu/debug.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import { CONTEXT, CPU, PAGE_SIZE, SECURE_ADDRESS } from "../../engine/layout.js";
import { Errno, TargetError } from "../../gdb/target.js";
import { ACCESS, FAULT, FSC } from "../../mmu/walk.js";
import type { Machine } from "../machine.js";
import { type Regime, type StageWalk, Tables, walkAll } from "./tables.js";

/** What an address means to a debugger: a virtual one of the current or another level, intermediate, or physical. */
export const VIEWS = ["current", "el0", "el1", "el2", "el3", "ipa", "pa"] as const;
export type View = (typeof VIEWS)[number];

/** A device's register, and whether its address is a Secure one. */
interface DevicePlace {
  readonly kind: "device";
  readonly address: number;
  readonly secure: boolean;
}

/** Where the bytes of one virtual page really are. */
type Place = { readonly kind: "ram"; readonly pa: bigint; readonly host: number } | DevicePlace;

const WIDTHS: readonly Width[] = [8, 4, 2, 1];

/** Privileged context of a regime, without PAN. */
const PRIVILEGED: Readonly<Record<number, number>> = {
  [CONTEXT.el10User]: CONTEXT.el10,
  [CONTEXT.el10Pan]: CONTEXT.el10,
  [CONTEXT.el20User]: CONTEXT.el20,
  [CONTEXT.el20Pan]: CONTEXT.el20,
};

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** Who hears of memory that is written, or said to have been read. */
export interface AccessListener {
  /** Whether it would make anything of a write, or of a reading. */
  hears(isWrite: boolean): boolean;
  touched(pa: bigint, size: number, isWrite: boolean): void;
}

export class DebugMemory {
  view: View = "current";

  constructor(
    private readonly machine: Machine,
    private readonly listener?: AccessListener,
  ) {}

  /** The readable bytes from `address` on, at least one and at most `length`, or why there is none. */
  read(vcpu: Vcpu, address: bigint, length: number): Uint8Array | TargetError {
    const bytes = new Uint8Array(length);
    for (const { va, done, size } of piecesOf(address, length)) {
      const got = this.readInPage(vcpu, va, bytes.subarray(done, done + size));
      if (got instanceof TargetError) return done === 0 ? got : bytes.subarray(0, done);
      if (got < size) return bytes.subarray(0, done + got);
    }
    return bytes;
  }

  /** Writes all of the bytes or none. */
  write(vcpu: Vcpu, address: bigint, bytes: Uint8Array): TargetError | undefined {
    const parts: { readonly pa: bigint; readonly bytes: Uint8Array }[] = [];
    for (const { va, done, size } of piecesOf(address, bytes.length)) {
      const place = this.locate(vcpu, va);
      if (place instanceof TargetError) return place;
      if (place.kind === "device" && done > 0) {
        return new TargetError(
          Errno.EFAULT,
          `${hex(va)}: a device begins there; memory and registers are written apart`,
        );
      }
      if (place.kind === "device") return this.writeDevice(place, bytes);
      parts.push({ pa: place.pa, bytes: bytes.subarray(done, done + size) });
    }
    for (const part of parts) this.machine.engine.writePhysical(part.pa, part.bytes);
    for (const part of parts) this.listener?.touched(part.pa, part.bytes.length, true);
    return undefined;
  }

  /** Bytes were read for the guest. Whoever reads to look says nothing. */
  haveRead(vcpu: Vcpu, address: bigint, length: number): void {
    // Finding out where they are takes a walk through the tables.
    if (this.listener?.hears(false) !== true) return;
    for (const { va, size } of piecesOf(address, length)) {
      const place = this.locate(vcpu, va);
      if (!(place instanceof TargetError) && place.kind === "ram") this.listener.touched(place.pa, size, false);
    }
  }

  private readInPage(vcpu: Vcpu, va: bigint, into: Uint8Array): number | TargetError {
    const place = this.locate(vcpu, va);
    if (place instanceof TargetError) return place;
    if (place.kind === "device") return this.peek(place, into);
    into.set(this.machine.engine.bytes.subarray(place.host, place.host + into.length));
    return into.length;
  }

  /** Translates as the view says; the address of a page's byte. */
  private locate(vcpu: Vcpu, va: bigint): Place | TargetError {
    const { view } = this;
    // Both address spaces: what is Secure alone is nowhere else at the same address.
    if (view === "pa") return this.placeOf(va, va, isSecure(vcpu) || this.isSecureAlone(va));
    if (view === "ipa") return this.locateIntermediate(vcpu, va);
    const context = contextOf(vcpu, view);
    const fault = this.walk(vcpu, context, va);
    const output = vcpu.get64(fault === 0 ? CPU.walkPa : CPU.walkIpa);
    const pa = output & (SECURE_ADDRESS - 1n);
    const secure = (output & SECURE_ADDRESS) !== 0n;
    if (fault === 0) return this.refuseSecure(pa, va, secure) ?? this.placeOf(pa, va, secure);
    if (isMissing(fault) && isEmulated(this.machine, pa)) return { kind: "device", address: Number(pa), secure };
    return this.explain(vcpu, context, va, fault);
  }

  private locateIntermediate(vcpu: Vcpu, ipa: bigint): Place | TargetError {
    const { stage2, failure, pa } = walkAll(new Tables(this.machine, vcpu), "ipa", ipa);
    const secure = isSecureBelowEl3(vcpu);
    if (pa !== undefined) return this.refuseSecure(pa, ipa, secure) ?? this.placeOf(pa, ipa, secure);
    if (failure?.why === TRANSLATION_FAULT && isEmulated(this.machine, ipa))
      return { kind: "device", address: Number(ipa), secure };
    const where = `${failure?.why} at stage 2 level ${failure?.level}${lastDescriptor(stage2)}`;
    return new TargetError(Errno.EFAULT, `IPA ${hex(ipa)}: ${where}, VTTBR_EL2 = ${hex(vcpu.sysreg("VTTBR_EL2"))}`);
  }

  private placeOf(pa: bigint, from: bigint, secure: boolean): Place | TargetError {
    const { engine, platform } = this.machine;
    const host = engine.hostAddress(pa);
    if (host !== undefined) return { kind: "ram", pa, host };
    if (platform.bus.find(Number(pa)) !== undefined) return { kind: "device", address: Number(pa), secure };
    const text = `${this.physical(pa, from)}: no RAM and no device at this physical address`;
    return new TargetError(Errno.EFAULT, text);
  }

  /** What is in the Secure address space alone is not where a Non-secure address leads to, on hardware neither. */
  private refuseSecure(pa: bigint, from: bigint, secure: boolean): TargetError | undefined {
    if (secure || !this.isSecureAlone(pa)) return undefined;
    const text = `${this.physical(pa, from)}: Secure memory at a Non-secure address; monitor view pa shows it`;
    return new TargetError(Errno.EFAULT, text);
  }

  private isSecureAlone(pa: bigint): boolean {
    const { engine, platform } = this.machine;
    return (engine.regionAt(pa) ?? platform.bus.find(Number(pa)))?.secure === true;
  }

  /** A physical address, and the one that leads to it. */
  private physical(pa: bigint, from: bigint): string {
    return pa === from ? hex(pa) : `${hex(pa)} (${this.view === "ipa" ? "IPA" : "virtual"} ${hex(from)})`;
  }

  /** The walk of the privileged level for whichever access is permitted: its fault word, 0 for none. */
  private walk(vcpu: Vcpu, context: number, va: bigint): number {
    const { exports } = this.machine.engine;
    const misses = vcpu.get64(CPU.statTlbMiss);
    let fault = 0;
    vcpu.set32(CPU.walkQuiet, 1);
    for (const access of [ACCESS.read, ACCESS.write, ACCESS.execute]) {
      fault = exports.walk(vcpu.base, context, va, access);
      if ((fault & 0x3c) !== FSC.permission) break;
    }
    vcpu.set32(CPU.walkQuiet, 0);
    vcpu.set64(CPU.statTlbMiss, misses);
    return fault;
  }

  /** Bytes of a device from its registers, at least one: the widest access that the device has for them. */
  private peek({ address, secure }: DevicePlace, into: Uint8Array): number | TargetError {
    const { bus } = this.machine.platform;
    let done = 0;
    let refusal = "";
    while (done < into.length) {
      const at = address + done;
      const width = WIDTHS.find((w) => {
        if (at % w !== 0 || w > into.length - done) return false;
        const value = bus.peek(at, w, secure);
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
  private writeDevice({ address, secure }: DevicePlace, bytes: Uint8Array): TargetError | undefined {
    const width = WIDTHS.find((w) => w === bytes.length);
    if (width === undefined || address % width !== 0) {
      const text = `${hex(address)}: device registers are written 1, 2, 4 or 8 bytes at a time, aligned`;
      return new TargetError(Errno.EINVAL, text);
    }
    const value = bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    const fault = this.machine.platform.bus.write(address, width, value, secure);
    return fault && new TargetError(Errno.EFAULT, fault.reason);
  }

  /** Which stage, level, descriptor and table ended the walk, and why. */
  private explain(vcpu: Vcpu, context: number, va: bigint, fault: number): TargetError {
    const stage2 = (fault & FAULT.stage2) !== 0;
    const regime = regimeOf(context);
    if (!stage2 && isFlat(vcpu, context)) {
      const el = this.view === "current" ? vcpu.el : Number(this.view.slice(2));
      const text = `${hex(va)}: the MMU is off (EL${el}) and this is no physical address; stop after it comes on`;
      return new TargetError(Errno.EFAULT, text);
    }
    const kind = FAULT_KINDS.find(({ code }) => (fault & 0x3c) === code)?.name ?? "fault";
    const table = stage2 ? "VTTBR_EL2" : stage1Table(context, va);
    const nested = (fault & FAULT.onWalk) !== 0;
    const ipa = stage2 ? `, IPA ${hex(vcpu.get64(CPU.walkIpa))}` : "";
    const walked = walkAll(new Tables(this.machine, vcpu), regime, va);
    const descriptor = nested ? "" : lastDescriptor(stage2 ? walked.stage2 : walked.stage1);
    const where = `${kind} at stage ${stage2 ? 2 : 1} level ${fault & 3}${descriptor}`;
    const base = `${table} = ${hex(vcpu.sysreg(table))}`;
    const onWalk = nested ? ", in the walk for a stage 1 table" : "";
    return new TargetError(Errno.EFAULT, `${hex(va)}: ${where}, ${base}${ipa}${onWalk}`);
  }
}

/** A range as parts of pages: where each begins, how many bytes are before it, and its own. */
function* piecesOf(address: bigint, length: number): Generator<{ va: bigint; done: number; size: number }> {
  for (let done = 0, size = 0; done < length; done += size) {
    const va = BigInt.asUintN(64, address + BigInt(done));
    size = Math.min(length - done, PAGE_SIZE - Number(va % BigInt(PAGE_SIZE)));
    yield { va, done, size };
  }
}

const TRANSLATION_FAULT = "translation fault";

const FAULT_KINDS = [
  { code: FSC.addressSize, name: "address size fault" },
  { code: FSC.translation, name: TRANSLATION_FAULT },
  { code: FSC.accessFlag, name: "access flag fault" },
  { code: FSC.permission, name: "permission fault" },
  { code: FSC.externalOnWalk, name: "no memory where the table should be" },
] as const;

/** The descriptor that a walk ended with: ", descriptor 0x0 at 0x40203018". */
function lastDescriptor(walk: StageWalk | undefined): string {
  const step = walk?.translation.steps.at(-1);
  return step === undefined ? "" : `, descriptor ${hex(step.descriptor)} at ${hex(step.physical)}`;
}

/** Hosted EL2 leaves devices out of stage 2: there the intermediate address is the device's. */
export function isEmulated({ hosted, platform }: Machine, ipa: bigint): boolean {
  return hosted.hypervisor !== undefined && platform.bus.find(Number(ipa)) !== undefined;
}

/** The privileged translation context of the view, without PAN. */
function contextOf(vcpu: Vcpu, view: View): number {
  switch (view) {
    case "el0":
      return vcpu.controls.host0 ? CONTEXT.el20 : CONTEXT.el10;
    case "el1":
      return CONTEXT.el10;
    case "el2":
      return vcpu.controls.e2h ? CONTEXT.el20 : CONTEXT.el2;
    case "el3":
      return CONTEXT.el3;
    default: {
      const context = vcpu.get32(CPU.context);
      return PRIVILEGED[context] ?? context;
    }
  }
}

/** The regime whose addresses the vCPU uses now. */
export function currentRegime(vcpu: Vcpu): Regime {
  return regimeOf(contextOf(vcpu, "current"));
}

/** The regime of a level. */
export function regimeOfView(vcpu: Vcpu, view: "el0" | "el1" | "el2" | "el3"): Regime {
  return regimeOf(contextOf(vcpu, view));
}

function regimeOf(context: number): Regime {
  if (context === CONTEXT.el3) return "el3";
  if (context === CONTEXT.el2) return "el2";
  return context === CONTEXT.el10 ? "el1" : "el20";
}

/** A stage 2 translation fault on the output of stage 1. */
function isMissing(fault: number): boolean {
  const isStage2 = (fault & (FAULT.stage2 | FAULT.onWalk)) === FAULT.stage2;
  return isStage2 && (fault & 0x3c) === FSC.translation;
}

/** The register with the base of the stage 1 tables for an address. */
function stage1Table(context: number, va: bigint): string {
  if (context === CONTEXT.el3) return "TTBR0_EL3";
  if (context === CONTEXT.el2) return "TTBR0_EL2";
  const el = context <= CONTEXT.el10Pan ? 1 : 2;
  return `TTBR${(va >> 55n) & 1n}_EL${el}`;
}

/** Stage 1 is off in the regime. */
function isFlat(vcpu: Vcpu, context: number): boolean {
  return (vcpu.sysreg(stage1Table(context, 0n).replace("TTBR0", "SCTLR")) & 1n) === 0n;
}
