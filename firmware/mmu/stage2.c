/* Stage 2, and both stages together, seen from EL2 (DDI 0487, D8.2.11 "Stage 2 translation"). */
#include "space.h"
#include "groups.h"

#define HCR_VM 1
#define HCR_CD BIT(32)
#define HCR_DC BIT(12)
#define LOAD CODE("ldr x0, [x0]")
#define STORE CODE("str x1, [x0]")

/* Stage 2 descriptors. */
#define S2_READ BIT(6)
#define S2_WRITE BIT(7)
#define S2_XN BIT(54)
#define S2_NORMAL (15ul << 2)
#define S2_ALL (S2_READ | S2_WRITE | S2_NORMAL | SH_INNER | AF)

/* IPAs that the image does not use. */
#define IPA 0x50000000ul

static void stage2_on(const struct space *space, u64 vmid, u64 hcr)
{
    u64 levels = space->granule == 12 ? 2 - space->start_level : 3 - space->start_level;
    write_register(vtcr_el2, (tcr_of(space) & 0xff3f) | levels << 6 | 4ul << 16 | BIT(31));
    write_register(vttbr_el2, (u64)space->root | vmid << 48);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy" ::: "memory");
    write_register(hcr_el2, HCR_RW | HCR_VM | hcr);
}

static void stage2_off(void)
{
    write_register(hcr_el2, HCR_RW);
    asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
}

static struct space stage2_space(int granule, int bits, int start_level)
{
    struct space space = {.granule = granule, .bits = bits, .start_level = start_level, .stage2 = 1};
    /* Up to 16 concatenated tables at the first level. */
    u64 shift = granule + (3 - start_level) * (granule - 3), size = 8ul << (bits - shift);
    if (size < 1ul << granule)
        size = 1ul << granule;
    space.root = (u64 *)arena_alloc(size, size);
    map_image(&space);
    return space;
}

static void one_format(int granule, int bits, int start_level)
{
    struct space space = stage2_space(granule, bits, start_level);
    u64 page = marked_page(1ul << granule), size = 1ul << granule;
    print("stage 2, granule ");
    print_decimal(size >> 10);
    print("K, ");
    print_decimal(bits);
    print(" bits, first level ");
    print_decimal(start_level);
    print("\n");
    map(&space, IPA, page, 3, S2_ALL);
    map(&space, IPA + size, page, 3, S2_ALL & ~S2_WRITE);
    map(&space, IPA + 2 * size, page, 3, S2_ALL & ~S2_READ);
    map(&space, IPA + 3 * size, page, 3, (S2_ALL & ~(S2_READ | S2_WRITE)) | S2_XN);
    map(&space, IPA + 4 * size, page, 3, S2_ALL | S2_XN);
    map(&space, IPA + 5 * size, page, 3, S2_ALL & ~AF);
    map(&space, IPA + 6 * size, page | BIT(45), 3, S2_ALL);
    stage2_on(&space, 1, 0);
    probe_value("  page", EL1, LOAD, IPA, 0);
    probe("  page, fetch", EL1, CODE("add x0, x0, #0x100\n ret x0"), IPA, 0);
    probe("  read-only, store", EL1, STORE, IPA + size + 8, 0);
    probe_value("  read-only, load", EL0, LOAD, IPA + size, 0);
    probe("  write-only, load", EL1, LOAD, IPA + 2 * size + 16, 0);
    probe("  write-only, store", EL0, STORE, IPA + 2 * size + 16, 0);
    probe("  no access, load", EL0, LOAD, IPA + 3 * size, 0);
    probe("  no access, fetch", EL0, CODE("ret x0"), IPA + 3 * size, 0);
    probe("  XN, fetch", EL1, CODE("ret x0"), IPA + 4 * size + 0x100, 0);
    probe("  without AF, load", EL1, LOAD, IPA + 5 * size + 0x18, 0);
    probe("  beyond the address size", EL1, LOAD, IPA + 6 * size, 0);
    probe("  unmapped, level 3", EL1, LOAD, IPA + 8 * size + 0xff0, 0);
    probe("  unmapped, level 3, store", EL1, STORE, IPA + 8 * size + 0xff8, 0);
    probe("  unmapped, fetch", EL1, CODE("ret x0"), IPA + 8 * size + 4, 0);
    for (int level = 2; level >= start_level; level--)
        probe("  unmapped, higher level", EL1, LOAD, IPA + 2 * level_size(&space, level) + 0x5008, 0);
    probe("  beyond the input size", EL1, LOAD, (1ul << bits) + 0x3000, 0);
    u64 block = IPA + 4 * level_size(&space, 2);
    *entry_at(&space, block, 2, 0) = (page & ~(level_size(&space, 2) - 1)) | S2_ALL | VALID;
    probe_value("  block", EL1, LOAD, block + (page & (level_size(&space, 2) - 1)), 0);
    *entry_at(&space, block + level_size(&space, 2), 2, 0) = 0x0b800000 | VALID | TABLE_OR_PAGE;
    probe("  table where nothing is", EL1, LOAD, block + level_size(&space, 2), 0);
    if (start_level < (granule == 12 ? 1 : 2)) {
        u64 high = 3 * level_size(&space, start_level);
        *entry_at(&space, high, start_level, 0) = S2_ALL | VALID;
        probe("  block at a level that has none", EL1, LOAD, high, 0);
    }
    stage2_off();
}

/* Both stages: whose fault it is, where. */
static void both_stages(void)
{
    struct space two = stage2_space(12, 39, 1), one = space_with_image(12, 39);
    u64 page = marked_page(0x1000), va = 0x80000000;
    /* The tables of stage 1 are where they are. */
    for (u64 at = 0x41000000; at < page + 0x20000; at += 0x1000)
        map(&two, at, at, 3, S2_ALL);
    map(&two, IPA, page, 3, S2_ALL);
    map(&two, IPA + 0x1000, page, 3, S2_ALL & ~S2_WRITE);
    map(&two, IPA + 0x2000, page, 3, S2_ALL & ~S2_READ);
    map(&two, IPA + 0x3000, page, 3, S2_ALL | S2_XN);
    for (u64 i = 0; i < 6; i++)
        map(&one, va + i * 0x1000, IPA + i * 0x1000, 3, NORMAL | SH_INNER | AF | AP_EL0);
    map(&one, va + 0x6000, IPA, 3, (NORMAL | SH_INNER | AF | AP_EL0 | AP_RO));
    map(&one, va + 0x7000, IPA + 0x5000, 3, (NORMAL | SH_INNER | AF | AP_EL0 | AP_RO));
    map(&one, va + 0x8000, IPA + 0x5000, 3, (NORMAL | SH_INNER | AP_EL0));
    print("both stages\n");
    stage2_on(&two, 1, 0);
    el1_on(&one, TCR_PS(2) | EPD1);
    probe_value("page", EL0, LOAD, va + 0x100, 0);
    probe("read-only in stage 2", EL0, STORE, va + 0x1008, 0);
    probe("write-only in stage 2", EL0, LOAD, va + 0x2008, 0);
    probe("XN in stage 2", EL0, CODE("ret x0"), va + 0x3100, 0);
    probe("unmapped in stage 2", EL0, LOAD, va + 0x4ab8, 0);
    probe("unmapped in stage 2, store at EL1", EL1, STORE, va + 0x4ab8, 0);
    probe("unmapped in stage 2, fetch", EL0, CODE("ret x0"), va + 0x4ab8, 0);
    probe("read-only in stage 1", EL0, STORE, va + 0x6000, 0);
    probe("read-only in stage 1, unmapped in stage 2", EL0, STORE, va + 0x7000, 0);
    probe("without AF in stage 1, unmapped in stage 2", EL0, LOAD, va + 0x8000, 0);
    probe("crossing into a page unmapped in stage 2", EL0, LOAD, va + 0x3ffc, 0);
    probe("unmapped in stage 1", EL0, LOAD, va + 0x20000, 0);
    /* The tables of stage 1 themselves. */
    u64 table3 = (u64)entry_at(&one, va, 3, 0), table2 = (u64)entry_at(&one, va, 2, 0);
    map(&two, table3 & ~0xffful, table3 & ~0xffful, 3, S2_ALL & ~S2_READ);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe("level-3 table unreadable in stage 2", EL0, LOAD, va, 0);
    unmap(&two, table3 & ~0xffful, 3);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe("level-3 table unmapped in stage 2", EL0, LOAD, va + 0x1238, 0);
    probe("level-3 table unmapped in stage 2, store", EL1, STORE, va + 0x1238, 0);
    probe("level-3 table unmapped in stage 2, fetch", EL1, CODE("ret x0"), va + 0x1238, 0);
    probe("level-3 table unmapped in stage 2, at s1e1r at EL1", EL1, CODE("at s1e1r, x0"), va + 0x1238, 0);
    map(&two, table3 & ~0xffful, table3 & ~0xffful, 3, S2_ALL);
    unmap(&two, table2 & ~0xffful, 3);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe("level-2 table unmapped in stage 2", EL0, LOAD, va + 0x200000, 0);
    map(&two, table2 & ~0xffful, table2 & ~0xffful, 3, S2_ALL);
    map(&two, table3 & ~0xffful, table3 & ~0xffful, 3, (S2_ALL & ~S2_NORMAL));
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    write_register(hcr_el2, HCR_RW | HCR_VM | BIT(2));
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe("HCR_EL2.PTW, table in Device memory", EL0, LOAD, va, 0);
    write_register(hcr_el2, HCR_RW | HCR_VM);
    map(&two, table3 & ~0xffful, table3 & ~0xffful, 3, S2_ALL);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    static const char *const names[] = {"ok", "stage 2 read-only", "stage 2 write-only", "stage 2 XN", "stage 2 unmapped"};
    for (u64 i = 0; i < 5; i++) {
        print(names[i]);
        asm volatile("at s12e1r, %0\n\tisb" ::"r"(va + i * 0x1000));
        print_field("s12e1r", read_register(par_el1) & ~(read_register(par_el1) & 1 ? 0 : BIT(9)));
        asm volatile("at s12e0w, %0\n\tisb" ::"r"(va + i * 0x1000));
        print_field("s12e0w", read_register(par_el1) & ~(read_register(par_el1) & 1 ? 0 : BIT(9)));
        asm volatile("at s1e1r, %0\n\tisb" ::"r"(va + i * 0x1000));
        print_field("s1e1r", read_register(par_el1) & ~BIT(9));
        print("\n");
    }
    el1_off();
    /* Stage 1 off: the IPA is the address. */
    asm volatile("at s12e1r, %0\n\tisb" ::"r"(IPA));
    print_field("stage 1 off, s12e1r", read_register(par_el1) & ~BIT(9));
    print("\n");
    write_register(hcr_el2, HCR_RW | HCR_VM | HCR_DC);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe_value("HCR_EL2.DC, unaligned load", EL1, LOAD, IPA + 1, 0);
    asm volatile("at s1e1r, %0\n\tisb" ::"r"(IPA));
    print_field("HCR_EL2.DC, s1e1r", read_register(par_el1) & ~BIT(9));
    print("\n");
    write_register(hcr_el2, HCR_RW | HCR_VM | HCR_DC | HCR_CD);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    asm volatile("at s12e1r, %0\n\tisb" ::"r"(IPA));
    print_field("HCR_EL2.{DC, CD}, s12e1r", read_register(par_el1) & ~BIT(9));
    print("\n");
    stage2_off();
}

/* Memory types of both stages combined, as AT S12E1R tells. */
static void combined_types(void)
{
    struct space two = stage2_space(12, 39, 1), one = space_with_image(12, 39);
    static const u64 second[] = {0, 1, 5, 6, 7, 9, 10, 11, 13, 14, 15};
    u64 va = 0x80000000, page = marked_page(0x1000);
    for (u64 at = 0x41000000; at < page + 0x20000; at += 0x1000)
        map(&two, at, at, 3, S2_ALL);
    for (u64 i = 0; i < sizeof second / sizeof second[0]; i++)
        map(&two, IPA + i * 0x1000, page, 3, S2_READ | S2_WRITE | AF | second[i] << 2);
    for (u64 first = 0; first < 4; first++)
        for (u64 i = 0; i < sizeof second / sizeof second[0]; i++)
            map(&one, va + first * 0x100000 + i * 0x1000, IPA + i * 0x1000, 3, ATTR(first) | AF | SH_INNER);
    stage2_on(&two, 1, 0);
    el1_on(&one, TCR_PS(2) | EPD1);
    for (u64 first = 0; first < 4; first++) {
        for (u64 i = 0; i < sizeof second / sizeof second[0]; i++) {
            asm volatile("at s12e1r, %0\n\tisb" ::"r"(va + first * 0x100000 + i * 0x1000));
            print("MAIR ");
            print_hex(MAIR_VALUE >> 8 * first & 0xff, 2);
            print(", MemAttr ");
            print_hex(second[i], 1);
            print_field("ATTR", read_register(par_el1) >> 56);
            print("\n");
        }
    }
    el1_off();
    stage2_off();
}

static void machines(void)
{
    struct space one = stage2_space(12, 39, 1), two = stage2_space(12, 39, 1);
    u64 a = marked_page(0x1000), b = marked_page(0x1000);
    u64 vtcr;
    map(&one, IPA, a, 3, S2_ALL);
    map(&two, IPA, b, 3, S2_ALL);
    stage2_on(&one, 1, 0);
    vtcr = read_register(vtcr_el2);
    probe_value("VMID 1", EL1, LOAD, IPA, 0);
    write_register(vttbr_el2, (u64)two.root | 2ul << 48);
    probe_value("VMID 2", EL1, LOAD, IPA, 0);
    write_register(vttbr_el2, (u64)one.root | 1ul << 48);
    probe_value("VMID 1 again", EL1, LOAD, IPA, 0);
    write_register(hcr_el2, HCR_RW);
    probe("stage 2 off", EL1, LOAD, 0x0b800000, 0);
    write_register(hcr_el2, HCR_RW | HCR_VM);
    probe_value("VMID 1, stage 2 on again", EL1, LOAD, IPA, 0);
    map(&one, IPA, b, 3, S2_ALL);
    asm volatile("tlbi ipas2e1, %0\n\tdsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::"r"(IPA >> 12));
    probe_value("after tlbi ipas2e1", EL1, LOAD, IPA, 0);
    map(&one, IPA, a, 3, S2_ALL);
    asm volatile("tlbi ipas2le1is, %0\n\tdsb sy\n\ttlbi vmalle1is\n\tdsb sy\n\tisb" ::"r"(IPA >> 12));
    probe_value("after tlbi ipas2le1is", EL1, LOAD, IPA, 0);
    map(&one, IPA, b, 3, S2_ALL);
    asm volatile("tlbi vmalls12e1\n\tdsb sy\n\tisb");
    probe_value("after tlbi vmalls12e1", EL1, LOAD, IPA, 0);
    map(&one, IPA, a, 3, S2_ALL);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb");
    probe_value("after tlbi alle1", EL1, LOAD, IPA, 0);
    print_field("vtcr_el2", vtcr);
    print("\n");
    /* Code behind stage 2 that gets another page. */
    *(volatile u32 *)a = 0xd2800020;
    *(volatile u32 *)(a + 4) = SVC_PROBE_END;
    *(volatile u32 *)b = 0xd2800040;
    *(volatile u32 *)(b + 4) = SVC_PROBE_END;
    asm volatile("dsb sy\n\tic iallu\n\tisb");
    probe_value("code", EL1, CODE("ret x0"), IPA, 0);
    map(&one, IPA, b, 3, S2_ALL);
    asm volatile("tlbi vmalls12e1\n\tdsb sy\n\tisb");
    probe_value("code of another page", EL1, CODE("ret x0"), IPA, 0);
    stage2_off();
}

/* VTCR_EL2 whose fields do not go together: where the tables begin, how large an IPA is. */
static void geometry(void)
{
    struct space space = stage2_space(12, 39, 1);
    static const struct {
        const char *name;
        u64 t0sz, sl0, tg0, ps;
    } forms[] = {
        {"T0SZ below all bounds", 15, 2, 0, 4},
        {"an IPA larger than a physical address", 19, 2, 0, 4},
        {"an IPA larger than PS", 24, 1, 0, 1},
        {"T0SZ above all bounds", 49, 0, 0, 4},
        {"too few levels", 20, 1, 0, 4},
        {"too many levels", 25, 2, 0, 4},
        {"too many levels, 64K", 35, 2, 1, 4},
        {"SL0 that is reserved, 64K", 24, 3, 1, 4},
        {"what is right", 25, 1, 0, 4},
    };
    for (u64 i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        stage2_on(&space, 1, 0);
        write_register(vtcr_el2, forms[i].t0sz | forms[i].sl0 << 6 | 0x3500 | forms[i].tg0 << 14 | forms[i].ps << 16 | BIT(31));
        asm volatile("dsb sy\n\ttlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
        probe(forms[i].name, EL1, CODE("nop"), 0, 0);
        stage2_off();
    }
}

void stage2(void)
{
    geometry();
    one_format(12, 39, 1);
    one_format(12, 40, 1);
    one_format(12, 44, 0);
    one_format(12, 32, 1);
    one_format(16, 42, 2);
    one_format(16, 40, 2);
    both_stages();
    combined_types();
    machines();
}

/* One access of each form to an IPA that stage 2 does not map: what the syndrome says. */
#define FORM(instruction) probe(instruction, EL1, CODE(instruction), 0x50000040, 0)

void syndromes(void)
{
    struct space two = stage2_space(12, 39, 1);
    stage2_on(&two, 1, 0);
    FORM("ldrb w1, [x0]");
    FORM("ldrh w2, [x0]");
    FORM("ldr w3, [x0]");
    FORM("ldr x30, [x0]");
    FORM("ldrsb w4, [x0]");
    FORM("ldrsb x5, [x0]");
    FORM("ldrsh w6, [x0]");
    FORM("ldrsh x7, [x0]");
    FORM("ldrsw x8, [x0]");
    FORM("ldr xzr, [x0]");
    FORM("strb w9, [x0, #1]");
    FORM("strh w10, [x0, #2]");
    FORM("str w11, [x0, #4]");
    FORM("str x12, [x0, #8]");
    FORM("str xzr, [x0, #4088]");
    FORM("ldur x1, [x0, #-8]");
    FORM("ldurb w1, [x0, #-1]");
    FORM("ldursw x1, [x0, #-4]");
    FORM("stur w1, [x0, #-4]");
    FORM("ldr x1, [x0, x2]");
    FORM("ldrb w1, [x0, w2, sxtw]");
    FORM("str x1, [x0, x2, lsl #3]");
    FORM("ldtr x1, [x0]");
    FORM("ldtrsb w1, [x0]");
    FORM("sttrh w1, [x0]");
    FORM("ldar w1, [x0]");
    FORM("ldarb w1, [x0]");
    FORM("stlr x1, [x0]");
    FORM("stlrh w1, [x0]");
    FORM("ldr x1, [x0], #8");
    FORM("ldr w1, [x0, #4]!");
    FORM("str x1, [x0], #8");
    FORM("strb w1, [x0, #-1]!");
    FORM("ldp x1, x2, [x0]");
    FORM("ldp w1, w2, [x0, #8]!");
    FORM("ldpsw x1, x2, [x0]");
    FORM("stp x1, x2, [x0, #-16]");
    FORM("ldnp x1, x2, [x0]");
    FORM("ldxr x1, [x0]");
    FORM("ldaxr w1, [x0]");
    FORM("ldxp x1, x2, [x0]");
    FORM("ldr d0, [x0]");
    FORM("ldr q0, [x0]");
    FORM("str s0, [x0]");
    FORM("ldp d0, d1, [x0]");
    FORM("ld1 {v0.16b}, [x0]");
    FORM("st1 {v0.b}[3], [x0]");
    FORM("ld1r {v0.4s}, [x0]");
    FORM("prfm pldl1keep, [x0]");
    FORM("dc zva, x0");
    if ((read_register(id_aa64isar0_el1) >> 20 & 15) == 2) {
        FORM("ldadd x1, x2, [x0]");
        FORM("swpb w1, w2, [x0]");
        FORM("stset w1, [x0]");
        FORM("cas x1, x2, [x0]");
    }
    if ((read_register(id_aa64isar1_el1) >> 20 & 15) != 0)
        FORM("ldapr x1, [x0]");
    if ((read_register(id_aa64isar1_el1) >> 20 & 15) >= 2) {
        FORM("ldapur x1, [x0, #8]");
        FORM("ldapursb w1, [x0, #8]");
        FORM("stlur w1, [x0, #4]");
    }
    if ((read_register(id_aa64mmfr1_el1) >> 16 & 15) != 0) {
        FORM("ldlar w1, [x0]");
        FORM("stllrb w1, [x0]");
    }
    stage2_off();
}
