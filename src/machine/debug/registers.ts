/**
 * The registers of a vCPU as a debugger sees them: `org.gnu.gdb.aarch64.core` and `.fpu` (GDB manual, "AArch64
 * Features"), over the vCPU's block, and system registers behind them. cpsr is PSTATE in the format of SPSR_ELx (DDI
 * 0487, C5.2.18).
 */
import { FPCR, FPCR_WITHOUT_FP16, FPSR_BITS } from "../../cpu/fp/format.js";
import type { Vcpu } from "../../cpu/vcpu.js";
import { CPU, CPU_FEATURE } from "../../engine/layout.js";
import {
  CORE,
  CoreRegister,
  coreFeature,
  Errno,
  FpuRegister,
  fpuFeature,
  pauthFeature,
  type RegisterFeature,
  TargetError,
} from "../../gdb/index.js";
import type { Machine } from "../machine.js";
import { codeBits } from "./pointer-authentication.js";
import type { SystemRegisters } from "./system-registers.js";

const GENERAL: readonly RegisterFeature[] = [coreFeature, fpuFeature];

interface Access {
  /** Where it is as it is in the vCPU's block. */
  readonly at?: number;
  read(vcpu: Vcpu): bigint | TargetError;
  write(vcpu: Vcpu, value: bigint, machine: Machine): TargetError | undefined;
}

/** A cell of the vCPU's block. */
const cell = (at: number): Access => ({
  at,
  read: (vcpu) => vcpu.get64(at),
  write(vcpu, value) {
    vcpu.set64(at, value);
    return undefined;
  },
});

const vector = (at: number): Access => ({
  at,
  read: (vcpu) => vcpu.get64(at) | (vcpu.get64(at + 8) << 64n),
  write(vcpu, value) {
    vcpu.set64(at, value);
    vcpu.set64(at + 8, value >> 64n);
    return undefined;
  },
});

const fpsr: Access = {
  read: (vcpu) => BigInt(vcpu.fpsr),
  write: (vcpu, value) => withoutAbsent("fpsr", value, BigInt(FPSR_BITS), () => vcpu.setFpsr(Number(value))),
};

const fpcr: Access = {
  read: (vcpu) => BigInt(vcpu.fpcr),
  write: (vcpu, value) =>
    withoutAbsent("fpcr", value, BigInt(FPCR_WITHOUT_FP16 | FPCR.FZ16), () => vcpu.setFpcr(Number(value))),
};

/** PSTATE, with the stack pointer, traps and translation that go with the Exception level. */
const cpsr: Access = {
  read: (vcpu) => BigInt(vcpu.pstate),
  write(vcpu, value, { engine }) {
    if (value & SPSR.nRW) return refusal("cpsr.nRW = 1: this CPU has no AArch32 state");
    const el = Number(value >> SPSR.ELShift) & SPSR.EL;
    if (el === 0 && value & SPSR.SP) return refusal("cpsr: EL0 uses SP_EL0, so SP must be 0");
    if ((vcpu.get32(CPU.hosted) >>> el) & 1) {
      return refusal(`cpsr.EL = ${el}: EL${el} is hosted, no guest code runs there`);
    }
    const features = vcpu.get32(CPU.features);
    let known: bigint = SPSR.always;
    for (const [bit, feature] of SPSR_FEATURES) if (features & feature) known |= bit;
    return withoutAbsent("cpsr", value, known, () => {
      vcpu.pstate = Number(value);
      engine.exports.enterMode(vcpu.base);
    });
  },
};

const SPSR = { SP: 1n, nRW: 1n << 4n, EL: 3, ELShift: 2n, always: 0xf030_03cdn } as const;
/** Bits that exist only with a feature. */
const SPSR_FEATURES: readonly (readonly [bigint, number])[] = [
  [3n << 10n, CPU_FEATURE.BTI],
  [1n << 12n, CPU_FEATURE.SSBS],
  [1n << 22n, CPU_FEATURE.PAN],
  [1n << 23n, CPU_FEATURE.UAO],
  [1n << 24n, CPU_FEATURE.DIT],
];

/** By feature and index, where it is not one of a row of like registers. */
const SPECIAL: readonly Readonly<Record<number, Access>>[] = [
  { [CoreRegister.sp]: cell(CPU.sp), [CoreRegister.pc]: cell(CPU.pc), [CoreRegister.cpsr]: cpsr },
  { [FpuRegister.fpsr]: fpsr, [FpuRegister.fpcr]: fpcr },
];

const ACCESS = GENERAL.map(({ registers }, feature) =>
  registers.map(
    (_, index): Access =>
      SPECIAL[feature]?.[index] ?? (feature === CORE ? cell(CPU.x + 8 * index) : vector(CPU.v + 16 * index)),
  ),
);

/** Part of what `g` carries: registers that follow one another in the vCPU's block too, or one that is made up. */
interface Piece {
  /** Offset in the reply, and how many bytes. */
  readonly offset: number;
  size: number;
  readonly access: Access;
}

const PIECES: readonly Piece[] = piecesOf(GENERAL);

function piecesOf(features: readonly RegisterFeature[]): Piece[] {
  const pieces: Piece[] = [];
  let offset = 0;
  features.forEach(({ registers }, feature) => {
    registers.forEach(({ bits }, index) => {
      const access = ACCESS[feature]?.[index] as Access;
      const last = pieces.at(-1);
      const size = bits / 8;
      if (last?.access.at !== undefined && last.access.at + last.size === access.at) last.size += size;
      else pieces.push({ offset, size, access });
      offset += size;
    });
  });
  return pieces;
}

const GENERAL_SIZE = PIECES.reduce((sum, { size }) => sum + size, 0);

/** By index in `pauthFeature`: data and code of the lower half, data and code of the upper. */
const pauthMask = (index: number): Access => ({
  read: (vcpu) => codeBits(vcpu, index < 2 ? 0 : 1, (index & 1) !== 0),
  write: () => new TargetError(Errno.EPERM, `${pauthFeature.registers[index]?.name} follows from TCR_ELx: write that`),
});

/** All registers of a machine's vCPUs: by feature and index, little endian, as long as they are wide. */
export class DebugRegisters {
  readonly features: readonly RegisterFeature[];
  describeSystem = true;

  constructor(
    private readonly machine: Machine,
    private readonly system: SystemRegisters,
  ) {
    const { features } = machine.model;
    this.features = [...GENERAL, system.feature, ...(features.has("PAuth") ? [pauthFeature] : [])];
  }

  /** What a client that connects now is told of. The numbers of the others stay the same. */
  get described(): readonly RegisterFeature[] {
    return this.describeSystem ? this.features : GENERAL;
  }

  private accessOf(feature: number, index: number): Access {
    if (this.features[feature] === pauthFeature) return pauthMask(index);
    return ACCESS[feature]?.[index] ?? this.systemAccess(index);
  }

  private systemAccess(index: number): Access {
    const row = this.system.at(index);
    return {
      read: (vcpu) => this.system.read(vcpu, row),
      write: (vcpu, value) => this.system.write(vcpu, row, value),
    };
  }

  read(vcpu: Vcpu, feature: number, index: number): Uint8Array | TargetError {
    const access = this.accessOf(feature, index);
    const size = (this.features[feature]?.registers[index]?.bits ?? 0) / 8;
    if (access.at !== undefined) {
      const bytes = new Uint8Array(size);
      vcpu.copy(access.at, size, bytes, 0);
      return bytes;
    }
    const value = access.read(vcpu);
    return value instanceof TargetError ? value : littleEndian(value, size);
  }

  /** Those of the features marked `general`, one behind the other. */
  readGeneral(vcpu: Vcpu): Uint8Array {
    const block = new Uint8Array(GENERAL_SIZE);
    for (const { offset, size, access } of PIECES) {
      if (access.at !== undefined) vcpu.copy(access.at, size, block, offset);
      // None of these refuses.
      else block.set(littleEndian(access.read(vcpu) as bigint, size), offset);
    }
    return block;
  }

  /** An error when the register cannot take the value. */
  write(vcpu: Vcpu, feature: number, index: number, value: Uint8Array): TargetError | undefined {
    const number = value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    return this.accessOf(feature, index).write(vcpu, number, this.machine);
  }
}

/** Of 4 bytes, or a multiple of 8. */
function littleEndian(value: bigint, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  if (size === 4) view.setUint32(0, Number(value), true);
  else for (let at = 0; at < size; at += 8) view.setBigUint64(at, value >> BigInt(8 * at), true);
  return bytes;
}

/** Some bits of a register do not exist: setting one is refused, not forgotten. */
function withoutAbsent(name: string, value: bigint, mask: bigint, write: () => void): TargetError | undefined {
  const absent = value & ~mask;
  if (absent !== 0n) return refusal(`${name}: bits 0x${absent.toString(16)} do not exist on this CPU; leave them 0`);
  write();
  return undefined;
}

function refusal(text: string): TargetError {
  return new TargetError(Errno.EINVAL, text);
}
