/**
 * Loads and stores whose Data Abort has no syndrome (ISS.ISV = 0), from the instruction word (DDI 0487, C4.1 "Loads
 * and Stores"): pairs, pre- and post-index, register offset, literal, SIMD&FP registers. Exclusives, atomics and
 * SIMD structures are not here: no device of ours answers them.
 */
import type { Vcpu } from "../ports.js";
import { Spsr } from "./syndrome.js";

/** Register 31 of a base is the stack pointer of the guest's level. */
const SP = 31;

/** One element of a transfer. */
export interface Element {
  /** Byte offset from the first element. */
  readonly offset: number;
  /** Register number: X or V by `LoadStore.simd`. */
  readonly reg: number;
}

export interface LoadStore {
  readonly load: boolean;
  readonly simd: boolean;
  /** Bytes of an element: 1, 2, 4, 8 or, for Q registers, 16. */
  readonly size: 1 | 2 | 4 | 8 | 16;
  /** Sign-extended to `regWidth` bytes. */
  readonly signed: boolean;
  readonly regWidth: 4 | 8;
  readonly elements: readonly Element[];
  /** Address of the first element. */
  readonly address: bigint;
  /** Write-back of the base register. */
  readonly base?: { readonly reg: number; readonly value: bigint };
}

const bits = (word: number, high: number, low: number): number => (word >>> low) & ((1 << (high - low + 1)) - 1);
const bit = (word: number, n: number): boolean => ((word >>> n) & 1) !== 0;
const signed = (value: number, width: number): bigint => BigInt.asIntN(width, BigInt(value));

/** What the instruction at the guest's ELR_EL2 transfers, or `undefined` when it is none of the forms above. */
export function decodeLoadStore(word: number, vcpu: Vcpu): LoadStore | undefined {
  switch (bits(word, 29, 27)) {
    case 0b101:
      return bit(word, 25) ? undefined : pair(word, vcpu);
    case 0b111:
      return single(word, vcpu);
    case 0b011:
      return bits(word, 25, 24) === 0 ? literal(word, vcpu) : undefined;
    default:
      return undefined;
  }
}

/** LDP, STP, LDNP, STNP, LDPSW: index mode 24:23, L 22, imm7, Rt2, Rn, Rt. */
function pair(word: number, vcpu: Vcpu): LoadStore | undefined {
  const opc = bits(word, 31, 30);
  const simd = bit(word, 26);
  const load = bit(word, 22);
  const mode = bits(word, 24, 23);
  const signExtend = !simd && opc === 1;
  // 0b01 without L is STGP, and there is no LDPSW without allocation hint.
  if (opc === 3 || (signExtend && (!load || mode === 0))) return undefined;
  const scale = simd ? opc + 2 : opc === 2 ? 3 : 2;
  const size = (1 << scale) as LoadStore["size"];
  const offset = signed(bits(word, 21, 15), 7) << BigInt(scale);
  return {
    load,
    simd,
    size,
    signed: signExtend,
    regWidth: opc === 0 ? 4 : 8,
    elements: [
      { offset: 0, reg: bits(word, 4, 0) },
      { offset: size, reg: bits(word, 14, 10) },
    ],
    ...indexed(vcpu, bits(word, 9, 5), offset, mode === 1, mode === 3),
  };
}

/** LDR, STR and their kind: size 31:30, V, opc 23:22, then the addressing mode. */
function single(word: number, vcpu: Vcpu): LoadStore | undefined {
  const size = bits(word, 31, 30);
  const simd = bit(word, 26);
  const opc = bits(word, 23, 22);
  const what = simd ? simdTransfer(size, opc) : generalTransfer(size, opc);
  if (what === undefined) return undefined;
  const scale = Math.log2(what.size);
  const base = bits(word, 9, 5);
  const elements = [{ offset: 0, reg: bits(word, 4, 0) }];
  if (bit(word, 24)) {
    return { ...what, elements, ...indexed(vcpu, base, BigInt(bits(word, 21, 10) << scale), false, false) };
  }
  if (bit(word, 21)) {
    if (bits(word, 11, 10) !== 0b10) return undefined;
    const offset = registerOffset(word, scale, vcpu);
    return offset === undefined ? undefined : { ...what, elements, ...indexed(vcpu, base, offset, false, false) };
  }
  const mode = bits(word, 11, 10);
  if (simd && mode === 2) return undefined;
  return { ...what, elements, ...indexed(vcpu, base, signed(bits(word, 20, 12), 9), mode === 1, mode === 3) };
}

/** LDR (literal), LDRSW (literal): opc 31:30, V, imm19. */
function literal(word: number, vcpu: Vcpu): LoadStore | undefined {
  const opc = bits(word, 31, 30);
  const simd = bit(word, 26);
  if (opc === 3) return undefined;
  const signExtend = !simd && opc === 2;
  const size = simd ? 1 << (opc + 2) : opc === 1 ? 8 : 4;
  return {
    load: true,
    simd,
    size: size as LoadStore["size"],
    signed: signExtend,
    regWidth: opc === 0 ? 4 : 8,
    elements: [{ offset: 0, reg: bits(word, 4, 0) }],
    address: BigInt.asUintN(64, vcpu.sysreg("ELR_EL2") + (signed(bits(word, 23, 5), 19) << 2n)),
  };
}

type Transfer = Pick<LoadStore, "load" | "simd" | "size" | "signed" | "regWidth">;

function generalTransfer(size: number, opc: number): Transfer | undefined {
  // Size 3 with opc 2 is PRFM; opc 3 is a sign extension to 32 bits, which only bytes and halfwords have.
  if ((size === 3 && opc >= 2) || (size === 2 && opc === 3)) return undefined;
  const wide = opc === 2 || (opc < 2 && size === 3);
  const bytes = (1 << size) as LoadStore["size"];
  return { load: opc !== 0, simd: false, size: bytes, signed: opc >= 2, regWidth: wide ? 8 : 4 };
}

function simdTransfer(size: number, opc: number): Transfer | undefined {
  const scale = ((opc & 2) << 1) | size;
  if (scale > 4) return undefined;
  return { load: (opc & 1) !== 0, simd: true, size: (1 << scale) as LoadStore["size"], signed: false, regWidth: 8 };
}

/** Rm extended by option (UXTW, LSL, SXTW, SXTX) and shifted by S. */
function registerOffset(word: number, scale: number, vcpu: Vcpu): bigint | undefined {
  const rm = vcpu.x(bits(word, 20, 16));
  const extended = extend(rm, bits(word, 15, 13));
  return extended === undefined ? undefined : extended << BigInt(bit(word, 12) ? scale : 0);
}

function extend(value: bigint, option: number): bigint | undefined {
  switch (option) {
    case 2:
      return BigInt.asUintN(32, value);
    case 6:
      return BigInt.asIntN(32, value);
    case 3:
    case 7:
      return value;
    default:
      return undefined;
  }
}

/** Address and write-back of a base register with an offset. */
function indexed(
  vcpu: Vcpu,
  reg: number,
  offset: bigint,
  post: boolean,
  pre: boolean,
): Pick<LoadStore, "address" | "base"> {
  const before = readBase(vcpu, reg);
  const moved = BigInt.asUintN(64, before + offset);
  const address = post ? before : moved;
  return post || pre ? { address, base: { reg, value: moved } } : { address };
}

/** The slot of the stack pointer that the guest was using. */
function stackPointer(vcpu: Vcpu): string {
  const spsr = vcpu.sysreg("SPSR_EL2");
  return Spsr.spx(spsr) ? `SP_EL${Spsr.el(spsr)}` : "SP_EL0";
}

function readBase(vcpu: Vcpu, reg: number): bigint {
  return reg === SP ? vcpu.sysreg(stackPointer(vcpu)) : vcpu.x(reg);
}

export function writeBase(vcpu: Vcpu, reg: number, value: bigint): void {
  if (reg === SP) vcpu.setSysreg(stackPointer(vcpu), value);
  else vcpu.setX(reg, value);
}
