/*
 * Translation tables for the tests: any granule, any input size, entries at any level (DDI 0487, D8.3 "VMSAv8-64
 * translation table format descriptors"). Memory for tables and for data is RAM above the image, used in order.
 */
#ifndef SPACE_H
#define SPACE_H

#include "runtime.h"

#define BIT(n) (1ul << (n))

/* Descriptor bits. */
#define VALID BIT(0)
#define TABLE_OR_PAGE BIT(1)
#define ATTR(n) ((u64)(n) << 2)
#define AP_EL0 BIT(6)
#define AP_RO BIT(7)
#define SH_INNER (3ul << 8)
#define AF BIT(10)
#define NG BIT(11)
#define CONTIGUOUS BIT(52)
#define PXN BIT(53)
#define UXN BIT(54)
#define PXN_TABLE BIT(59)
#define UXN_TABLE BIT(60)
#define AP_TABLE_NO_EL0 BIT(61)
#define AP_TABLE_RO BIT(62)

/* MAIR: 0 Device-nGnRnE, 1 Normal write-back, 2 Normal non-cacheable, 3 Device-nGnRE. */
#define MAIR_VALUE 0x0444ff00ul
#define NORMAL ATTR(1)
#define NON_CACHEABLE ATTR(2)
#define DEVICE ATTR(0)

/* What EL0 and EL1 may read and write, and neither execute. */
#define DATA (NORMAL | SH_INNER | AF | AP_EL0 | PXN | UXN)

struct space {
    u64 *root;
    int granule; /* log2 */
    int bits;
    int start_level;
    /* Stage 2 descriptors, whose tables have no attributes. */
    int stage2;
};

/* A new set of tables with nothing in it. */
struct space space_new(int granule, int bits);
/* One that maps image and console onto themselves, for code that runs under it. */
struct space space_with_image(int granule, int bits);
void map_image(struct space *space);
/* The descriptor for `va` at `level`; tables on the way are made with `table_bits` set in their descriptors. */
u64 *entry_at(struct space *space, u64 va, int level, u64 table_bits);
/* Maps the page or block of `level` that holds `va`. */
void map(struct space *space, u64 va, u64 pa, int level, u64 attributes);
void unmap(struct space *space, u64 va, int level);
u64 level_size(const struct space *space, int level);

/* TCR_ELx.{TnSZ, IRGN, ORGN, SH, TG} of the lower range; the upper range's are TCR_TTBR1. */
u64 tcr_of(const struct space *space);
u64 tcr1_of(const struct space *space);
#define TCR_PS(ips) ((u64)(ips) << 32)
#define TCR_EL2_RES1 (BIT(31) | BIT(23))
#define EPD1 BIT(23)

/* Stage 1 of EL1&0 with an identity map of image and console, and on. */
void el1_on(const struct space *space, u64 tcr_extra);
void el1_off(void);

/*
 * RAM for the tests, aligned; pages say who they are: the word at 0 is the address | 0xabc, at 0x100 is `svc #0xfff0`.
 */
u64 arena_alloc(u64 size, u64 alignment);
u64 marked_page(u64 size);
void mark_page(u64 address);

#define SVC_PROBE_END 0xd41ffe01u

static inline void tlbi_all_el1(void)
{
    asm volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
}

#endif
