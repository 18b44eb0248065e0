/*
 * Random translation of EL1&0 (DDI 0487, D8): a case is one walk of stage 1 in the upper range, and with it perhaps one
 * of stage 2, with random descriptors and controls. Accesses of EL1 and EL0 follow, a line for each, and then what
 * hardware has made of the descriptors. The page at the end of the walk is the same in all cases, and full of
 * `svc #0xfff0`: stores write that, and branches there come home. Entered at EL3 it has the other regimes in place of
 * EL1&0 (regimes.c).
 */
#include "walks.h"

#define TCR_A1 BIT(22)
#define TCR_TBI1 BIT(38)
#define TCR_HA BIT(39)
#define TCR_HD BIT(40)
#define TCR_HPD1 BIT(42)

#define S2_OPEN (BIT(6) | BIT(7) | 0xful << 2 | SH_INNER | AF)

u64 tables, target;
/* Image and console for the lower range; image, tables and console as stage 2 has them. */
static struct space image, stage2;
int is_max;

/*
 * Says whether it read, wrote or branched, and came to no exception. There is no AT of writing where hardware manages
 * the dirty state: QEMU's sets it, which it may not ("Hardware management of the dirty state").
 */
static int one_access(u64 va, int bits, int dirty_state)
{
    static const char at_name[] = "at s1";
    const struct {
        const char *name;
        const void *code;
    } accesses[] = {
#define ACCESS(text) {text, CODE(text)}
#define AT(operation) {"at " operation, CODE("at " operation ", x0\n\tisb\n\tmrs x0, par_el1")}
        ACCESS("ldr x0, [x0]"),  ACCESS("ldrb w0, [x0]"),   ACCESS("ldrsw x3, [x0]"),     ACCESS("ldrh w5, [x0]"),
        ACCESS("str x1, [x0]"),  ACCESS("strb w1, [x0]"),   ACCESS("str w1, [x0]"),       ACCESS("ldp x2, x3, [x0]"),
        ACCESS("ldtr x1, [x0]"), ACCESS("ldtrsb w1, [x0]"), ACCESS("sttr x1, [x0]"),      ACCESS("stp w1, w1, [x0]"),
        ACCESS("br x0"),         ACCESS("sttrb w1, [x0]"),  ACCESS("ldr x1, [x0], #8"),   ACCESS("br x0"),
        AT("s1e1r"),             AT("s1e0r"),               AT("s1e1w"),                  AT("s1e0w"),
    };
    u32 choice = draw_below(sizeof accesses / sizeof accesses[0] - (dirty_state ? 2 : 0));
    const char *name = accesses[choice].name;
    int is_at = 1;
    for (u32 i = 0; at_name[i]; i++)
        is_at &= is_at && name[i] == at_name[i];
    u64 pstate = is_at || one_in(2) ? EL1 : EL0;
    if (is_max)
        pstate |= percent(20, PAN) | percent(20, UAO);
    u64 address = va + (draw_below(0x1000) & ~15ul);
    /* Another tag, and addresses that are not those of the walk. */
    address ^= percent(12, draw_below(256) << 56);
    if (bits > LARGEST_BLOCK)
        address ^= percent(3, BIT(LARGEST_BLOCK + draw_below(bits - LARGEST_BLOCK)));
    address ^= percent(3, BIT(bits < 56 ? bits : 55));

    run(pstate, accesses[choice].code, address, SVC_WORDS);
    print("  ");
    print(name);
    print_field("pstate", pstate);
    print_field("address", address);
    print(":");
    if (exception_count == 0 && is_at)
        print_par(probe_results.x[0]);
    print_exceptions(accesses[choice].code);
    print("\n");
    return exception_count == 0 && !is_at;
}

/* Stage 2 of `ipa`, and the controls that go with it. */
static u64 write_stage2(u64 ipa, int level)
{
    u64 *entry = entry_at(&stage2, ipa, level, 0);
    print(" stage2=");
    u64 type = level == 3 && !one_in(30) ? TABLE_OR_PAGE : 0;
    write_descriptor(entry, (target & ~(level_size(&stage2, level) - 1)) | draw_stage2_leaf() | type);
    /* SL0: level 1; PS: 44 bits. */
    u64 vtcr = tcr_of(&stage2) | 1ul << 6 | 4ul << 16 | BIT(31);
    u64 hcr = HCR_VM | percent(10, HCR_PTW) | percent(5, HCR_CD) | percent(5, HCR_ID);
    if (is_max) {
        vtcr |= percent(40, VTCR_HA) | percent(40, VTCR_HD);
        hcr |= percent(15, HCR_FWB);
    }
    print_field("vtcr", vtcr);
    write_register(vtcr_el2, vtcr);
    write_register(vttbr_el2, (u64)stage2.root | draw_below(3) << 48);
    return hcr;
}

static u64 draw_tcr(const struct space *space)
{
    static const u64 updates[] = {0, TCR_HA, TCR_HA | TCR_HD};
    u64 tcr = tcr_of(&image) | tcr1_of(space) | TCR_PS(draw_below(5) ? 4 : draw_below(5));
    tcr |= percent(25, TCR_TBI1) | percent(5, EPD1) | percent(20, TCR_A1);
    return is_max ? tcr | updates[draw_below(3)] | percent(30, TCR_HPD1) : tcr;
}

static void one(void)
{
    static const int granules[] = {12, 16, 14};
    struct space space = {.granule = granules[draw_below(is_max ? 3 : 2)]};
    space.bits = one_in(5) ? 39 : 25 + draw_below(24);
    space.start_level = 3 - (space.bits - space.granule - 1) / (space.granule - 3);
    int first_block = space.granule == 12 ? 1 : 2;
    int leaf = 3;
    while (leaf > first_block && leaf > space.start_level && one_in(6))
        leaf--;

    int two_stages = !one_in(3), stage2_level = one_in(6) ? 2 : 3;
    u64 output = target;
    if (two_stages) {
        output = (draw_below(3) ? 0x100000000ul : 0x700000000ul) + (draw_below(8) << 21) + (draw_below(32) << 16);
        /* Blocks have entries of their own. */
        output += stage2_level == 2 ? 0x8000000ul : 0;
    }
    u64 size = level_size(&space, leaf);
    u64 range = (1ul << space.bits) - 1;
    u64 va = ~range | (draw() & range & ~(size - 1)) | (output & (size - 1) & range);

    print_field("granule", 1ul << space.granule);
    print_field("bits", space.bits);
    print_field("va", va);
    print(" stage1=");
    write_walk(&space, (u64 *)tables, va, output, leaf);
    u64 hcr = HCR_RW;
    if (two_stages) {
        print_field("ipa", output);
        hcr |= write_stage2(output, stage2_level);
    }
    u64 tcr = draw_tcr(&space);
    u64 sctlr = SCTLR_EL1_OFF | SCTLR_M | percent(15, SCTLR_WXN) | percent(20, SCTLR_A);
    if (is_max)
        sctlr ^= percent(30, SCTLR_SPAN);
    print_field("tcr", tcr);
    print_field("sctlr", sctlr);
    print_field("hcr", hcr);
    print("\n");

    write_register(mair_el1, MAIR_VALUE);
    write_register(tcr_el1, tcr);
    write_register(ttbr0_el1, image.root);
    write_register(ttbr1_el1, tables | (draw() & 0xfful << 48));
    write_register(hcr_el2, hcr);
    write_register(sctlr_el1, sctlr);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
    int accessed = 0;
    int dirty_state = (tcr & TCR_HD) != 0;
    for (u32 i = 0; i < ACCESSES; i++) {
        accessed |= one_access(va, space.bits, dirty_state);
        /* A write from EL0 makes the page one that EL1 does not execute: a TLB need not have noticed. */
        if (dirty_state)
            asm volatile("tlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
    }
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(hcr_el2, HCR_RW);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
    print_descriptors(accessed);
}

void main(void *device_tree)
{
    (void)device_tree;
    is_max = (read_register(id_aa64mmfr1_el1) >> 20 & 15) != 0;
    tables = arena_alloc(LEVELS * TABLE_SIZE, TABLE_SIZE);
    target = arena_alloc(TARGET_SIZE, TARGET_SIZE);
    for (u64 at = target; at < target + TARGET_SIZE; at += 8)
        *(volatile u64 *)at = SVC_WORDS;
    if (home == 3) {
        begin_regimes();
        run_cases(one_of_a_regime);
        return;
    }
    image = space_with_image(12, 39);
    stage2 = (struct space){.granule = 12, .bits = 39, .start_level = 1, .stage2 = 1};
    stage2.root = (u64 *)arena_alloc(0x1000, 0x1000);
    map_image(&stage2);
    for (u64 at = tables; at < target + TARGET_SIZE; at += 0x1000)
        map(&stage2, at, at, 3, S2_OPEN);
    run_cases(one);
}
