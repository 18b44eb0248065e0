/* Building translation tables, and turning stage 1 of EL1&0 on and off. */
#include "space.h"

extern char text_start[], data_start[], image_end[];

#define ARENA 0x41000000ul
#define ARENA_END 0x43000000ul
static u64 arena_used;

u64 arena_alloc(u64 size, u64 alignment)
{
    u64 at = (ARENA + arena_used + alignment - 1) & ~(alignment - 1);
    arena_used = at + size - ARENA;
    for (u64 i = 0; i < size; i += 8)
        *(volatile u64 *)(at + i) = 0;
    return at;
}

void mark_page(u64 address)
{
    *(volatile u64 *)address = address | 0xabc;
    *(volatile u32 *)(address + 0x100) = SVC_PROBE_END;
}

u64 marked_page(u64 size)
{
    u64 at = arena_alloc(size, size);
    for (u64 i = 0; i < size; i += 0x1000)
        mark_page(at + i);
    return at;
}

static int stride(const struct space *space)
{
    return space->granule - 3;
}

static int shift_of(const struct space *space, int level)
{
    return space->granule + (3 - level) * stride(space);
}

u64 level_size(const struct space *space, int level)
{
    return 1ul << shift_of(space, level);
}

struct space space_new(int granule, int bits)
{
    struct space space = {.granule = granule, .bits = bits};
    space.start_level = 3 - (bits - granule - 1) / stride(&space);
    /* A first table may have fewer entries than a page; it is given a page all the same. */
    space.root = (u64 *)arena_alloc(1ul << granule, 1ul << granule);
    return space;
}

u64 *entry_at(struct space *space, u64 va, int level, u64 table_bits)
{
    u64 *table = space->root;
    u64 low = space->bits == 64 ? va : va & ((1ul << space->bits) - 1);
    for (int at = space->start_level;; at++) {
        int shift = shift_of(space, at);
        u64 entries = at == space->start_level ? 1ul << (space->bits - shift) : 1ul << stride(space);
        u64 *entry = &table[(low >> shift) & (entries - 1)];
        if (at == level)
            return entry;
        if (!(*entry & VALID))
            *entry = arena_alloc(1ul << space->granule, 1ul << space->granule) | VALID | TABLE_OR_PAGE | table_bits;
        table = (u64 *)(*entry & 0x0000fffffffff000ul & ~((1ul << space->granule) - 1));
    }
}

void map(struct space *space, u64 va, u64 pa, int level, u64 attributes)
{
    u64 type = level == 3 ? VALID | TABLE_OR_PAGE : VALID;
    *entry_at(space, va, level, 0) = pa | attributes | type;
    asm volatile("dsb sy" ::: "memory");
}

void unmap(struct space *space, u64 va, int level)
{
    *entry_at(space, va, level, 0) = 0;
    asm volatile("dsb sy" ::: "memory");
}

void map_image(struct space *space)
{
    u64 page = 1ul << space->granule;
    u64 code = space->stage2 ? BIT(6) | BIT(7) | 0xful << 2 | SH_INNER | AF : NORMAL | SH_INNER | AF | AP_EL0 | AP_RO;
    u64 data = space->stage2 ? code : NORMAL | SH_INNER | AF | PXN | UXN;
    u64 device = space->stage2 ? BIT(6) | BIT(7) | AF | BIT(54) : DEVICE | AF | PXN | UXN;
    for (u64 at = (u64)text_start; at < (u64)data_start; at += page)
        map(space, at, at, 3, code);
    for (u64 at = (u64)data_start; at < (u64)image_end; at += page)
        map(space, at, at, 3, data);
    map(space, UART_BASE, UART_BASE, 3, device);
    /* Where main runs under the tables of EL1 that it changes, it has to reach them. */
    if (home == 1)
        for (u64 at = ARENA; at < ARENA_END; at += level_size(space, space->granule == 12 ? 2 : 3))
            map(space, at, at, space->granule == 12 ? 2 : 3, data);
}

struct space space_with_image(int granule, int bits)
{
    struct space space = space_new(granule, bits);
    map_image(&space);
    return space;
}

u64 tcr_of(const struct space *space)
{
    u64 tg = space->granule == 16 ? 1 : space->granule == 14 ? 2 : 0;
    return (64 - space->bits) | 1ul << 8 | 1ul << 10 | 3ul << 12 | tg << 14;
}

u64 tcr1_of(const struct space *space)
{
    u64 tg = space->granule == 16 ? 3 : space->granule == 14 ? 1 : 2;
    return ((u64)(64 - space->bits) << 16) | 1ul << 24 | 1ul << 26 | 3ul << 28 | tg << 30;
}

void el1_on(const struct space *space, u64 tcr_extra)
{
    write_register(mair_el1, MAIR_VALUE);
    write_register(tcr_el1, tcr_of(space) | tcr_extra);
    write_register(ttbr0_el1, space->root);
    tlbi_all_el1();
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
}

void el1_off(void)
{
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    tlbi_all_el1();
}
