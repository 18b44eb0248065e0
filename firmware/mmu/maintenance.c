/* ASIDs, and TLB maintenance by every instruction: what a changed table means before and after (DDI 0487, D8.14). */
#include "space.h"
#include "groups.h"

#define VA 0x80005000ul
#define LOAD CODE("ldr x0, [x0]")
#define ASID(n) ((u64)(n) << 48)

static void read_now(const char *name)
{
    probe_value(name, EL0, LOAD, VA, 0);
}

void identifiers(void)
{
    struct space one = space_with_image(12, 39), two = space_with_image(12, 39);
    u64 a = marked_page(0x1000), b = marked_page(0x1000), c = marked_page(0x1000);
    map(&one, VA, a, 3, DATA | NG);
    map(&two, VA, b, 3, DATA | NG);
    el1_on(&one, TCR_PS(2) | EPD1);
    write_register(ttbr0_el1, (u64)one.root | ASID(1));
    read_now("ASID 1");
    write_register(ttbr0_el1, (u64)two.root | ASID(2));
    read_now("ASID 2");
    write_register(ttbr0_el1, (u64)one.root | ASID(1));
    read_now("ASID 1 again");
    map(&two, VA, c, 3, DATA | NG);
    asm volatile("tlbi aside1, %0\n\tdsb sy\n\tisb" ::"r"(ASID(2)));
    read_now("ASID 1 after ASID 2 changed");
    write_register(ttbr0_el1, (u64)two.root | ASID(2));
    read_now("ASID 2, changed");
    /* Eight bits of ASID: the others do not count. */
    write_register(ttbr0_el1, (u64)two.root | ASID(0x0102));
    read_now("ASID 0x102 with eight bits");
    map(&two, VA, b, 3, DATA | NG);
    asm volatile("tlbi aside1, %0\n\tdsb sy\n\tisb" ::"r"(ASID(2)));
    read_now("after tlbi of ASID 2");
    map(&two, VA, c, 3, DATA | NG);
    asm volatile("tlbi aside1, %0\n\tdsb sy\n\tisb" ::"r"(ASID(0x0302)));
    read_now("after tlbi of ASID 0x302");
    /* The ASID from TTBR1. */
    write_register(tcr_el1, tcr_of(&one) | TCR_PS(2) | EPD1 | BIT(22));
    write_register(ttbr1_el1, ASID(5));
    tlbi_all_el1();
    read_now("A1, ASID 5");
    write_register(ttbr1_el1, ASID(6));
    write_register(ttbr0_el1, one.root);
    read_now("A1, ASID 6");
    write_register(ttbr1_el1, 0);
    el1_off();
}

/* The last operand of a range operation: one granule of 4K from an address. */
#define RANGE(va) ((1ul << 46) | ((va) >> 12 & 0x1fffffffful))

static struct space under_test;
static u64 old_page, new_page;

static void before(void)
{
    map(&under_test, VA, old_page, 3, DATA | NG);
    tlbi_all_el1();
    run(EL0, LOAD, VA, 0);
    map(&under_test, VA, new_page, 3, DATA | NG);
}

static void after(const char *name)
{
    print(name);
    if (exception_count)
        print_exceptions(0);
    run(EL0, LOAD, VA, 0);
    print(probe_results.x[0] == (new_page | 0xabc) ? ": new\n" : probe_results.x[0] == (old_page | 0xabc) ? ": old\n" : ": neither\n");
}

#define DROPS(level, name, operand)                                                                                    \
    do {                                                                                                               \
        before();                                                                                                      \
        run(level, CODE("dsb sy\n tlbi " name "\n dsb sy\n isb"), operand, 0);                                         \
        after("tlbi " name);                                                                                           \
    } while (0)

void maintenance(void)
{
    u64 by_va = ASID(7) | VA >> 12;
    under_test = space_with_image(12, 39);
    old_page = marked_page(0x1000);
    new_page = marked_page(0x1000);
    el1_on(&under_test, TCR_PS(2) | EPD1);
    write_register(ttbr0_el1, (u64)under_test.root | ASID(7));
    DROPS(EL1, "vmalle1", 0);
    DROPS(EL1, "vmalle1is", 0);
    DROPS(EL1, "vae1, x0", by_va);
    DROPS(EL1, "vae1is, x0", by_va);
    DROPS(EL1, "vale1, x0", by_va);
    DROPS(EL1, "vale1is, x0", by_va);
    DROPS(EL1, "vaae1, x0", VA >> 12);
    DROPS(EL1, "vaae1is, x0", VA >> 12);
    DROPS(EL1, "vaale1, x0", VA >> 12);
    DROPS(EL1, "vaale1is, x0", VA >> 12);
    DROPS(EL1, "aside1, x0", ASID(7));
    DROPS(EL1, "aside1is, x0", ASID(7));
    if ((read_register(id_aa64isar0_el1) >> 56 & 15) == 2) {
        DROPS(EL1, "rvae1, x0", ASID(7) | RANGE(VA - 0x1000));
        DROPS(EL1, "rvae1is, x0", ASID(7) | RANGE(VA - 0x1000));
        DROPS(EL1, "rvaale1os, x0", RANGE(VA - 0x1000));
        DROPS(EL1, "vmalle1os", 0);
        DROPS(EL1, "vae1os, x0", by_va);
    }
    if (home >= 2) {
        DROPS(EL2, "vmalle1", 0);
        DROPS(EL2, "vae1, x0", by_va);
        DROPS(EL2, "alle1", 0);
        DROPS(EL2, "alle1is", 0);
        DROPS(EL2, "vmalls12e1", 0);
        DROPS(EL2, "vmalls12e1is", 0);
    }

    /* A whole block goes with any address in it. */
    u64 block = 0x82000000, other = arena_alloc(0x200000, 0x200000), first = arena_alloc(0x200000, 0x200000);
    mark_page(first + 0x7000);
    mark_page(other + 0x7000);
    map(&under_test, block, first, 2, DATA);
    tlbi_all_el1();
    probe_value("block", EL0, LOAD, block + 0x7000, 0);
    map(&under_test, block, other, 2, DATA);
    asm volatile("tlbi vaae1, %0\n\tdsb sy\n\tisb" ::"r"((block + 0x1f0000) >> 12));
    probe_value("block after tlbi of another address in it", EL0, LOAD, block + 0x7000, 0);

    /* A page that goes, and one that comes: an entry that was no entry is not held. */
    map(&under_test, VA, old_page, 3, DATA);
    tlbi_all_el1();
    read_now("mapped");
    unmap(&under_test, VA, 3);
    asm volatile("tlbi vaae1, %0\n\tdsb sy\n\tisb" ::"r"(VA >> 12));
    read_now("unmapped");
    map(&under_test, VA, new_page, 3, DATA);
    asm volatile("isb");
    read_now("mapped again, no tlbi");
    map(&under_test, VA, new_page, 3, DATA | AP_RO);
    asm volatile("tlbi vaae1, %0\n\tdsb sy\n\tisb" ::"r"(VA >> 12));
    probe("read-only now", EL0, CODE("str x0, [x0]"), VA, 0);
    map(&under_test, VA, new_page, 3, DATA);
    asm volatile("tlbi vaae1, %0\n\tdsb sy\n\tisb" ::"r"(VA >> 12));
    probe("writable again", EL0, CODE("str x1, [x0]"), VA, new_page | 0xabc);

    /* Contiguous entries, and turning translation off and on. */
    u64 run_of_pages = arena_alloc(0x10000, 0x10000);
    for (u64 i = 0; i < 16; i++) {
        mark_page(run_of_pages + i * 0x1000);
        map(&under_test, 0x80010000 + i * 0x1000, run_of_pages + i * 0x1000, 3, DATA | CONTIGUOUS);
    }
    tlbi_all_el1();
    probe_value("contiguous, first", EL0, LOAD, 0x80010000, 0);
    probe_value("contiguous, last", EL0, LOAD, 0x8001f000, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    probe_value("translation off", EL0, LOAD, new_page, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    probe_value("translation on", EL0, LOAD, 0x8001f000, 0);
    el1_off();
}

/* PAR_EL1.NS is UNKNOWN in Non-secure state. */
static u64 known(u64 par)
{
    return par & 1 ? par : par & ~BIT(9);
}

#define TRANSLATE(operation, va)                                                                                       \
    do {                                                                                                               \
        asm volatile("at " operation ", %0\n\tisb" ::"r"(va) : "memory");                                              \
        print("at " operation);                                                                                        \
        print_field("va", va);                                                                                         \
        print_field("par", known(read_register(par_el1)));                                                                    \
        print("\n");                                                                                                   \
    } while (0)

void address_translation(void)
{
    struct space space = space_with_image(12, 39);
    u64 page = marked_page(0x1000);
    static const u64 attributes[] = {
        DATA, DATA & ~AP_EL0, DATA | AP_RO, (DATA | AP_RO) & ~AP_EL0, DATA & ~AF,
        NON_CACHEABLE | AF | AP_EL0, DEVICE | AF | AP_EL0, ATTR(3) | AF | AP_EL0, DATA & ~SH_INNER,
    };
    u64 va = 0x80000000;
    for (u64 i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        map(&space, va + i * 0x1000, page, 3, attributes[i]);
    el1_on(&space, TCR_PS(2) | EPD1);
    for (u64 i = 0; i < sizeof attributes / sizeof attributes[0] + 1; i++, va += 0x1000) {
        TRANSLATE("s1e1r", va);
        TRANSLATE("s1e1w", va);
        TRANSLATE("s1e0r", va);
        TRANSLATE("s1e0w", va);
        if (home >= 2) {
            TRANSLATE("s12e1r", va);
            TRANSLATE("s12e1w", va);
            TRANSLATE("s12e0r", va);
            TRANSLATE("s12e0w", va);
        }
    }
    TRANSLATE("s1e1r", 0xc0000000ul);
    TRANSLATE("s1e1r", 1ul << 40);
    TRANSLATE("s1e1w", -8ul);
    if (home >= 2) {
        u64 *entry = entry_at(&space, 0x80000000ul, 2, 0), kept = *entry;
        *entry = 0x0b800000 | VALID | TABLE_OR_PAGE;
        tlbi_all_el1();
        probe("at s1e1r through a table where nothing is", EL1, CODE("at s1e1r, x0"), 0x80000000, 0);
        *entry = kept;
        tlbi_all_el1();
    }
    probe_value("at s1e0r at EL1", EL1, CODE("at s1e0r, x0\n isb\n mrs x0, par_el1\n and x0, x0, #~0x200"), 0x80000000, 0);
    el1_off();
    TRANSLATE("s1e1r", page);
    TRANSLATE("s1e0w", page);
}
