import { createCipheriv, createHash } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { VectorMachine } from "./vector-machine.js";

// The algorithms as software writes them with these instructions, against OpenSSL's.

let m: VectorMachine;
beforeAll(async () => {
  m = await VectorMachine.create();
});

const three =
  (base: number) =>
  (d: number, n: number, k: number): number =>
    (base | (k << 16) | (n << 5) | d) >>> 0;
const two =
  (base: number) =>
  (d: number, n: number): number =>
    (base | (n << 5) | d) >>> 0;
const four =
  (base: number) =>
  (d: number, n: number, k: number, a: number): number =>
    (base | (k << 16) | (a << 10) | (n << 5) | d) >>> 0;
const mov = (d: number, n: number): number => three(0x4ea01c00)(d, n, n);
const add4s = three(0x4ea08400);
const add2d = three(0x4ee08400);
const eor = three(0x6e201c00);
const ext8 = (d: number, n: number, k: number): number => three(0x6e004000)(d, n, k);

/** Words of a block, big-endian in the message, as vectors of `size`-byte elements. */
function loadSwapped(first: number, block: Uint8Array, size: number): void {
  const swapped = block.slice();
  for (let at = 0; at < swapped.length; at += size) swapped.subarray(at, at + size).reverse();
  for (let at = 0; at < swapped.length; at += 16) m.setV(first + at / 16, swapped.subarray(at, at + 16));
}
const swappedHex = (registers: readonly number[], size: number): string => {
  const bytes = Buffer.concat(registers.map((n) => m.v(n)));
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  return bytes.toString("hex");
};
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const doubles = (...values: bigint[]): Uint8Array => new Uint8Array(BigUint64Array.from(values).buffer);

/** A message of less than a block, padded as FIPS 180-4 (and SM3) have it. */
function padded(message: Uint8Array, block: number): Uint8Array {
  const out = new Uint8Array(block);
  out.set(message);
  out[message.length] = 0x80;
  new DataView(out.buffer).setUint32(block - 4, message.length * 8);
  return out;
}

const fraction = (root: number, p: bigint, bits: bigint): bigint => {
  // The first `bits` bits of the fractional part of p^(1/root).
  const target = p << (bits * BigInt(root));
  let r = 0n;
  for (let bit = bits + 4n; bit >= 0n; bit--) {
    const tried = r | (1n << bit);
    if (tried ** BigInt(root) <= target) r = tried;
  }
  return BigInt.asUintN(Number(bits), r);
};
const primes = Array.from({ length: 410 }, (_, i) => i).filter(
  (n) => n > 1 && ![2, 3, 5, 7, 11, 13, 17, 19].some((p) => p < n && n % p === 0),
);

const shortMessage = fc.uint8Array({ maxLength: 55 });
const block16 = fc.uint8Array({ minLength: 16, maxLength: 16 });

describe("hashes of one block", () => {
  it("SHA-1 by SHA1C, SHA1P, SHA1M, SHA1H, SHA1SU0 and SHA1SU1", () => {
    const [choose, parity, majority, schedule0] = [0x5e000000, 0x5e001000, 0x5e002000, 0x5e003000].map(three);
    const [rotate, schedule1] = [0x5e280800, 0x5e281800].map(two);
    const mixing = [choose!, parity!, majority!, parity!];
    const K = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];
    fc.assert(
      fc.property(shortMessage, (message) => {
        // V0 abcd, V1 e, V4–V7 the schedule, V16–V19 the constants, V20–V21 the initial values.
        m.setV(20, words(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476));
        m.setV(21, words(0xc3d2e1f0, 0, 0, 0));
        for (const [i, k] of K.entries()) m.setV(16 + i, words(k, k, k, k));
        loadSwapped(4, padded(message, 64), 4);
        const program = [mov(0, 20), mov(1, 21)];
        for (let i = 0; i < 20; i++) {
          const w = 4 + (i & 3);
          const next = (k: number): number => 4 + ((i + k) & 3);
          program.push(
            add4s(2, w, 16 + Math.floor(i / 5)),
            rotate!(3, 0),
            mixing[Math.floor(i / 5)]!(0, 1, 2),
            mov(1, 3),
          );
          if (i < 16) program.push(schedule0!(w, next(1), next(2)), schedule1!(w, next(3)));
        }
        m.run(...program, add4s(0, 0, 20), add4s(1, 1, 21));
        expect(swappedHex([0, 1], 4).slice(0, 40)).toBe(createHash("sha1").update(message).digest("hex"));
      }),
      { numRuns: 20 },
    );
  });

  it("SHA-256 by SHA256H, SHA256H2, SHA256SU0 and SHA256SU1", () => {
    const [abcd, efgh, schedule1] = [0x5e004000, 0x5e005000, 0x5e006000].map(three);
    const schedule0 = two(0x5e282800);
    const K = primes.slice(0, 64).map((p) => Number(fraction(3, BigInt(p), 32n)));
    const H = primes.slice(0, 8).map((p) => Number(fraction(2, BigInt(p), 32n)));
    fc.assert(
      fc.property(shortMessage, (message) => {
        m.setV(20, words(...H.slice(0, 4)));
        m.setV(21, words(...H.slice(4)));
        loadSwapped(4, padded(message, 64), 4);
        m.run(mov(0, 20), mov(1, 21));
        for (let i = 0; i < 16; i++) {
          const w = 4 + (i & 3);
          const next = (k: number): number => 4 + ((i + k) & 3);
          m.setV(16, words(...K.slice(4 * i, 4 * i + 4)));
          m.run(add4s(2, w, 16), mov(3, 0), abcd!(0, 1, 2), efgh!(1, 3, 2));
          if (i < 12) m.run(schedule0(w, next(1)), schedule1!(w, next(2), next(3)));
        }
        m.run(add4s(0, 0, 20), add4s(1, 1, 21));
        expect(swappedHex([0, 1], 4)).toBe(createHash("sha256").update(message).digest("hex"));
      }),
      { numRuns: 20 },
    );
  });

  it("SHA-512 by SHA512H, SHA512H2, SHA512SU0 and SHA512SU1", () => {
    const [hash1, hash2, schedule1] = [0xce608000, 0xce608400, 0xce608800].map(three);
    const schedule0 = two(0xcec08000);
    const K = primes.slice(0, 80).map((p) => fraction(3, BigInt(p), 64n));
    const H = primes.slice(0, 8).map((p) => fraction(2, BigInt(p), 64n));
    fc.assert(
      fc.property(shortMessage, (message) => {
        for (let i = 0; i < 4; i++) m.setV(20 + i, doubles(...H.slice(2 * i, 2 * i + 2)));
        loadSwapped(4, padded(message, 128), 8);
        // The state ab, cd, ef, gh in V0–V3 turns by a register every two rounds.
        let [ab, cd, ef, gh, spare] = [0, 1, 2, 3, 24];
        m.run(mov(0, 20), mov(1, 21), mov(2, 22), mov(3, 23));
        for (let i = 0; i < 40; i++) {
          const w = 4 + (i & 7);
          const next = (k: number): number => 4 + ((i + k) & 7);
          m.setV(16, doubles(...K.slice(2 * i, 2 * i + 2)));
          m.run(
            add2d(17, w, 16),
            ext8(17, 17, 17),
            ext8(18, ef, gh),
            ext8(19, cd, ef),
            add2d(gh, gh, 17),
            hash1!(gh, 18, 19),
            add2d(spare, cd, gh),
            hash2!(gh, cd, ab),
          );
          [ab, cd, ef, gh, spare] = [gh, ab, spare, ef, cd];
          if (i < 32) m.run(schedule0(w, next(1)), ext8(17, next(4), next(5)), schedule1!(w, next(7), 17));
        }
        m.run(add2d(20, 20, ab), add2d(21, 21, cd), add2d(22, 22, ef), add2d(23, 23, gh));
        expect(swappedHex([20, 21, 22, 23], 8)).toBe(createHash("sha512").update(message).digest("hex"));
      }),
      { numRuns: 10 },
    );
  });

  it("SM3 by SM3SS1, SM3TT1x, SM3TT2x, SM3PARTW1 and SM3PARTW2", () => {
    const ss1 = four(0xce400000);
    const indexed =
      (base: number) =>
      (d: number, n: number, k: number, i: number): number =>
        three(base)(d, n, k) | (i << 12);
    const [tt1a, tt1b, tt2a, tt2b] = [0xce408000, 0xce408400, 0xce408800, 0xce408c00].map(indexed);
    const [part1, part2] = [0xce60c000, 0xce60c400].map(three);
    const ext = (d: number, n: number, k: number, bytes: number): number => three(0x6e000000)(d, n, k) | (bytes << 11);
    const rotl = (x: number, n: number): number => ((x << (n & 31)) | (x >>> (32 - (n & 31)))) >>> 0;
    const H = [0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e];
    fc.assert(
      fc.property(shortMessage, (message) => {
        // The state has its words in falling order: A and E are elements 3.
        m.setV(20, words(...H.slice(0, 4).reverse()));
        m.setV(21, words(...H.slice(4).reverse()));
        loadSwapped(4, padded(message, 64), 4);
        m.run(mov(0, 20), mov(1, 21));
        for (let i = 0; i < 16; i++) {
          const w = (k: number): number => 4 + ((i + k) & 3);
          m.run(eor(17, w(0), w(1)));
          for (let j = 0; j < 4; j++) {
            const round = 4 * i + j;
            m.setV(16, words(0, 0, 0, rotl(round < 16 ? 0x79cc4519 : 0x7a879d8a, round)));
            const [tt1, tt2] = round < 16 ? [tt1a!, tt2a!] : [tt1b!, tt2b!];
            m.run(ss1(18, 0, 1, 16), tt1(0, 18, 17, j), tt2(1, 18, w(0), j));
          }
          if (i < 13) {
            m.run(
              ext(22, w(1), w(2), 12),
              ext(23, w(0), w(1), 12),
              ext(24, w(2), w(3), 8),
              part1!(w(0), 22, w(3)),
              part2!(w(0), 24, 23),
            );
          }
        }
        m.run(eor(0, 0, 20), eor(1, 1, 21));
        const digest = [...new Uint32Array(m.v(0).buffer)]
          .reverse()
          .concat([...new Uint32Array(m.v(1).buffer)].reverse());
        expect(digest.map((v) => v.toString(16).padStart(8, "0")).join("")).toBe(
          createHash("sm3").update(message).digest("hex"),
        );
      }),
      { numRuns: 10 },
    );
  });

  it("SHA3-256 by EOR3, RAX1, XAR and BCAX", () => {
    const eor3 = four(0xce000000);
    const bcax = four(0xce200000);
    const rax1 = three(0xce608c00);
    const xar = (d: number, n: number, k: number, right: number): number => three(0xce800000)(d, n, k) | (right << 10);
    fc.assert(
      fc.property(shortMessage, (message) => {
        const state = new Uint8Array(200);
        state.set(message);
        state[message.length] = 6;
        state[135] = 0x80;
        // Lane x + 5y in the low half of V(x + 5y).
        for (let i = 0; i < 25; i++)
          m.setV(i, new Uint8Array([...state.subarray(8 * i, 8 * i + 8), 0, 0, 0, 0, 0, 0, 0, 0]));
        let lfsr = 1;
        for (let round = 0; round < 24; round++) {
          const lane = (i: number): Uint8Array => m.v(i);
          for (let x = 0; x < 5; x++) m.run(eor3(25 + x, x, x + 5, x + 10), eor3(25 + x, 25 + x, x + 15, x + 20));
          // Theta and rho into a copy held here, pi by where it is written back.
          const columns = [0, 1, 2, 3, 4].map((x) => lane(25 + x));
          const turned: Uint8Array[] = [];
          let [px, py] = [1, 0];
          const offsets = new Array<number>(25).fill(0);
          for (let t = 0; t < 24; t++) {
            offsets[px + 5 * py] = (((t + 1) * (t + 2)) / 2) % 64;
            [px, py] = [py, (2 * px + 3 * py) % 5];
          }
          for (let i = 0; i < 25; i++) {
            const x = i % 5;
            m.setV(30, columns[(x + 4) % 5]!);
            m.setV(31, columns[(x + 1) % 5]!);
            m.run(rax1(30, 30, 31), xar(31, i, 30, (64 - offsets[i]!) % 64));
            turned[((i / 5) | 0) + 5 * ((2 * x + 3 * ((i / 5) | 0)) % 5)] = lane(31);
          }
          for (const [i, value] of turned.entries()) m.setV(i, value);
          for (let y = 0; y < 25; y += 5) {
            m.run(
              mov(25, y),
              mov(26, y + 1),
              bcax(y, y, y + 2, 26),
              bcax(y + 1, y + 1, y + 3, y + 2),
              bcax(y + 2, y + 2, y + 4, y + 3),
              bcax(y + 3, y + 3, 25, y + 4),
              bcax(y + 4, y + 4, 26, 25),
            );
          }
          let constant = 0n;
          for (let j = 0; j < 7; j++) {
            if (lfsr & 1) constant |= 1n << ((1n << BigInt(j)) - 1n);
            lfsr = (lfsr << 1) ^ ((lfsr >> 7) * 0x171);
          }
          m.setV(31, doubles(constant, 0n));
          m.run(eor(0, 0, 31));
        }
        const digest = Buffer.concat([0, 1, 2, 3].map((n) => m.v(n).subarray(0, 8))).toString("hex");
        expect(digest).toBe(createHash("sha3-256").update(message).digest("hex"));
      }),
      { numRuns: 4 },
    );
  });
});

describe("block ciphers", () => {
  const [aese, aesd, aesmc, aesimc] = [0x4e284800, 0x4e285800, 0x4e286800, 0x4e287800].map(two);

  /** AES-128 round keys; SubWord by AESE with a zero key on four equal columns, which ShiftRows leaves alone. */
  function expandKey(key: Uint8Array): Uint8Array[] {
    const view = new DataView(key.slice().buffer);
    const w = [0, 4, 8, 12].map((at) => view.getUint32(at));
    let rcon = 1;
    for (let i = 4; i < 44; i++) {
      let t = w[i - 1]!;
      if (i % 4 === 0) {
        const rotated = Buffer.alloc(4);
        rotated.writeUInt32BE(((t << 8) | (t >>> 24)) >>> 0);
        m.setV(0, Buffer.concat([rotated, rotated, rotated, rotated]));
        m.setV(1, new Uint8Array(16));
        m.run(aese!(0, 1));
        t = (Buffer.from(m.v(0)).readUInt32BE(0) ^ (rcon << 24)) >>> 0;
        rcon = (rcon << 1) ^ ((rcon >> 7) * 0x11b);
      }
      w.push((w[i - 4]! ^ t) >>> 0);
    }
    return Array.from({ length: 11 }, (_, round) => {
      const bytes = Buffer.alloc(16);
      for (let i = 0; i < 4; i++) bytes.writeUInt32BE(w[4 * round + i]!, 4 * i);
      return bytes;
    });
  }

  it("AES-128 by AESE and AESMC, and back by AESD and AESIMC", () => {
    fc.assert(
      fc.property(block16, block16, (key, plain) => {
        const keys = expandKey(key);
        for (const [i, k] of keys.entries()) m.setV(16 + i, k);
        m.setV(0, plain);
        for (let round = 0; round < 9; round++) m.run(aese!(0, 16 + round), aesmc!(0, 0));
        m.run(aese!(0, 25), eor(0, 0, 26));
        const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
        expect(Buffer.from(m.v(0)).toString("hex")).toBe(cipher.update(plain).toString("hex"));

        for (let i = 1; i < 10; i++) m.run(aesimc!(16 + i, 16 + i));
        for (let round = 10; round > 1; round--) m.run(aesd!(0, 16 + round), aesimc!(0, 0));
        m.run(aesd!(0, 17), eor(0, 0, 16));
        expect(m.v(0)).toEqual(plain);
      }),
      { numRuns: 20 },
    );
  });

  it("SM4 by SM4E and SM4EKEY", () => {
    const sm4e = two(0xcec08400);
    const sm4ekey = three(0xce60c800);
    fc.assert(
      fc.property(block16, block16, (key, plain) => {
        // FK, and CK: byte j of constant i is 7 (4i + j).
        m.setV(30, words(0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc));
        loadSwapped(0, key, 4);
        m.run(eor(0, 0, 30));
        for (let i = 0; i < 8; i++) {
          m.setV(
            31,
            words(
              ...[0, 1, 2, 3].map((k) =>
                [0, 1, 2, 3].reduce((v, j) => v * 256 + ((7 * (4 * (4 * i + k) + j)) & 0xff), 0),
              ),
            ),
          );
          m.run(sm4ekey(16 + i, i === 0 ? 0 : 15 + i, 31));
        }
        loadSwapped(1, plain, 4);
        for (let i = 0; i < 8; i++) m.run(sm4e(1, 16 + i));
        const out = [...new Uint32Array(m.v(1).buffer)]
          .reverse()
          .map((v) => v.toString(16).padStart(8, "0"))
          .join("");
        const cipher = createCipheriv("sm4-ecb", key, null).setAutoPadding(false);
        expect(out).toBe(cipher.update(plain).toString("hex"));
      }),
      { numRuns: 20 },
    );
  });
});

describe("PMULL", () => {
  const carryless = (a: bigint, b: bigint): bigint => {
    let product = 0n;
    for (let i = 0n; i < 64n; i++) if ((b >> i) & 1n) product ^= a << i;
    return product;
  };
  const any64 = fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom((1n << 64n) - 1n, 1n << 63n, 1n),
  );

  it.each([
    ["PMULL", 0x0ee0e000, 0],
    ["PMULL2", 0x4ee0e000, 1],
  ] as const)("%s multiplies polynomials of 64 bits", (_, base, half) => {
    fc.assert(
      fc.property(any64, any64, (a, b) => {
        m.setV(1, doubles(...(half === 0 ? [a, 0n] : [0n, a])));
        m.setV(2, doubles(...(half === 0 ? [b, 0n] : [0n, b])));
        m.run(three(base)(0, 1, 2));
        const [low, high] = new BigUint64Array(m.v(0).buffer);
        expect((high! << 64n) | low!).toBe(carryless(a, b));
      }),
      { numRuns: 50 },
    );
  });
});
