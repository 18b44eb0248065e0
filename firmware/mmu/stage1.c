/* Stage 1 of EL1&0: granules, input sizes, levels, and the faults of each of them. */
#include "space.h"
#include "groups.h"

#define LOAD CODE("ldr x0, [x0]")
#define STORE CODE("str x1, [x0]")
/* IPS: 40 bits, and 44 where a test needs them. */
#define PS40 TCR_PS(2)

static void read_at(const char *name, u64 va)
{
    probe_value(name, EL0, LOAD, va, 0);
}

/* Cortex-A72 has no 16K granule (Arm 100095, ID_AA64MMFR0_EL1), even where a model of it does. */
static int has_16k(void)
{
    return (read_register(midr_el1) >> 4 & 0xfff) != 0xd08 && (read_register(id_aa64mmfr0_el1) >> 20 & 15) != 0;
}

static void one_size(int granule, int bits)
{
    struct space space = space_with_image(granule, bits);
    u64 page = 1ul << granule;
    u64 top = 1ul << bits;
    u64 a = marked_page(page), b = marked_page(page), c = marked_page(page);
    int block = granule == 12 ? 1 : 2;

    print("granule ");
    print_decimal(page >> 10);
    print("K, ");
    print_decimal(bits);
    print(" bits, first level ");
    print_decimal(space.start_level);
    print("\n");

    /* Pages at the ends and somewhere in between. */
    u64 middle = (1ul << (bits - 1)) + 5 * page;
    map(&space, top - page, a, 3, DATA);
    map(&space, middle, b, 3, DATA);
    map(&space, middle + page, c, 3, DATA);
    el1_on(&space, PS40 | EPD1);
    read_at("  last page", top - page);
    read_at("  page in the middle", middle);
    read_at("  its neighbour", middle + page);
    read_at("  inside it", middle + page + 0x100);
    probe("  beyond the range", EL0, LOAD, top, 0);
    probe("  far beyond the range", EL0, LOAD, BIT(55) - 8, 0);
    probe("  no address of either range", EL0, LOAD, BIT(63), 0);
    probe("  unmapped page", EL0, LOAD, middle + 2 * page, 0);
    probe("  unmapped page, store", EL0, STORE, middle + 2 * page + 8, 0);
    for (int level = 2; level >= space.start_level; level--) {
        /* An address whose walk ends at `level`: in a table where nothing but the way to `middle` is. */
        u64 va = middle + 3 * level_size(&space, level);
        if (va >= top)
            va = middle - level_size(&space, level);
        probe("  nothing at a higher level", EL0, LOAD, va, 0);
        probe("  nothing at a higher level, fetch", EL1, CODE("ret x0"), va, 0);
    }
    /* Blocks: map RAM through them and read through the offset. */
    for (int level = 2; level >= block && level >= space.start_level; level--) {
        u64 size = level_size(&space, level);
        u64 va = (middle & ~(size - 1)) ^ size;
        if (va >= top || level_size(&space, level) * 2 > top)
            continue;
        if (*entry_at(&space, va, level, 0) & VALID)
            continue;
        map(&space, va, b & ~(size - 1), level, DATA);
        tlbi_all_el1();
        read_at("  through a block", va + (b & (size - 1)));
        read_at("  start of the page", va + (b & (size - 1) & ~0xffful) + 0x100);
        *entry_at(&space, va, level, 0) &= ~AF;
        tlbi_all_el1();
        probe("  block without AF", EL0, LOAD, va + 8, 0);
        *entry_at(&space, va, level, 0) |= AF | AP_RO;
        tlbi_all_el1();
        probe("  read-only block", EL0, STORE, va + (b & (size - 1)), 0);
        *entry_at(&space, va, level, 0) = BIT(40) | DATA | VALID;
        tlbi_all_el1();
        probe("  block beyond the address size", EL0, LOAD, va + 16, 0);
        *entry_at(&space, va, level, 0) = 0;
        tlbi_all_el1();
    }
    /* A block where the granule has none, and the reserved type of level 3. */
    if (space.start_level < block) {
        u64 va = middle ^ level_size(&space, block - 1);
        if (va < top && level_size(&space, block - 1) * 2 <= top && !(*entry_at(&space, va, block - 1, 0) & VALID)) {
            *entry_at(&space, va, block - 1, 0) = DATA | VALID;
            tlbi_all_el1();
            probe("  block at a level that has none", EL0, LOAD, va, 0);
        }
    }
    *entry_at(&space, middle + 4 * page, 3, 0) = c | DATA | VALID;
    tlbi_all_el1();
    probe("  reserved type at level 3", EL0, LOAD, middle + 4 * page, 0);
    map(&space, middle + 5 * page, BIT(41) | c, 3, DATA);
    probe("  page beyond the address size", EL0, LOAD, middle + 5 * page, 0);
    map(&space, middle + 6 * page, c, 3, DATA & ~AF);
    probe("  page without AF", EL0, LOAD, middle + 6 * page, 0);
    probe("  page without AF, store", EL1, STORE, middle + 6 * page, 0);
    /* A table beyond the address size, and one where no memory is. */
    for (int level = space.start_level; level < 3; level++) {
        u64 *entry = entry_at(&space, middle, level, 0);
        u64 kept = *entry;
        *entry = BIT(42) | VALID | TABLE_OR_PAGE;
        tlbi_all_el1();
        probe("  table beyond the address size", EL0, LOAD, middle, 0);
        *entry = 0x0b800000 | VALID | TABLE_OR_PAGE;
        tlbi_all_el1();
        probe("  table where nothing is", EL0, LOAD, middle, 0);
        *entry = kept;
        tlbi_all_el1();
    }
    read_at("  page in the middle", middle);
    el1_off();
}

void granules(void)
{
    static const int sizes[] = {36, 39, 42, 43, 47, 48};
    for (u64 i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        one_size(12, sizes[i]);
        if (has_16k())
            one_size(14, sizes[i]);
        one_size(16, sizes[i]);
    }
}

void ranges(void)
{
    struct space low = space_with_image(12, 39), high = space_new(12, 39), high64 = space_new(16, 42);
    u64 a = marked_page(0x10000), b = marked_page(0x10000), c = marked_page(0x10000);
    u64 high_va = -(1ul << 39) + 0x5000, top = -0x1000ul;
    map(&low, 0x80005000, a, 3, DATA);
    map(&high, high_va, b, 3, DATA);
    map(&high, top, c, 3, DATA);
    map(&high64, -0x10000ul, c, 3, DATA);
    map(&high64, -(1ul << 42), a, 3, DATA);
    write_register(ttbr1_el1, high.root);
    el1_on(&low, PS40 | tcr1_of(&high));
    read_at("lower range", 0x80005000);
    read_at("upper range", high_va);
    read_at("upper range, last page", top);
    probe("upper range, unmapped", EL0, LOAD, high_va + 0x1000, 0);
    probe("below the upper range", EL0, LOAD, high_va - 0x2000000, 0);
    probe("below the upper range, fetch", EL1, CODE("ret x0"), -(1ul << 40), 0);
    probe("tagged, TBI clear", EL0, LOAD, 0x80005000 | 0x5aul << 56, 0);
    write_register(tcr_el1, tcr_of(&low) | PS40 | tcr1_of(&high) | BIT(37));
    tlbi_all_el1();
    read_at("tagged, TBI0", 0x80005000 | 0x5aul << 56);
    probe("tagged, TBI0, unmapped: FAR has the tag", EL0, LOAD, 0x80006000 | 0x5aul << 56, 0);
    probe("tagged upper, TBI1 clear", EL0, LOAD, high_va & ~(0x0ful << 56), 0);
    probe_value("ret to a tagged address, TBI0", EL0, CODE("adr x1, 1f\n orr x1, x1, x0\n ret x1\n 1: adr x0, 1b\n lsr x0, x0, #56"),
                0x77ul << 56, 0);
    probe("br to a misaligned tagged address, TBI0", EL0, CODE("adr x1, 1f + 2\n orr x1, x1, x0\n br x1\n 1: nop"),
          0x77ul << 56, 0);
    write_register(tcr_el1, tcr_of(&low) | PS40 | tcr1_of(&high) | BIT(38));
    tlbi_all_el1();
    read_at("tagged upper, TBI1", high_va & ~(0x0ful << 56));
    probe("tagged upper, TBI1, unmapped", EL0, LOAD, (high_va & ~(0x0ful << 56)) + 0x1000, 0);
    write_register(tcr_el1, tcr_of(&low) | PS40 | tcr1_of(&high) | BIT(23));
    tlbi_all_el1();
    probe("EPD1", EL0, LOAD, high_va, 0);
    read_at("lower range with EPD1", 0x80005000);
    static const u64 sizes[] = {0, 15, 49, 63};
    for (u64 i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_register(tcr_el1, tcr_of(&low) | PS40 | (tcr1_of(&high) & ~(63ul << 16)) | sizes[i] << 16);
        tlbi_all_el1();
        print_field("T1SZ", sizes[i]);
        probe(" out of bounds", EL0, LOAD, top, 0);
    }
    /* EPD0 with everything below gone needs code in the upper range: image there too. */
    write_register(ttbr1_el1, high64.root);
    write_register(tcr_el1, tcr_of(&low) | PS40 | tcr1_of(&high64));
    tlbi_all_el1();
    read_at("upper range of another granule", -0x10000ul);
    read_at("and its first page", -(1ul << 42));
    read_at("lower range beside it", 0x80005000);
    el1_off();
    write_register(ttbr1_el1, 0);
}
