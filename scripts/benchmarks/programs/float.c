/*
 * Plain C floating point, double and single: n-body, LU decomposition, FFT, Mandelbrot, and a sum of library functions.
 * usage: float [nbody|lu|fft|fftf|mandel|libm|all] ROUNDS. Prints the bits of a result per part: they must be the same
 * on every machine.
 */
#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double nbody(int rounds) {
    enum { BODIES = 5 };
    double p[BODIES][3] = {{0, 0, 0}, {4.84, -1.16, -.10}, {8.34, 4.12, -.4}, {12.89, -15.11, -.22}, {15.37, -25.9, .17}};
    double v[BODIES][3] = {{0, 0, 0}, {.6, 2.8, -.02}, {-1.01, 1.8, .008}, {1.08, .86, -.01}, {.97, .59, -.03}};
    const double mass[BODIES] = {39.47, .037, .011, .0017, .002};
    for (int r = 0; r < rounds * 20000; r++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                double d[3], square = 0;
                for (int k = 0; k < 3; k++) d[k] = p[i][k] - p[j][k], square += d[k] * d[k];
                double magnitude = 0.001 / (square * sqrt(square));
                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * mass[j] * magnitude;
                    v[j][k] += d[k] * mass[i] * magnitude;
                }
            }
        for (int i = 0; i < BODIES; i++)
            for (int k = 0; k < 3; k++) p[i][k] += 0.001 * v[i][k];
    }
    return p[0][0] + p[1][1] + p[2][2];
}

static double lu(int rounds) {
    enum { N = 100 };
    static double a[N][N];
    double sum = 0;
    for (int r = 0; r < rounds * 4; r++) {
        uint32_t seed = 1u + (uint32_t)r;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                seed = seed * 1664525u + 1013904223u;
                a[i][j] = (double)(seed >> 8) / (1 << 24) - 0.5;
            }
        for (int k = 0; k < N; k++) {
            int pivot = k;
            for (int i = k + 1; i < N; i++)
                if (fabs(a[i][k]) > fabs(a[pivot][k])) pivot = i;
            for (int j = 0; j < N; j++) {
                double t = a[k][j];
                a[k][j] = a[pivot][j];
                a[pivot][j] = t;
            }
            for (int i = k + 1; i < N; i++) {
                double factor = a[i][k] /= a[k][k];
                for (int j = k + 1; j < N; j++) a[i][j] -= factor * a[k][j];
            }
        }
        for (int k = 0; k < N; k++) sum += a[k][k];
    }
    return sum;
}

#define DEFINE_FFT(NAME, REAL, SIN, COS)                                                                               \
    static double NAME(int rounds) {                                                                                   \
        enum { SIZE = 2048 };                                                                                          \
        static REAL re[SIZE], im[SIZE];                                                                                \
        for (int i = 0; i < SIZE; i++) re[i] = (REAL)(i % 37) - 18, im[i] = 0;                                         \
        for (int r = 0; r < rounds * 40; r++) {                                                                        \
            for (unsigned i = 1, j = 0; i < SIZE; i++) {                                                               \
                unsigned bit = SIZE >> 1;                                                                              \
                for (; j & bit; bit >>= 1) j ^= bit;                                                                   \
                j ^= bit;                                                                                              \
                if (i < j) {                                                                                           \
                    REAL t = re[i];                                                                                    \
                    re[i] = re[j], re[j] = t;                                                                          \
                    t = im[i];                                                                                         \
                    im[i] = im[j], im[j] = t;                                                                          \
                }                                                                                                      \
            }                                                                                                          \
            for (unsigned length = 2; length <= SIZE; length <<= 1) {                                                  \
                REAL angle = (REAL)(-2 * 3.14159265358979323846 / length), wr = COS(angle), wi = SIN(angle);           \
                for (unsigned i = 0; i < SIZE; i += length) {                                                          \
                    REAL cr = 1, ci = 0;                                                                               \
                    for (unsigned k = i; k < i + length / 2; k++) {                                                    \
                        unsigned m = k + length / 2;                                                                   \
                        REAL xr = re[m] * cr - im[m] * ci, xi = re[m] * ci + im[m] * cr;                               \
                        re[m] = re[k] - xr, im[m] = im[k] - xi;                                                        \
                        re[k] += xr, im[k] += xi;                                                                      \
                        REAL t = cr * wr - ci * wi;                                                                    \
                        ci = cr * wi + ci * wr, cr = t;                                                                \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
            for (int i = 0; i < SIZE; i++) re[i] *= (REAL)0.0220971, im[i] *= (REAL)0.0220971;                                   \
        }                                                                                                              \
        return re[5] + im[77];                                                                                         \
    }
DEFINE_FFT(fft, double, sin, cos)
DEFINE_FFT(fftf, float, sinf, cosf)

static double mandel(int rounds) {
    long inside = 0;
    for (int r = 0; r < rounds; r++)
        for (int y = 0; y < 100; y++)
            for (int x = 0; x < 100; x++) {
                double cr = x / 40.0 - 2 + r * 1e-6, ci = y / 40.0 - 1.25, zr = 0, zi = 0;
                int n = 0;
                for (; n < 200 && zr * zr + zi * zi < 4; n++) {
                    double t = zr * zr - zi * zi + cr;
                    zi = 2 * zr * zi + ci;
                    zr = t;
                }
                inside += n;
            }
    return (double)inside;
}

static double libm(int rounds) {
    double sum = 0;
    for (int i = 1; i < rounds * 8000; i++) {
        double x = i * 0.001;
        sum += sin(x) * exp(-x * 1e-4) + log(x) + pow(x, 0.3) + floor(x) + atan2(x, 2.0) + fmod(x, 0.7);
        sum += sqrtf((float)x) + (double)(long)(x * 3.7) + cosf((float)x);
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        double (*run)(int);
    } parts[] = {{"nbody", nbody}, {"lu", lu}, {"fft", fft}, {"fftf", fftf}, {"mandel", mandel}, {"libm", libm}};
    const char *which = argc > 1 ? argv[1] : "all";
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strcmp(which, "all") || !strcmp(which, parts[i].name)) {
            double result = parts[i].run(rounds);
            uint64_t bits;
            memcpy(&bits, &result, sizeof bits);
            printf("%s %016llx\n", parts[i].name, (unsigned long long)bits);
        }
    return 0;
}
