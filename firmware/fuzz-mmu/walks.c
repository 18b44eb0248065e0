/* Random descriptors of a walk, and what is shown of them. */
#include "walks.h"

/* The descriptors of this case, in the order they were written. */
static u64 *written[2 * LEVELS];
static u32 written_count;

u64 percent(u64 chance, u64 bits)
{
    return draw_below(100) < chance ? bits : 0;
}

void write_descriptor(u64 *at, u64 descriptor)
{
    *(volatile u64 *)at = descriptor;
    written[written_count++] = at;
    print(" ");
    print_hex(descriptor, 0);
}

u64 draw_leaf(void)
{
    u64 ap = draw_below(3) ? AP_EL0 | percent(50, AP_RO) : draw_below(4) << 6;
    u64 bits = ATTR(draw_below(4)) | ap | (2 + draw_below(2)) << 8 | percent(88, AF) | percent(30, NG);
    bits |= percent(25, PXN) | percent(25, UXN) | percent(8, CONTIGUOUS) | percent(15, DBM) | percent(10, GP);
    /* Bits for software, and NS, which is ignored. */
    return bits | percent(20, draw_bits(15ul << 55, 1)) | percent(10, BIT(5));
}

/* Access, DBM, XN and contiguity are drawn, with attributes mostly of Normal memory. */
u64 draw_stage2_leaf(void)
{
    u64 access = draw_below(7) ? 3 : draw_below(4);
    u64 attributes = draw_below(5) ? 15 : draw_below(16);
    /* Normal memory with nothing said of the inner caches is UNPREDICTABLE. */
    if (attributes > 3 && (attributes & 3) == 0)
        attributes |= 3;
    u64 bits = access << 6 | attributes << 2 | (2 + draw_below(2)) << 8 | percent(90, AF);
    return bits | percent(15, draw_bits(3ul << 53, 1)) | percent(8, CONTIGUOUS) | percent(15, DBM) | percent(95, VALID);
}

static u64 draw_table(const struct space *space)
{
    if (space->stage2)
        return VALID | TABLE_OR_PAGE;
    /* Table attributes; bits 2 to 11 and 52 to 58 are ignored. */
    u64 bits = percent(20, draw_bits(31ul << 59, 1)) | percent(10, draw_bits(0x7ful << 52, 1));
    return bits | percent(20, draw_bits(0xffc, 1)) | VALID | TABLE_OR_PAGE;
}

void write_walk(const struct space *space, u64 *root, u64 va, u64 output, int leaf)
{
    int stride = space->granule - 3;
    u64 low = va & ((1ul << space->bits) - 1);
    for (int level = space->start_level; level <= leaf; level++) {
        int depth = level - space->start_level;
        int shift = space->granule + (3 - level) * stride;
        u64 index = low >> shift & (depth ? (1ul << stride) - 1 : ~0ul);
        u64 *entry = (depth ? (u64 *)(tables + depth * TABLE_SIZE) : root) + index;
        if (one_in(25)) {
            write_descriptor(entry, draw() & ~VALID);
            return;
        }
        if (level < leaf) {
            write_descriptor(entry, (tables + (depth + 1) * TABLE_SIZE) | draw_table(space));
        } else {
            u64 type = level == 3 && !one_in(30) ? TABLE_OR_PAGE : 0;
            u64 bits = space->stage2 ? draw_stage2_leaf() : draw_leaf() | VALID;
            write_descriptor(entry, (output & ~((1ul << shift) - 1)) | bits | type);
        }
    }
}

void print_descriptors(int accessed)
{
    /* QEMU sets the access flag of what was not accessed too, as it may ("Hardware management of the Access flag"). */
    print("  after");
    for (u32 i = 0; i < written_count; i++) {
        print(" ");
        print_hex(*(volatile u64 *)written[i] & (accessed ? ~0ul : ~AF), 0);
        *(volatile u64 *)written[i] = 0;
    }
    written_count = 0;
    print("\n");
}

void print_par(u64 par)
{
    print_field("par", par & 1 ? par : par & ~0x380ul);
    if (!(par & 1))
        print_field("sh", par >> 7 & 3);
}
