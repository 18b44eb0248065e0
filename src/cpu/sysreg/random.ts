/**
 * Random numbers (DDI 0487, FEAT_RNG). They are those of a generator that begins the same in every run, each vCPU's
 * with numbers of its own, so that runs repeat: good for programs that ask for such registers, not for secrets.
 */
import { type Access, type RowOptions, register } from "./row.js";

const WORD = (1n << 64n) - 1n;
/** SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): the state's step, and what is made of a state. */
const STEP = 0x9e37_79b9_7f4a_7c15n;
function scrambled(state: bigint): bigint {
  const first = ((state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n) & WORD;
  const second = ((first ^ (first >> 27n)) * 0x94d0_49bb_1331_11ebn) & WORD;
  return second ^ (second >> 31n);
}

/** The state of both is RNDR's slot. */
const next = ({ vcpu }: Access): bigint => (vcpu.sysreg("RNDR") + STEP) & WORD;

const random: RowOptions = {
  access: "RO",
  features: ["RNG"],
  read: (access) => {
    const state = next(access);
    access.vcpu.setSysreg("RNDR", state);
    // There always is a number: PSTATE.Z would say that there was none in reasonable time.
    access.vcpu.setNzcv(0);
    return scrambled(state);
  },
  peek: (access) => scrambled(next(access)),
};

export const RANDOM = [
  register("RNDR", [3, 3, 2, 4, 0], { ...random, reset: ({ index }) => scrambled(BigInt(index)) }),
  register("RNDRRS", [3, 3, 2, 4, 1], random),
];
