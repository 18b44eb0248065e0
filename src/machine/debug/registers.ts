/**
 * The registers of a vCPU as a debugger sees them: `org.gnu.gdb.aarch64.core` and `.fpu` (GDB manual, "AArch64
 * Features"), over the vCPU's block. cpsr is PSTATE in the format of SPSR_ELx (DDI 0487, C5.2.18).
 */
import type { Vcpu } from "../../cpu/vcpu.js";
import { CPU, CPU_FEATURE } from "../../engine/layout.js";
import { CORE, CoreRegister, coreFeature, Errno, FpuRegister, fpuFeature, TargetError } from "../../gdb/index.js";
import type { Machine } from "../machine.js";

export const REGISTER_FEATURES = [coreFeature, fpuFeature] as const;

interface Access {
  read(vcpu: Vcpu): bigint;
  write(vcpu: Vcpu, value: bigint, machine: Machine): TargetError | undefined;
}

const word = (read: (vcpu: Vcpu) => bigint, write: (vcpu: Vcpu, value: bigint) => void): Access => ({
  read,
  write(vcpu, value) {
    write(vcpu, value);
    return undefined;
  },
});

/** FPCR and FPSR bits that exist (C5.2.8, C5.2.9; trapping of floating-point exceptions is not implemented). */
const FPCR_BITS = 0x07c8_0000n;
const FPSR_BITS = 0x0800_009fn;

/** A register some of whose bits exist: setting another is refused, not forgotten. */
function bits(name: string, mask: bigint, read: (vcpu: Vcpu) => number, write: (vcpu: Vcpu, value: number) => void): Access {
  return {
    read: (vcpu) => BigInt(read(vcpu)),
    write(vcpu, value) {
      if ((value & ~mask) !== 0n) return absent(name, value & ~mask);
      write(vcpu, Number(value));
      return undefined;
    },
  };
}

const CORE_ACCESS: readonly Access[] = coreFeature.registers.map((_, index): Access => {
  if (index === CoreRegister.sp) return word((v) => v.sp, (v, value) => void (v.sp = value));
  if (index === CoreRegister.pc) return word((v) => v.pc, (v, value) => void (v.pc = value));
  if (index === CoreRegister.cpsr) return { read: (v) => BigInt(v.pstate), write: writePstate };
  return word((v) => v.x(index), (v, value) => v.setX(index, value));
});

const FPU_ACCESS: readonly Access[] = fpuFeature.registers.map((_, index): Access => {
  if (index === FpuRegister.fpsr) return bits("fpsr", FPSR_BITS, (v) => v.fpsr, (v, value) => v.setFpsr(value));
  if (index === FpuRegister.fpcr) return bits("fpcr", FPCR_BITS, (v) => v.fpcr, (v, value) => v.setFpcr(value));
  const at = CPU.v + 16 * index;
  return word(
    (v) => v.get64(at) | (v.get64(at + 8) << 64n),
    (v, value) => {
      v.set64(at, BigInt.asUintN(64, value));
      v.set64(at + 8, value >> 64n);
    },
  );
});

function find(feature: number, index: number): { readonly access: Access; readonly size: number } {
  const list = feature === CORE ? CORE_ACCESS : FPU_ACCESS;
  const spec = REGISTER_FEATURES[feature]?.registers[index];
  const access = list[index];
  if (spec === undefined || access === undefined) throw new Error(`no register ${index} in feature ${feature}`);
  return { access, size: spec.bits / 8 };
}

/** The register's value, little endian, as long as it is wide. */
export function readRegister(vcpu: Vcpu, feature: number, index: number): Uint8Array {
  const { access, size } = find(feature, index);
  const value = access.read(vcpu);
  return Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

/** The same form; an error when the register cannot take the value. */
export function writeRegister(
  machine: Machine,
  vcpu: Vcpu,
  feature: number,
  index: number,
  value: Uint8Array,
): TargetError | undefined {
  const number = value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return find(feature, index).access.write(vcpu, number, machine);
}

const SPSR = { SP: 1n, nRW: 1n << 4n, EL: 3, ELShift: 2n, always: 0xf030_03cdn } as const;
/** Bits that exist only with a feature. */
const SPSR_FEATURES: readonly (readonly [bigint, number])[] = [
  [1n << 12n, CPU_FEATURE.SSBS],
  [1n << 22n, CPU_FEATURE.PAN],
  [1n << 23n, CPU_FEATURE.UAO],
  [1n << 24n, CPU_FEATURE.DIT],
];

function writePstate(vcpu: Vcpu, value: bigint, { engine }: Machine): TargetError | undefined {
  if (value & SPSR.nRW) return refusal("cpsr.nRW = 1: this CPU has no AArch32 state");
  const el = Number(value >> SPSR.ELShift) & SPSR.EL;
  if (el === 0 && value & SPSR.SP) return refusal("cpsr: EL0 uses SP_EL0, so SP must be 0");
  if ((vcpu.get32(CPU.hosted) >>> el) & 1) return refusal(`cpsr.EL = ${el}: EL${el} is hosted, no guest code runs there`);
  const features = vcpu.get32(CPU.features);
  let known: bigint = SPSR.always;
  for (const [bit, feature] of SPSR_FEATURES) if (features & feature) known |= bit;
  if ((value & ~known) !== 0n) return absent("cpsr", value & ~known);
  vcpu.pstate = Number(value);
  engine.exports.enterMode(vcpu.base);
  return undefined;
}

function absent(name: string, bits: bigint): TargetError {
  return refusal(`${name}: bits 0x${bits.toString(16)} do not exist on this CPU; leave them 0`);
}

function refusal(text: string): TargetError {
  return new TargetError(Errno.EINVAL, text);
}
