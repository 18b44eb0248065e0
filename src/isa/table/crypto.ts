/** Cryptographic instructions (DDI 0487, C4.1). */
import { aesDecryptStep, aesEncryptStep, aesInvMixColumns, aesMixColumns } from "../../engine/crypto/aes.js";
import {
  sha1Choose,
  sha1Majority,
  sha1Parity,
  sha1Schedule1,
  sha256HashAbcd,
  sha256HashEfgh,
  sha256Schedule0,
  sha256Schedule1,
  sha512Hash1,
  sha512Hash2,
  sha512Schedule0,
  sha512Schedule1,
} from "../../engine/crypto/sha.js";
import {
  sm3Part1,
  sm3Part2,
  sm3ss1,
  sm3tt1a,
  sm3tt1b,
  sm3tt2a,
  sm3tt2b,
  sm4Encrypt,
  sm4KeySchedule,
} from "../../engine/crypto/sm.js";
import { type Row, row } from "../pattern.js";
import {
  bcax,
  eor3,
  fourRegisterStep,
  indexedStep,
  inlineOfSource,
  inlineThreeRegisterStep,
  inlineTwoRegisterStep,
  ofSources,
  otherHalfStep,
  rax1,
  sha1h,
  sha1su0,
  threeRegisterStep,
  twoRegisterStep,
  xar,
} from "../semantics/crypto.js";

const aes = { fp: true, feature: "AES" } as const;
const sha1 = { fp: true, feature: "SHA1" } as const;
const sha256 = { fp: true, feature: "SHA256" } as const;
const sha512 = { fp: true, feature: "SHA512" } as const;
const sha3 = { fp: true, feature: "SHA3" } as const;
const sm3 = { fp: true, feature: "SM3" } as const;
const sm4 = { fp: true, feature: "SM4" } as const;

// biome-ignore format: one row a line
export const crypto: readonly Row[] = [
  row("AESE", "01001110 00 10100 00100 10 Rn:5 Rd:5", aes, inlineTwoRegisterStep(aesEncryptStep)),
  row("AESD", "01001110 00 10100 00101 10 Rn:5 Rd:5", aes, inlineTwoRegisterStep(aesDecryptStep)),
  row("AESMC", "01001110 00 10100 00110 10 Rn:5 Rd:5", aes, inlineOfSource(aesMixColumns)),
  row("AESIMC", "01001110 00 10100 00111 10 Rn:5 Rd:5", aes, inlineOfSource(aesInvMixColumns)),

  row("SHA1C", "01011110 00 0 Rm:5 0 000 00 Rn:5 Rd:5", sha1, threeRegisterStep(sha1Choose)),
  row("SHA1P", "01011110 00 0 Rm:5 0 001 00 Rn:5 Rd:5", sha1, threeRegisterStep(sha1Parity)),
  row("SHA1M", "01011110 00 0 Rm:5 0 010 00 Rn:5 Rd:5", sha1, threeRegisterStep(sha1Majority)),
  row("SHA1SU0", "01011110 00 0 Rm:5 0 011 00 Rn:5 Rd:5", sha1, sha1su0),
  row("SHA1H", "01011110 00 10100 00000 10 Rn:5 Rd:5", sha1, sha1h),
  row("SHA1SU1", "01011110 00 10100 00001 10 Rn:5 Rd:5", sha1, twoRegisterStep(sha1Schedule1)),

  row("SHA256H", "01011110 00 0 Rm:5 0 100 00 Rn:5 Rd:5", sha256, threeRegisterStep(sha256HashAbcd)),
  row("SHA256H2", "01011110 00 0 Rm:5 0 101 00 Rn:5 Rd:5", sha256, otherHalfStep(sha256HashEfgh)),
  row("SHA256SU0", "01011110 00 10100 00010 10 Rn:5 Rd:5", sha256, inlineTwoRegisterStep(sha256Schedule0)),
  row("SHA256SU1", "01011110 00 0 Rm:5 0 110 00 Rn:5 Rd:5", sha256, inlineThreeRegisterStep(sha256Schedule1)),

  row("SHA512H", "11001110 011 Rm:5 1 0 00 00 Rn:5 Rd:5", sha512, threeRegisterStep(sha512Hash1)),
  row("SHA512H2", "11001110 011 Rm:5 1 0 00 01 Rn:5 Rd:5", sha512, threeRegisterStep(sha512Hash2)),
  row("SHA512SU0", "11001110 110 00000 1 0 00 00 Rn:5 Rd:5", sha512, twoRegisterStep(sha512Schedule0)),
  row("SHA512SU1", "11001110 011 Rm:5 1 0 00 10 Rn:5 Rd:5", sha512, threeRegisterStep(sha512Schedule1)),

  row("EOR3", "11001110 000 Rm:5 0 Ra:5 Rn:5 Rd:5", sha3, eor3),
  row("BCAX", "11001110 001 Rm:5 0 Ra:5 Rn:5 Rd:5", sha3, bcax),
  row("RAX1", "11001110 011 Rm:5 1 0 00 11 Rn:5 Rd:5", sha3, rax1),
  row("XAR", "11001110 100 Rm:5 imm6:6 Rn:5 Rd:5", sha3, xar),

  row("SM3SS1", "11001110 010 Rm:5 0 Ra:5 Rn:5 Rd:5", sm3, fourRegisterStep(sm3ss1)),
  row("SM3TT1A", "11001110 010 Rm:5 10 imm2:2 00 Rn:5 Rd:5", sm3, indexedStep(sm3tt1a)),
  row("SM3TT1B", "11001110 010 Rm:5 10 imm2:2 01 Rn:5 Rd:5", sm3, indexedStep(sm3tt1b)),
  row("SM3TT2A", "11001110 010 Rm:5 10 imm2:2 10 Rn:5 Rd:5", sm3, indexedStep(sm3tt2a)),
  row("SM3TT2B", "11001110 010 Rm:5 10 imm2:2 11 Rn:5 Rd:5", sm3, indexedStep(sm3tt2b)),
  row("SM3PARTW1", "11001110 011 Rm:5 1 1 00 00 Rn:5 Rd:5", sm3, threeRegisterStep(sm3Part1)),
  row("SM3PARTW2", "11001110 011 Rm:5 1 1 00 01 Rn:5 Rd:5", sm3, threeRegisterStep(sm3Part2)),

  row("SM4E", "11001110 110 00000 1 0 00 01 Rn:5 Rd:5", sm4, twoRegisterStep(sm4Encrypt)),
  row("SM4EKEY", "11001110 011 Rm:5 1 1 00 10 Rn:5 Rd:5", sm4, ofSources(sm4KeySchedule)),
];
