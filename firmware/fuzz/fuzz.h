/*
 * What the guests of scripts/fuzz-system share: numbers drawn from a seed, and a run over numbered cases. A case draws
 * from the seed and its own number alone, so that it can be run again by itself.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "runtime.h"

/* 64 random bits; a number below n; one of the bits in `mask` each with a chance of 2^-rarity. */
u64 draw(void);
u64 draw_below(u64 n);
u64 draw_bits(u64 mask, int rarity);
/* True once in n. */
int one_in(u64 n);

/*
 * Runs the cases that the command line asks for (/chosen's bootargs: "seed=S first=N cases=N"). Each begins its first
 * line with "#" and its number; what else it prints up to the next is its outcome.
 */
void run_cases(const void *device_tree, void (*one)(void));

#endif
