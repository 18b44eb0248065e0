import { beforeAll, describe, expect, it } from "vitest";
import { VectorMachine } from "./vector-machine.js";

// Chosen cases of Advanced SIMD integer instructions, whose results were also had from QEMU: extremes, saturation, what
// happens to the upper half, shifts by as much as an element. All operands at random are test/conformance.

let m: VectorMachine;
beforeAll(async () => {
  m = await VectorMachine.create();
});

/** A register as hexadecimal digits, the highest first; one digit alone stands for all of them. */
const vector = (digits: string): Uint8Array =>
  Uint8Array.from(Buffer.from(digits.length === 1 ? digits.repeat(32) : digits, "hex").reverse());
const digits = (bytes: Uint8Array): string => Buffer.from(bytes).reverse().toString("hex");

const QC = 1 << 27;

interface Case {
  readonly asm: string;
  readonly word: number;
  /** V0, V1 and V2 before. */
  readonly before: readonly [string, string, string];
  readonly v0: string;
  readonly saturates?: true;
}

// biome-ignore format: one case a line
const CASES: readonly Case[] = [
  { asm: "add v0.8b, v1.8b, v2.8b", word: 0x0e228420, before: ["f", "000102030405060708090a0b0c0d0e0f", "01010101010101010101010101010101"], v0: "0000000000000000090a0b0c0d0e0f10" },
  { asm: "add d0, d1, d2", word: 0x5ee28420, before: ["f", "1234567890abcdefffffffffffffffff", "00000000000000000000000000000002"], v0: "00000000000000000000000000000001" },
  { asm: "sqadd v0.16b, v1.16b, v2.16b", word: 0x4e220c20, before: ["0", "7f80007f80010203040506070809fe7f", "01ff0001ff0102030405060708090a80"], v0: "7f80007f80020406080a0c0e101208ff", saturates: true },
  { asm: "sqadd v0.8b, v1.8b, v2.8b", word: 0x0e220c20, before: ["f", "7f80007f800102030000000000000001", "01ff0001ff0102030000000000000001"], v0: "00000000000000000000000000000002" },
  { asm: "sqadd v0.4s, v1.4s, v2.4s", word: 0x4ea20c20, before: ["0", "7fffffff800000000000000180000000", "0000000180000000ffffffff7fffffff"], v0: "7fffffff8000000000000000ffffffff", saturates: true },
  { asm: "uqadd v0.2d, v1.2d, v2.2d", word: 0x6ee20c20, before: ["0", "fffffffffffffffe0000000000000001", "00000000000000020000000000000001"], v0: "ffffffffffffffff0000000000000002", saturates: true },
  { asm: "uqsub v0.4s, v1.4s, v2.4s", word: 0x6ea22c20, before: ["0", "00000000000000050000000580000000", "00000001000000060000000400000001"], v0: "0000000000000000000000017fffffff", saturates: true },
  { asm: "sqsub b0, b1, b2", word: 0x5e222c20, before: ["f", "8000000000000000000000000000ff80", "0100000000000000000000000000ff01"], v0: "00000000000000000000000000000080", saturates: true },
  { asm: "suqadd h0, h1", word: 0x5e603820, before: ["00000000000000000000000000007ffe", "0000000000000000000000000000ffff", "0"], v0: "00000000000000000000000000007fff", saturates: true },
  { asm: "usqadd v0.2s, v1.2s", word: 0x2ea03820, before: ["000000000000000000000001fffffffe", "0000000000000000fffffffe7fffffff", "0"], v0: "000000000000000000000000ffffffff", saturates: true },
  { asm: "uhadd v0.16b, v1.16b, v2.16b", word: 0x6e220420, before: ["0", "fffefd00000000000000000000000000", "ff000101000000000000000000000000"], v0: "ff7f7f00000000000000000000000000" },
  { asm: "srhadd v0.8h, v1.8h, v2.8h", word: 0x4e621420, before: ["0", "7fff8000ffff0001000080007fff0000", "7fff8000fffe0002ffff7fff00010000"], v0: "7fff8000ffff00020000000040000000" },
  { asm: "shsub v0.4s, v1.4s, v2.4s", word: 0x4ea22420, before: ["0", "7fffffff800000000000000000000003", "800000007fffffff0000000100000000"], v0: "7fffffff80000000ffffffff00000001" },
  { asm: "cmhi v0.2d, v1.2d, v2.2d", word: 0x6ee23420, before: ["0", "80000000000000000000000000000001", "7fffffffffffffff0000000000000001"], v0: "ffffffffffffffff0000000000000000" },
  { asm: "cmtst v0.4h, v1.4h, v2.4h", word: 0x0e628c20, before: ["f", "ffffffffffffffff0001800000100f0f", "ffffffffffffffff000180000001f0f0"], v0: "0000000000000000ffffffff00000000" },
  { asm: "sshl v0.4s, v1.4s, v2.4s", word: 0x4ea24420, before: ["0", "80000000800000000000000180000001", "000000e0000000ff0000001f00000020"], v0: "ffffffffc00000008000000000000000" },
  { asm: "uqrshl v0.8b, v1.8b, v2.8b", word: 0x2e225c20, before: ["0", "0000000000000000ff800180ff03ff01", "000000000000000000f807f8f7ff0108"], v0: "0000000000000000ff0180010002ffff", saturates: true },
  { asm: "sqrshl v0.2d, v1.2d, v2.2d", word: 0x4ee25c20, before: ["0", "8000000000000000ffffffffffffffff", "00000000000000010000000000000080"], v0: "80000000000000000000000000000000", saturates: true },
  { asm: "srshl d0, d1, d2", word: 0x5ee25420, before: ["0", "00000000000000008000000000000000", "000000000000000000000000000000c0"], v0: "00000000000000000000000000000000" },
  { asm: "sqdmulh v0.8h, v1.8h, v2.8h", word: 0x4e62b420, before: ["0", "80007fff0001ffff4000800000000000", "80007fff0001000140007fff00000000"], v0: "7fff7ffe0000ffff2000800100000000", saturates: true },
  { asm: "sqdmulh s0, s1, v2.s[3]", word: 0x5fa2c820, before: ["f", "00000000000000000000000080000000", "80000000000000000000000000000000"], v0: "0000000000000000000000007fffffff", saturates: true },
  { asm: "sqrdmlah v0.8h, v1.8h, v2.h[7]", word: 0x6f72d820, before: ["7fff800000000001ffff400000010001", "80007fff4000c0000001ffff7fff8000", "7fff0000000000000000000000000000"], v0: "0000fffe4000c00200003fff7fff8002" },
  { asm: "sqdmlal2 v0.2d, v1.4s, v2.4s", word: 0x4ea29020, before: ["7fffffffffffffff0000000000000000", "80000000000000010000000000000000", "80000000000000010000000000000000"], v0: "7fffffffffffffff0000000000000002", saturates: true },
  { asm: "pmul v0.16b, v1.16b, v2.16b", word: 0x6e229c20, before: ["0", "ff000000000000000000000000000380", "ff000000000000000000000000000302"], v0: "55000000000000000000000000000500" },
  { asm: "pmull2 v0.8h, v1.16b, v2.16b", word: 0x4e22e020, before: ["0", "ff8001000000000000000000000000ff", "ff80ff000000000000000000000000ff"], v0: "5555400000ff00000000000000000000" },
  { asm: "uabdl v0.8h, v1.8b, v2.8b", word: 0x2e227020, before: ["0", "000000000000000000ff7f8001020304", "0000000000000000ff00807f04030201"], v0: "00ff00ff000100010003000100010003" },
  { asm: "raddhn2 v0.16b, v1.8h, v2.8h", word: 0x6e224020, before: ["000102030405060708090a0b0c0d0e0f", "ffff007f00800100ff80123480000001", "0000000000000000007f00ff8000007f"], v0: "000001010013000108090a0b0c0d0e0f" },
  { asm: "addp v0.4h, v1.4h, v2.4h", word: 0x0e62bc20, before: ["f", "ffffffffffffffff0001000200030004", "ffffffffffffffff0010002000300040"], v0: "00000000000000000030007000030007" },
  { asm: "uminp v0.16b, v1.16b, v2.16b", word: 0x6e22ac20, before: ["0", "000102030405060708090a0b0c0d0e0f", "f0e0d0c0b0a090807060504030201000"], v0: "e0c0a0806040200000020406080a0c0e" },
  { asm: "smaxv h0, v1.4h", word: 0x0e70a820, before: ["f", "7fff7fff7fff7fff8000fffffffe8001", "0"], v0: "0000000000000000000000000000ffff" },
  { asm: "uaddlv d0, v1.4s", word: 0x6eb03820, before: ["f", "f", "0"], v0: "000000000000000000000003fffffffc" },
  { asm: "cls v0.8h, v1.8h", word: 0x4e604820, before: ["0", "0000ffff00018000fffe7fffc0001fff", "0"], v0: "000f000f000e0000000e000000010002" },
  { asm: "clz v0.4s, v1.4s", word: 0x6ea04820, before: ["0", "00000000000000018000000000ffffff", "0"], v0: "000000200000001f0000000000000008" },
  { asm: "rbit v0.8b, v1.8b", word: 0x2e605820, before: ["f", "ffffffffffffffff0102040810204080", "0"], v0: "00000000000000008040201008040201" },
  { asm: "rev32 v0.8h, v1.8h", word: 0x6e600820, before: ["0", "00010203040506070809101112131415", "0"], v0: "02030001060704051011080914151213" },
  { asm: "sqxtun v0.2s, v1.2d", word: 0x2ea12820, before: ["f", "ffffffffffffffff0000000100000000", "0"], v0: "000000000000000000000000ffffffff", saturates: true },
  { asm: "sqxtn2 v0.8h, v1.4s", word: 0x4e614820, before: ["0001000200030004f000000000000000", "00008000ffff80000000000400007fff", "0"], v0: "7fff800000047ffff000000000000000", saturates: true },
  { asm: "uqxtn b0, h1", word: 0x7e214820, before: ["f", "01000000000000000000000000000100", "0"], v0: "000000000000000000000000000000ff", saturates: true },
  { asm: "sri v0.16b, v1.16b, #8", word: 0x6f084420, before: ["000102030405060708090a0b0c0d0e0f", "f", "0"], v0: "000102030405060708090a0b0c0d0e0f" },
  { asm: "sli v0.2d, v1.2d, #63", word: 0x6f7f5420, before: ["000102030405060708090a0b0c0d0e0f", "00000000000000010000000000000002", "0"], v0: "800102030405060708090a0b0c0d0e0f" },
  { asm: "srsra v0.2d, v1.2d, #64", word: 0x4f403420, before: ["00000000000000010000000000000001", "7fffffffffffffff8000000000000000", "0"], v0: "00000000000000010000000000000001" },
  { asm: "ushr d0, d1, #64", word: 0x7f400420, before: ["f", "f", "0"], v0: "00000000000000000000000000000000" },
  { asm: "sqshlu v0.4h, v1.4h, #15", word: 0x2f1f6420, before: ["f", "0000000000000000ffff000100020000", "0"], v0: "000000000000000000008000ffff0000", saturates: true },
  { asm: "sqrshrun v0.8b, v1.8h, #8", word: 0x2f088c20, before: ["f", "ffff7fff007f00808000fe00ff80ff7f", "0"], v0: "00000000000000000080000100000000", saturates: true },
  { asm: "uqrshrn s0, d1, #32", word: 0x7f209c20, before: ["f", "0000000000000000ffffffff80000000", "0"], v0: "000000000000000000000000ffffffff", saturates: true },
  { asm: "sshll2 v0.4s, v1.8h, #15", word: 0x4f1fa420, before: ["0", "80007fff0001ffff0000000000000000", "0"], v0: "c00000003fff800000008000ffff8000" },
  { asm: "ext v0.8b, v1.8b, v2.8b, #3", word: 0x2e021820, before: ["f", "ffffffffffffffff0706050403020100", "ffffffffffffffff0f0e0d0c0b0a0908"], v0: "00000000000000000a09080706050403" },
  { asm: "ext v0.16b, v1.16b, v2.16b, #15", word: 0x6e027820, before: ["0", "0f0e0d0c0b0a09080706050403020100", "1f1e1d1c1b1a19181716151413121110"], v0: "1e1d1c1b1a191817161514131211100f" },
  { asm: "zip2 v0.8b, v1.8b, v2.8b", word: 0x0e027820, before: ["f", "ffffffffffffffff0706050403020100", "ffffffffffffffff1716151413121110"], v0: "00000000000000001707160615051404" },
  { asm: "uzp1 v0.2s, v1.2s, v2.2s", word: 0x0e821820, before: ["f", "ffffffffffffffff0706050403020100", "ffffffffffffffff1716151413121110"], v0: "00000000000000001312111003020100" },
  { asm: "trn2 v0.8h, v1.8h, v2.8h", word: 0x4e426820, before: ["0", "0f0e0d0c0b0a09080706050403020100", "1f1e1d1c1b1a19181716151413121110"], v0: "1f1e0f0e1b1a0b0a1716070613120302" },
  { asm: "tbl v0.16b, {v1.16b, v2.16b}, v0.16b", word: 0x4e002020, before: ["ff80201f1e1d1c1b1a19181716151000", "0f0e0d0c0b0a09080706050403020100", "2f2e2d2c2b2a29282726252423222120"], v0: "0000002f2e2d2c2b2a29282726252000" },
  { asm: "tbx v0.8b, {v31.16b, v0.16b}, v2.8b", word: 0x0e0233e0, before: ["0f0e0d0c0b0a09080706050403020100", "0", "000000000000000020ff1f1110800010"], v0: "000000000000000007060f0100020000" },
  { asm: "ins v0.s[3], v1.s[2]", word: 0x6e1c4420, before: ["0", "0123456789abcdef0000000000000000", "0"], v0: "89abcdef000000000000000000000000" },
  { asm: "dup v0.8h, v1.h[5]", word: 0x4e160420, before: ["0", "77776666555544443333222211110000", "0"], v0: "55555555555555555555555555555555" },
  { asm: "movi d0, #0xff00ff0000ff00ff", word: 0x2f05e4a0, before: ["f", "0", "0"], v0: "0000000000000000ff00ff0000ff00ff" },
  { asm: "mvni v0.2s, #0xab, msl #16", word: 0x2f05d560, before: ["f", "0", "0"], v0: "0000000000000000ff540000ff540000" },
  { asm: "bic v0.8h, #0xab, lsl #8", word: 0x6f05b560, before: ["f", "0", "0"], v0: "54ff54ff54ff54ff54ff54ff54ff54ff" },
  { asm: "sdot v0.4s, v1.16b, v2.4b[1]", word: 0x4fa2e020, before: ["0", "807f01ff000000000102030480808080", "00000000000000008080808000000000"], v0: "0000008000000000fffffb0000010000" },
  { asm: "usmmla v0.4s, v1.16b, v2.16b", word: 0x4e82ac20, before: ["00000001000000020000000300000004", "ffffffffffffffff0101010101010101", "80808080808080807f7f7f7f7f7f7f7f"], v0: "fffc04010003f40afffffc03000003fc" },
];

describe("Advanced SIMD integer instructions", () => {
  it.each(CASES)("$asm", ({ word, before, v0, saturates }) => {
    for (const [n, value] of before.entries()) m.setV(n, vector(value));
    m.setV(31, vector("0"));
    m.vcpu.setFpsr(0);
    m.run(word);
    expect(digits(m.v(0))).toBe(v0);
    expect(m.vcpu.fpsr).toBe(saturates ? QC : 0);
  });

  it("keeps FPSR.QC once it is set", () => {
    m.vcpu.setFpsr(QC);
    m.setV(1, vector("0"));
    m.run(0x4e210c20); // sqadd v0.16b, v1.16b, v1.16b
    expect(m.vcpu.fpsr).toBe(QC);
  });

  it("sign-extends into X and, for W, no farther", () => {
    m.setV(1, vector("8001000000000000000000000000000f"));
    m.run(0x4e1e2c20, 0x0e1e2c21); // smov x0, v1.h[7]; smov w1, v1.h[7]
    expect(m.vcpu.x(0)).toBe(0xffff_ffff_ffff_8001n);
    expect(m.vcpu.x(1)).toBe(0xffff_8001n);
  });
});

describe("structure loads and stores", () => {
  const bytes = (count: number, first = 0): Uint8Array =>
    Uint8Array.from({ length: count }, (_, i) => (first + i) & 0xff);

  it("deals elements to registers, past V31 to V0, and gathers them again", () => {
    m.setMemory(0, bytes(48));
    m.vcpu.setX(1, m.address(0));
    m.vcpu.setX(2, m.address(64));
    m.run(0x4cdf443f, 0x4c00445f); // ld3 {v31.8h, v0.8h, v1.8h}, [x1], #48; st3 {v31.8h, v0.8h, v1.8h}, [x2]
    expect(digits(m.v(31))).toBe("2b2a25241f1e191813120d0c07060100");
    expect(digits(m.v(0))).toBe("2d2c272621201b1a15140f0e09080302");
    expect(digits(m.v(1))).toBe("2f2e292823221d1c171611100b0a0504");
    expect(m.vcpu.x(1)).toBe(m.address(48));
    expect(m.memory(64, 48)).toEqual(bytes(48));
  });

  it("moves the base on by a register", () => {
    m.vcpu.setX(1, m.address(0));
    m.vcpu.setX(2, 0x1000n);
    m.run(0x0cc27020); // ld1 {v0.8b}, [x1], x2
    expect(m.vcpu.x(1)).toBe(m.address(0x1000));
    expect(digits(m.v(0))).toBe("0706050403020100".padStart(32, "0"));
  });

  it("loads one element and leaves the others", () => {
    for (const n of [0, 1]) m.setV(n, vector("f"));
    m.vcpu.setX(1, m.address(0));
    m.run(0x4d609020); // ld2 {v0.s, v1.s}[3], [x1]
    expect(digits(m.v(0))).toBe("03020100".padEnd(32, "f"));
    expect(digits(m.v(1))).toBe("07060504".padEnd(32, "f"));
  });

  it("loads one element into all, zeroing the upper half of a short register", () => {
    m.vcpu.setX(1, m.address(2));
    m.run(0x0d40c420); // ld1r {v0.4h}, [x1]
    expect(digits(m.v(0))).toBe("0302".repeat(4).padStart(32, "0"));
  });

  it("changes no register when a part of the structure cannot be loaded", () => {
    for (const n of [0, 1, 2, 3]) m.setV(n, vector("a"));
    const base = m.address(0) + 0x1_0000n - 48n;
    m.vcpu.setX(1, base);
    expect(m.attempt(0x4cdf0020)).toBe("exception"); // ld4 {v0.16b - v3.16b}, [x1], #64
    for (const n of [0, 1, 2, 3]) expect(digits(m.v(n))).toBe("a".repeat(32));
    expect(m.vcpu.x(1)).toBe(base);
  });
});
