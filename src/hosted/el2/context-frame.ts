/**
 * The seed's TrapFrame (Aarch64ContextFrame): the registers of a guest at a trap, 272 bytes, little-endian: X0–X30,
 * SP_EL0, ELR and SPSR. What a debugger shows of a trapped vCPU.
 */
import type { Vcpu } from "../ports.js";

export const FRAME_SIZE = 272;
const GPR_COUNT = 31;
const SP_EL0 = 248;
const ELR = 256;
const SPSR = 264;

/** The hosted level that took the trap: its ELR and SPSR hold the guest's PC and PSTATE. */
export type HostedLevel = 2 | 3;

export class ContextFrame {
  readonly #view: DataView;

  /** A frame over `bytes`; throws a RangeError unless these are 272. */
  constructor(readonly bytes: Uint8Array = new Uint8Array(FRAME_SIZE)) {
    if (bytes.byteLength !== FRAME_SIZE) {
      throw new RangeError(`a context frame has ${FRAME_SIZE} bytes, not ${bytes.byteLength}`);
    }
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_SIZE);
  }

  static fromVcpu(vcpu: Vcpu, level: HostedLevel = 2): ContextFrame {
    const frame = new ContextFrame();
    for (let n = 0; n < GPR_COUNT; n++) frame.setGpr(n, vcpu.x(n));
    frame.spEl0 = vcpu.sysreg("SP_EL0");
    frame.exceptionPc = vcpu.sysreg(`ELR_EL${level}`);
    frame.spsr = vcpu.sysreg(`SPSR_EL${level}`);
    return frame;
  }

  toVcpu(vcpu: Vcpu, level: HostedLevel = 2): void {
    for (let n = 0; n < GPR_COUNT; n++) vcpu.setX(n, this.gpr(n));
    vcpu.setSysreg("SP_EL0", this.spEl0);
    vcpu.setSysreg(`ELR_EL${level}`, this.exceptionPc);
    vcpu.setSysreg(`SPSR_EL${level}`, this.spsr);
  }

  /** X0–X30; 31 is the zero register. */
  gpr(n: number): bigint {
    return n < GPR_COUNT ? this.#view.getBigUint64(8 * n, true) : 0n;
  }

  setGpr(n: number, value: bigint): void {
    if (n < GPR_COUNT) this.#view.setBigUint64(8 * n, value, true);
  }

  /** X0: the first argument, or a call's result. */
  setArgument(value: bigint): void {
    this.setGpr(0, value);
  }

  get spEl0(): bigint {
    return this.#view.getBigUint64(SP_EL0, true);
  }

  set spEl0(value: bigint) {
    this.#view.setBigUint64(SP_EL0, value, true);
  }

  /** The PC to return to (ELR). */
  get exceptionPc(): bigint {
    return this.#view.getBigUint64(ELR, true);
  }

  set exceptionPc(value: bigint) {
    this.#view.setBigUint64(ELR, value, true);
  }

  get spsr(): bigint {
    return this.#view.getBigUint64(SPSR, true);
  }

  set spsr(value: bigint) {
    this.#view.setBigUint64(SPSR, value, true);
  }
}
