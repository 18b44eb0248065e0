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
 * One of the things a case may do next, to what it is given or to something of its own choice; shown is what it
 * returns.
 */
struct step {
    const char *name;
    u64 (*act)(u32 about);
    /* How often among the others. */
    u32 weight;
};

const struct step *draw_step(const struct step *steps, u32 count);

/*
 * So many steps, each about what `about` draws: a line with its name, what it was about and its value, and the state
 * then.
 */
void take_steps(u32 length, const struct step *steps, u32 count, u32 (*about)(void), void (*print_state)(void));

/*
 * Runs the cases that the file opt/trapframe/cases of fw_cfg asks for: the seed, the number of the first and how many,
 * in decimal. Each begins its first line with "#" and its number; what else it prints up to the next is its outcome.
 */
void run_cases(void (*one)(void));

#endif
