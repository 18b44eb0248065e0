/* What the cases of this guest share: walks of random descriptors, and what is shown of them. */
#ifndef WALKS_H
#define WALKS_H

#include "../fuzz/fuzz.h"
#include "space.h"

#define TABLE_SIZE 0x10000ul
#define LEVELS 4
#define ACCESSES 6
#define SVC_WORDS (SVC_PROBE_END | (u64)SVC_PROBE_END << 32)

#define DBM BIT(51)
#define GP BIT(50)
/* No block is larger than 1 GiB: address bits below this one stay on the page at the end of the walk. */
#define LARGEST_BLOCK 30

#define SCTLR_M BIT(0)
#define SCTLR_A BIT(1)
#define SCTLR_WXN BIT(19)
#define SCTLR_SPAN BIT(23)
#define HCR_VM BIT(0)
#define HCR_PTW BIT(2)
#define HCR_CD BIT(32)
#define HCR_ID BIT(33)
#define HCR_FWB BIT(46)
#define VTCR_HA BIT(21)
#define VTCR_HD BIT(22)
#define PAN BIT(22)
#define UAO BIT(23)

/* Armv8.2 and later: PAN, UAO, hardware updates, the granule of 16 KiB. */
extern int is_max;
/* Full of `svc #0xfff0`: stores write that, and branches there come home. */
#define TARGET_SIZE 0x200000ul
extern u64 target;
/* Of the levels of a walk, TABLE_SIZE each. */
extern u64 tables;

u64 percent(u64 chance, u64 bits);

/* The first write to a descriptor of this case. */
void write_descriptor(u64 *at, u64 descriptor);
u64 draw_leaf(void);
u64 draw_stage2_leaf(void);
/*
 * Writes the walk of `va` to a page or block of `leaf` at `output`, from an entry of `root` on; sometimes an entry on
 * the way is invalid.
 */
void write_walk(const struct space *space, u64 *root, u64 va, u64 output, int leaf);
/* What hardware has made of the descriptors, which are then as they were. */
void print_descriptors(int accessed);

/* The outcome of an AT: PAR_EL1 without NS, and its shareability apart. */
void print_par(u64 par);

/* Cases of other regimes than EL1&0, and of stage 2 alone. */
void begin_regimes(void);
void one_of_a_regime(void);

#endif
