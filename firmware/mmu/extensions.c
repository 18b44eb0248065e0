/* Later extensions, where the ID registers have them: HAFDBS, E0PD, XNX, TTST, S2FWB (DDI 0487, A2). */
#include "space.h"
#include "groups.h"

#define PAGE_VA 0x80000000ul
#define IPA 0x50000000ul
#define HA BIT(39)
#define HD BIT(40)
#define DBM BIT(51)
#define E0PD0 BIT(55)
#define LOAD CODE("ldr x0, [x0]")
#define STORE CODE("str x1, [x0, #8]")
#define FETCH CODE("add x0, x0, #0x100\n ret x0")

static u64 field(u64 value, int low)
{
    return value >> low & 15;
}

/* AF, DBM and AP[2] of a descriptor. */
static void flags(const u64 *entry, int read_only)
{
    print("   ");
    print_field("AF", *entry >> 10 & 1);
    print_field("AP2/S2AP1", *entry >> read_only & 1);
    print("\n");
}

static void hardware_flags(void)
{
    struct space space = space_with_image(12, 39);
    u64 page = marked_page(0x1000);
    u64 *entry = entry_at(&space, PAGE_VA, 3, 0);
    /* HD alone is of no effect. */
    static const u64 extras[] = {0, HD, HA, HA | HD};
    for (u32 i = 0; i < 4; i++) {
        print("hardware flags");
        print_field("HA", extras[i] >> 39 & 1);
        print_field("HD", extras[i] >> 40 & 1);
        print("\n");
        el1_on(&space, extras[i]);
        for (u32 dbm = 0; dbm < 2; dbm++) {
            map(&space, PAGE_VA, page, 3, (DATA & ~AF) | (dbm ? DBM : 0) | AP_RO);
            tlbi_all_el1();
            probe_value("  load", EL1, LOAD, PAGE_VA, 0);
            flags(entry, 7);
            probe("  store", EL1, STORE, PAGE_VA, 0);
            flags(entry, 7);
            map(&space, PAGE_VA, page, 3, DATA | (dbm ? DBM : 0) | AP_RO);
            tlbi_all_el1();
            probe_value("  load first", EL0, LOAD, PAGE_VA, 0);
            flags(entry, 7);
            probe("  then store", EL0, STORE, PAGE_VA, 0);
            flags(entry, 7);
            map(&space, PAGE_VA, page, 3, (DATA & ~AF & ~AP_EL0) | (dbm ? DBM : 0) | AP_RO);
            tlbi_all_el1();
            probe("  not permitted", EL0, STORE, PAGE_VA, 0);
            print_field("    AP2", *entry >> 7 & 1);
            print("\n");
        }
    }
    el1_off();
}

static void e0pd(void)
{
    struct space space = space_with_image(12, 39);
    map(&space, PAGE_VA, marked_page(0x1000), 3, DATA);
    el1_on(&space, E0PD0);
    print("E0PD0\n");
    probe_value("  load", EL1, LOAD, PAGE_VA, 0);
    probe_value("  unprivileged load", EL1, CODE("ldtr x0, [x0]"), PAGE_VA, 0);
    probe_value("  load", EL0, LOAD, PAGE_VA, 0);
    el1_off();
}

static void small_tables(void)
{
    static const int sizes[] = {24, 20, 17};
    for (u32 i = 0; i < 3; i++) {
        /* 16 and 20 bits do not reach the image: the space of the upper half alone is small. */
        struct space low = space_with_image(12, 39), high = space_new(12, sizes[i]);
        u64 va = -(1ul << sizes[i]) + 0x1000;
        map(&high, va, marked_page(0x1000), 3, DATA);
        print("small tables");
        print_field("bits", sizes[i]);
        print("\n");
        el1_on(&low, 0);
        write_register(ttbr1_el1, high.root);
        write_register(tcr_el1, (read_register(tcr_el1) & ~EPD1) | tcr1_of(&high));
        tlbi_all_el1();
        probe_value("  inside", EL1, LOAD, va, 0);
        probe_value("  unmapped", EL1, LOAD, va + 0x1000, 0);
        probe_value("  below", EL1, LOAD, va - 0x2000, 0);
        el1_off();
    }
}

/* --- stage 2 --- */

#define S2_READ BIT(6)
#define S2_WRITE BIT(7)
#define S2_NORMAL (15ul << 2)
#define S2_ALL (S2_READ | S2_WRITE | S2_NORMAL | SH_INNER | AF)
#define VTCR_HA BIT(21)
#define VTCR_HD BIT(22)

static struct space stage2_space(void)
{
    struct space space = {.granule = 12, .bits = 39, .start_level = 1, .stage2 = 1};
    space.root = (u64 *)arena_alloc(0x1000, 0x1000);
    map_image(&space);
    return space;
}

static void stage2_on(const struct space *space, u64 hcr, u64 extra)
{
    write_register(vtcr_el2, (tcr_of(space) & 0xff3f) | 1ul << 6 | 4ul << 16 | BIT(31) | extra);
    write_register(vttbr_el2, space->root);
    write_register(hcr_el2, HCR_RW | 1 | hcr);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
}

static void stage2_off(void)
{
    write_register(hcr_el2, HCR_RW);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
}

static void execute_never(void)
{
    struct space space = stage2_space();
    u64 page = marked_page(0x1000);
    for (u64 xn = 0; xn < 4; xn++) {
        map(&space, IPA, page, 3, S2_ALL | xn << 53);
        stage2_on(&space, 0, 0);
        print("stage 2 XN");
        print_field("", xn);
        print("\n");
        probe("  fetch", EL0, FETCH, IPA, 0);
        probe("  fetch", EL1, FETCH, IPA, 0);
    }
    stage2_off();
}

static void stage2_flags(void)
{
    struct space space = stage2_space();
    u64 page = marked_page(0x1000);
    u64 *entry = entry_at(&space, IPA, 3, 0);
    static const u64 extras[] = {0, VTCR_HA, VTCR_HA | VTCR_HD};
    for (u32 i = 0; i < 3; i++) {
        print("stage 2 flags");
        print_field("HA", extras[i] >> 21 & 1);
        print_field("HD", extras[i] >> 22 & 1);
        print("\n");
        map(&space, IPA, page, 3, (S2_ALL & ~(AF | S2_WRITE)) | DBM);
        stage2_on(&space, 0, extras[i]);
        probe_value("  load", EL1, LOAD, IPA, 0);
        flags(entry, 7);
        probe("  store", EL1, STORE, IPA, 0);
        flags(entry, 7);
    }
    stage2_off();
}

/* What stage 1 says, by PAR_EL1 of AT S12E1R: the type that both stages have together. */
static void forced_types(void)
{
    struct space first = space_with_image(12, 39), second = stage2_space();
    u64 page = marked_page(0x1000);
    static const u64 types[] = {0, 1, 2, 3, 5, 6, 7};
    /* The tables of stage 1 are in the arena. */
    for (u64 block = 0x41000000; block < 0x43000000; block += 0x200000)
        map(&second, block, block, 2, (S2_ALL & ~(15ul << 2)) | 6ul << 2);
    for (u32 attribute = 0; attribute < 4; attribute++) {
        map(&first, PAGE_VA, IPA, 3, (DATA & ~(7ul << 2)) | ATTR(attribute));
        print("forced type, stage 1");
        print_field("", MAIR_VALUE >> 8 * attribute & 0xff);
        print(":");
        for (u32 i = 0; i < 7; i++) {
            map(&second, IPA, page, 3, (S2_ALL & ~(15ul << 2)) | types[i] << 2);
            /* Stage 1 tables are in what stage 2 calls write-back. */
            el1_on(&first, 0);
            stage2_on(&second, BIT(46), 0);
            asm volatile("at s12e1r, %0\n\tisb" ::"r"(PAGE_VA) : "memory");
            u64 par = read_register(par_el1);
            print_field("", par & 1 ? par : par >> 56);
            stage2_off();
            el1_off();
        }
        print("\n");
    }
    print("forced type, stage 1 off:");
    for (u32 i = 0; i < 7; i++) {
        map(&second, IPA, page, 3, (S2_ALL & ~(15ul << 2)) | types[i] << 2);
        stage2_on(&second, BIT(46), 0);
        asm volatile("at s12e1r, %0\n\tisb" ::"r"(IPA) : "memory");
        print_field("", read_register(par_el1) >> 56);
        if (types[i] == 6)
            run(EL1, CODE("ldr x0, [x0]"), IPA + 1, 0);
        stage2_off();
    }
    print("\n");
    print("unaligned load of what stage 2 makes Normal memory:");
    print_exceptions(0);
    print("\n");
}

void extensions(void)
{
    u64 mmfr1 = read_register(id_aa64mmfr1_el1), mmfr2 = read_register(id_aa64mmfr2_el1);
    if (field(mmfr1, 0) >= 2)
        hardware_flags();
    if (field(mmfr2, 60))
        e0pd();
    if (field(mmfr2, 28))
        small_tables();
    if (home != 2)
        return;
    if (field(mmfr1, 28))
        execute_never();
    if (field(mmfr1, 0) >= 2)
        stage2_flags();
    if (field(mmfr2, 40))
        forced_types();
}
