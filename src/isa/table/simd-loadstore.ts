/** Loads and stores of SIMD&FP registers and of structures (DDI 0487, C4.1 "Loads and Stores"). */
import { type Row, row } from "../pattern.js";
import {
  consecutive,
  interleaved,
  literal,
  pairPostIndex,
  pairPreIndex,
  pairSignedOffset,
  postIndex,
  preIndex,
  registerOffset,
  replicated,
  singleElement,
  unscaledOffset,
  unsignedOffset,
} from "../semantics/simd-memory.js";
import { given } from "../semantics/simd-registers.js";

const fp = true;
/** q is opc<1>: Q registers have size 00. */
const registers = { fp, when: (v: { size: number; q: number }) => v.q === 0 || v.size === 0 };
/** Offset registers are words or doublewords. */
const extended = {
  fp,
  when: (v: { size: number; q: number; option: number }) => registers.when(v) && (v.option & 2) !== 0,
};
const notReserved = { fp, when: (v: { opc: number }) => v.opc !== 3 };
/** There is no 1D arrangement of LD2–LD4. */
const arranged = { fp, when: (v: { Q: number; size: number }) => v.size < 3 || v.Q === 1 };

const load = given({ L: 1 });
const store = given({ L: 0 });

// biome-ignore format: one row a line
export const simdLoadStore: readonly Row[] = [
  row("LDR_lit_fpsimd", "opc=2 011 1 00 imm19:19 Rt:5", notReserved, literal),
  row("STR_imm_fpsimd", "size=2 111 1 01 q=1 0 imm12:12 Rn:5 Rt:5", registers, store(unsignedOffset)),
  row("STUR_fpsimd", "size=2 111 1 00 q=1 0 0 imm9:9 00 Rn:5 Rt:5", registers, store(unscaledOffset)),
  row("STR_imm_post_fpsimd", "size=2 111 1 00 q=1 0 0 imm9:9 01 Rn:5 Rt:5", registers, store(postIndex)),
  row("STR_imm_pre_fpsimd", "size=2 111 1 00 q=1 0 0 imm9:9 11 Rn:5 Rt:5", registers, store(preIndex)),
  row("STR_reg_fpsimd", "size=2 111 1 00 q=1 0 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5", extended, store(registerOffset)),
  row("LDR_imm_fpsimd", "size=2 111 1 01 q=1 1 imm12:12 Rn:5 Rt:5", registers, load(unsignedOffset)),
  row("LDUR_fpsimd", "size=2 111 1 00 q=1 1 0 imm9:9 00 Rn:5 Rt:5", registers, load(unscaledOffset)),
  row("LDR_imm_post_fpsimd", "size=2 111 1 00 q=1 1 0 imm9:9 01 Rn:5 Rt:5", registers, load(postIndex)),
  row("LDR_imm_pre_fpsimd", "size=2 111 1 00 q=1 1 0 imm9:9 11 Rn:5 Rt:5", registers, load(preIndex)),
  row("LDR_reg_fpsimd", "size=2 111 1 00 q=1 1 1 Rm:5 option=3 S=1 10 Rn:5 Rt:5", extended, load(registerOffset)),

  // pairs
  row("STNP_fpsimd", "opc=2 101 1 000 0 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, store(pairSignedOffset)),
  row("STP_post_fpsimd", "opc=2 101 1 001 0 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, store(pairPostIndex)),
  row("STP_fpsimd", "opc=2 101 1 010 0 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, store(pairSignedOffset)),
  row("STP_pre_fpsimd", "opc=2 101 1 011 0 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, store(pairPreIndex)),
  row("LDNP_fpsimd", "opc=2 101 1 000 1 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, load(pairSignedOffset)),
  row("LDP_post_fpsimd", "opc=2 101 1 001 1 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, load(pairPostIndex)),
  row("LDP_fpsimd", "opc=2 101 1 010 1 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, load(pairSignedOffset)),
  row("LDP_pre_fpsimd", "opc=2 101 1 011 1 imm7:7 Rt2:5 Rn:5 Rt:5", notReserved, load(pairPreIndex)),

  // multiple structures: opcode, then size
  row("LDST1_mult1", "0 Q=1 0011000 L=1 0 00000 0111 size:2 Rn:5 Rt:5", { fp }, consecutive(1)),
  row("LDST1_mult2", "0 Q=1 0011000 L=1 0 00000 1010 size:2 Rn:5 Rt:5", { fp }, consecutive(2)),
  row("LDST1_mult3", "0 Q=1 0011000 L=1 0 00000 0110 size:2 Rn:5 Rt:5", { fp }, consecutive(3)),
  row("LDST1_mult4", "0 Q=1 0011000 L=1 0 00000 0010 size:2 Rn:5 Rt:5", { fp }, consecutive(4)),
  row("LDST2_mult", "0 Q=1 0011000 L=1 0 00000 1000 size=2 Rn:5 Rt:5", arranged, interleaved(2)),
  row("LDST3_mult", "0 Q=1 0011000 L=1 0 00000 0100 size=2 Rn:5 Rt:5", arranged, interleaved(3)),
  row("LDST4_mult", "0 Q=1 0011000 L=1 0 00000 0000 size=2 Rn:5 Rt:5", arranged, interleaved(4)),
  row("LDST1_mult1_post", "0 Q=1 0011001 L=1 0 Rm:5 0111 size:2 Rn:5 Rt:5", { fp }, consecutive(1)),
  row("LDST1_mult2_post", "0 Q=1 0011001 L=1 0 Rm:5 1010 size:2 Rn:5 Rt:5", { fp }, consecutive(2)),
  row("LDST1_mult3_post", "0 Q=1 0011001 L=1 0 Rm:5 0110 size:2 Rn:5 Rt:5", { fp }, consecutive(3)),
  row("LDST1_mult4_post", "0 Q=1 0011001 L=1 0 Rm:5 0010 size:2 Rn:5 Rt:5", { fp }, consecutive(4)),
  row("LDST2_mult_post", "0 Q=1 0011001 L=1 0 Rm:5 1000 size=2 Rn:5 Rt:5", arranged, interleaved(2)),
  row("LDST3_mult_post", "0 Q=1 0011001 L=1 0 Rm:5 0100 size=2 Rn:5 Rt:5", arranged, interleaved(3)),
  row("LDST4_mult_post", "0 Q=1 0011001 L=1 0 Rm:5 0000 size=2 Rn:5 Rt:5", arranged, interleaved(4)),

  // single structures: R, then opcode, S and size, which give element size and number
  row("LDST1_single_b", "0 Q:1 0011010 L=1 0 00000 000 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(1, 0)),
  row("LDST1_single_h", "0 Q:1 0011010 L=1 0 00000 010 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(1, 1)),
  row("LDST1_single_s", "0 Q:1 0011010 L=1 0 00000 100 S:1 00 Rn:5 Rt:5", { fp }, singleElement(1, 2)),
  row("LDST1_single_d", "0 Q:1 0011010 L=1 0 00000 100 0 01 Rn:5 Rt:5", { fp }, singleElement(1, 3)),
  row("LD1R", "0 Q=1 0011010 1 0 00000 110 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(1))),
  row("LDST2_single_b", "0 Q:1 0011010 L=1 1 00000 000 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(2, 0)),
  row("LDST2_single_h", "0 Q:1 0011010 L=1 1 00000 010 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(2, 1)),
  row("LDST2_single_s", "0 Q:1 0011010 L=1 1 00000 100 S:1 00 Rn:5 Rt:5", { fp }, singleElement(2, 2)),
  row("LDST2_single_d", "0 Q:1 0011010 L=1 1 00000 100 0 01 Rn:5 Rt:5", { fp }, singleElement(2, 3)),
  row("LD2R", "0 Q=1 0011010 1 1 00000 110 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(2))),
  row("LDST3_single_b", "0 Q:1 0011010 L=1 0 00000 001 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(3, 0)),
  row("LDST3_single_h", "0 Q:1 0011010 L=1 0 00000 011 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(3, 1)),
  row("LDST3_single_s", "0 Q:1 0011010 L=1 0 00000 101 S:1 00 Rn:5 Rt:5", { fp }, singleElement(3, 2)),
  row("LDST3_single_d", "0 Q:1 0011010 L=1 0 00000 101 0 01 Rn:5 Rt:5", { fp }, singleElement(3, 3)),
  row("LD3R", "0 Q=1 0011010 1 0 00000 111 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(3))),
  row("LDST4_single_b", "0 Q:1 0011010 L=1 1 00000 001 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(4, 0)),
  row("LDST4_single_h", "0 Q:1 0011010 L=1 1 00000 011 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(4, 1)),
  row("LDST4_single_s", "0 Q:1 0011010 L=1 1 00000 101 S:1 00 Rn:5 Rt:5", { fp }, singleElement(4, 2)),
  row("LDST4_single_d", "0 Q:1 0011010 L=1 1 00000 101 0 01 Rn:5 Rt:5", { fp }, singleElement(4, 3)),
  row("LD4R", "0 Q=1 0011010 1 1 00000 111 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(4))),
  row("LDST1_single_b_post", "0 Q:1 0011011 L=1 0 Rm:5 000 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(1, 0)),
  row("LDST1_single_h_post", "0 Q:1 0011011 L=1 0 Rm:5 010 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(1, 1)),
  row("LDST1_single_s_post", "0 Q:1 0011011 L=1 0 Rm:5 100 S:1 00 Rn:5 Rt:5", { fp }, singleElement(1, 2)),
  row("LDST1_single_d_post", "0 Q:1 0011011 L=1 0 Rm:5 100 0 01 Rn:5 Rt:5", { fp }, singleElement(1, 3)),
  row("LD1R_post", "0 Q=1 0011011 1 0 Rm:5 110 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(1))),
  row("LDST2_single_b_post", "0 Q:1 0011011 L=1 1 Rm:5 000 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(2, 0)),
  row("LDST2_single_h_post", "0 Q:1 0011011 L=1 1 Rm:5 010 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(2, 1)),
  row("LDST2_single_s_post", "0 Q:1 0011011 L=1 1 Rm:5 100 S:1 00 Rn:5 Rt:5", { fp }, singleElement(2, 2)),
  row("LDST2_single_d_post", "0 Q:1 0011011 L=1 1 Rm:5 100 0 01 Rn:5 Rt:5", { fp }, singleElement(2, 3)),
  row("LD2R_post", "0 Q=1 0011011 1 1 Rm:5 110 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(2))),
  row("LDST3_single_b_post", "0 Q:1 0011011 L=1 0 Rm:5 001 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(3, 0)),
  row("LDST3_single_h_post", "0 Q:1 0011011 L=1 0 Rm:5 011 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(3, 1)),
  row("LDST3_single_s_post", "0 Q:1 0011011 L=1 0 Rm:5 101 S:1 00 Rn:5 Rt:5", { fp }, singleElement(3, 2)),
  row("LDST3_single_d_post", "0 Q:1 0011011 L=1 0 Rm:5 101 0 01 Rn:5 Rt:5", { fp }, singleElement(3, 3)),
  row("LD3R_post", "0 Q=1 0011011 1 0 Rm:5 111 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(3))),
  row("LDST4_single_b_post", "0 Q:1 0011011 L=1 1 Rm:5 001 S:1 low:2 Rn:5 Rt:5", { fp }, singleElement(4, 0)),
  row("LDST4_single_h_post", "0 Q:1 0011011 L=1 1 Rm:5 011 S:1 low:1 0 Rn:5 Rt:5", { fp }, singleElement(4, 1)),
  row("LDST4_single_s_post", "0 Q:1 0011011 L=1 1 Rm:5 101 S:1 00 Rn:5 Rt:5", { fp }, singleElement(4, 2)),
  row("LDST4_single_d_post", "0 Q:1 0011011 L=1 1 Rm:5 101 0 01 Rn:5 Rt:5", { fp }, singleElement(4, 3)),
  row("LD4R_post", "0 Q=1 0011011 1 1 Rm:5 111 0 size=2 Rn:5 Rt:5", { fp }, load(replicated(4))),
];
