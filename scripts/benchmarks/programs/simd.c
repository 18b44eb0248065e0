/*
 * Advanced SIMD by intrinsics, and the crypto extension: a saturating image filter, a dot product in 8 bits, single and
 * double FMA, byte search, table look-up, AES-128 in counter mode, SHA-256, GHASH's PMULL, CRC32.
 * usage: simd [pixels|dot|fma|fmad|scan|shuffle|aes|sha|pmull|crc|all] ROUNDS.
 * Build with -march=armv8-a+crypto+crc.
 */
#include <arm_acle.h>
#include <arm_neon.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 64 << 10 };
static uint8_t source[SIZE], target[SIZE];
static float singles[SIZE / 4];
static double doubles[SIZE / 8];

static uint64_t sum_target(void) {
    uint64_t sum = 0, word;
    for (int i = 0; i < SIZE; i += 8) memcpy(&word, target + i, 8), sum = sum * 31 + word;
    return sum;
}

static uint64_t pixels(int rounds) {
    for (int r = 0; r < rounds * 4; r++)
        for (int i = 16; i + 32 <= SIZE; i += 16) {
            uint8x16_t a = vld1q_u8(source + i), b = vld1q_u8(source + i + 1), c = vld1q_u8(target + i - 16);
            uint8x16_t m = vrhaddq_u8(vqaddq_u8(a, c), vqsubq_u8(b, a));
            uint16x8_t wide = vmull_u8(vget_low_u8(m), vdup_n_u8(77));
            wide = vmlal_u8(wide, vget_high_u8(m), vdup_n_u8(51));
            vst1q_u8(target + i, vcombine_u8(vqrshrn_n_u16(wide, 7), vmin_u8(vget_low_u8(a), vget_high_u8(b))));
        }
    return sum_target();
}

static uint64_t dot(int rounds) {
    int32x4_t sum = vdupq_n_s32(0);
    for (int r = 0; r < rounds * 8; r++)
        for (int i = 0; i + 32 <= SIZE; i += 16) {
            int8x16_t a = vld1q_s8((int8_t *)source + i), b = vld1q_s8((int8_t *)source + i + 3);
            int16x8_t p = vmull_s8(vget_low_s8(a), vget_low_s8(b));
            p = vmlal_high_s8(p, a, b);
            sum = vpadalq_s16(sum, p);
        }
    return (uint32_t)vaddvq_s32(sum);
}

static uint64_t fma_single(int rounds) {
    float32x4_t x = vdupq_n_f32(0.5f), y = vdupq_n_f32(0.25f);
    for (int r = 0; r < rounds * 8; r++)
        for (int i = 0; i < SIZE / 4; i += 8) {
            x = vfmaq_f32(vmulq_n_f32(x, 0.5f), vld1q_f32(singles + i), y);
            y = vfmsq_n_f32(vld1q_f32(singles + i + 4), x, 0.125f);
        }
    uint64_t bits;
    float32x4_t z = vaddq_f32(x, y);
    memcpy(&bits, &z, 8);
    return bits;
}

static uint64_t fma_double(int rounds) {
    float64x2_t x = vdupq_n_f64(0.5), y = vdupq_n_f64(0.25);
    for (int r = 0; r < rounds * 8; r++)
        for (int i = 0; i < SIZE / 8; i += 4) {
            x = vfmaq_f64(vmulq_n_f64(x, 0.5), vld1q_f64(doubles + i), y);
            y = vfmsq_n_f64(vld1q_f64(doubles + i + 2), x, 0.125);
        }
    uint64_t bits;
    float64x2_t z = vaddq_f64(x, y);
    memcpy(&bits, &z, 8);
    return bits;
}

static uint64_t scan(int rounds) {
    uint64_t found = 0;
    for (int r = 0; r < rounds * 8; r++) {
        uint8x16_t wanted = vdupq_n_u8((uint8_t)r);
        for (int i = 0; i < SIZE; i += 16) {
            uint8x16_t equal = vceqq_u8(vld1q_u8(source + i), wanted);
            uint64_t mask = vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(equal), 4)), 0);
            if (mask) found = found * 3 + (unsigned)i + (unsigned)(__builtin_ctzll(mask) >> 2);
            found += vmaxvq_u8(equal) & 1;
        }
    }
    return found;
}

static uint64_t shuffle(int rounds) {
    const uint8x16_t order = {3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 40, 14, 13, 12};
    for (int r = 0; r < rounds * 4; r++)
        for (int i = 0; i + 32 <= SIZE; i += 32) {
            uint8x16x2_t pair = vld2q_u8(source + i);
            uint8x16_t a = vqtbl1q_u8(pair.val[0], order), b = vextq_u8(pair.val[1], pair.val[0], 5);
            a = veorq_u8(vzip1q_u8(a, b), vrev64q_u8(vuzp2q_u8(a, b)));
            b = vbslq_u8(vtrn1q_u8(a, b), vcntq_u8(a), vshlq_u8(b, vreinterpretq_s8_u8(vshrq_n_u8(a, 5))));
            vst1q_u8(target + i, a);
            vst1q_u8(target + i + 16, b);
        }
    return sum_target();
}

static uint64_t aes(int rounds) {
    uint8x16_t keys[11], counter = vdupq_n_u8(1);
    for (int k = 0; k < 11; k++) keys[k] = vld1q_u8(source + 16 * k);
    for (int r = 0; r < rounds * 2; r++)
        for (int i = 0; i < SIZE; i += 16) {
            counter = vreinterpretq_u8_u64(vaddq_u64(vreinterpretq_u64_u8(counter), vdupq_n_u64(0x9e3779b97f4a7c15)));
            uint8x16_t block = counter;
            for (int k = 0; k < 9; k++) block = vaesmcq_u8(vaeseq_u8(block, keys[k]));
            block = veorq_u8(vaeseq_u8(block, keys[9]), keys[10]);
            vst1q_u8(target + i, veorq_u8(block, vld1q_u8(source + i)));
        }
    return sum_target();
}

static uint64_t sha(int rounds) {
    uint32x4_t abcd = vdupq_n_u32(0x6a09e667), efgh = vdupq_n_u32(0x510e527f);
    for (int r = 0; r < rounds * 2; r++)
        for (int i = 0; i < SIZE; i += 64) {
            uint32x4_t w[4], old_abcd = abcd, old_efgh = efgh;
            for (int k = 0; k < 4; k++) w[k] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(source + i + 16 * k)));
            for (int k = 0; k < 16; k++) {
                uint32x4_t t = vaddq_u32(w[k & 3], vdupq_n_u32(0x428a2f98u + (uint32_t)k)), before = abcd;
                if (k < 12) w[k & 3] = vsha256su1q_u32(vsha256su0q_u32(w[k & 3], w[(k + 1) & 3]), w[(k + 2) & 3], w[(k + 3) & 3]);
                abcd = vsha256hq_u32(abcd, efgh, t);
                efgh = vsha256h2q_u32(efgh, before, t);
            }
            abcd = vaddq_u32(abcd, old_abcd);
            efgh = vaddq_u32(efgh, old_efgh);
        }
    return vgetq_lane_u64(vreinterpretq_u64_u32(veorq_u32(abcd, efgh)), 0);
}

static uint64_t pmull(int rounds) {
    poly64x2_t h = vreinterpretq_p64_u64(vdupq_n_u64(0x9e3779b97f4a7c15));
    uint64x2_t x = vdupq_n_u64(1);
    for (int r = 0; r < rounds * 4; r++)
        for (int i = 0; i < SIZE; i += 16) {
            x = veorq_u64(x, vreinterpretq_u64_u8(vld1q_u8(source + i)));
            poly128_t low = vmull_p64((poly64_t)vgetq_lane_u64(x, 0), (poly64_t)vgetq_lane_u64(vreinterpretq_u64_p64(h), 0));
            poly128_t high = vmull_high_p64(vreinterpretq_p64_u64(x), h);
            x = veorq_u64(vreinterpretq_u64_p128(low), vreinterpretq_u64_p128(high));
        }
    return vgetq_lane_u64(x, 0) ^ vgetq_lane_u64(x, 1);
}

static uint64_t crc(int rounds) {
    uint32_t a = 0, b = ~0u;
    for (int r = 0; r < rounds * 8; r++)
        for (int i = 0; i < SIZE; i += 16) {
            uint64_t words[2];
            memcpy(words, source + i, 16);
            a = __crc32d(a, words[0]);
            b = __crc32cd(b, words[1]);
        }
    return (uint64_t)a << 32 | b;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        uint64_t (*run)(int);
    } parts[] = {{"pixels", pixels},   {"dot", dot}, {"fma", fma_single}, {"fmad", fma_double}, {"scan", scan},
                 {"shuffle", shuffle}, {"aes", aes}, {"sha", sha},        {"pmull", pmull},     {"crc", crc}};
    const char *which = argc > 1 ? argv[1] : "all";
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    uint32_t seed = 7;
    for (int i = 0; i < SIZE; i++) source[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    for (int i = 0; i < SIZE / 4; i++) singles[i] = (float)source[i] / 100 - 1.25f;
    for (int i = 0; i < SIZE / 8; i++) doubles[i] = (double)source[i] / 100 - 1.25;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strcmp(which, "all") || !strcmp(which, parts[i].name))
            printf("%s %016llx\n", parts[i].name, (unsigned long long)parts[i].run(rounds));
    return 0;
}
