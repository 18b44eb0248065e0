/* Accesses that cross pages, that are not aligned, cache maintenance by address, code that changes. */
#include "space.h"
#include "groups.h"

#define FIRST 0x80000000ul
#define SECOND 0x80001000ul

/* FAR, and that a faulting instruction left x0 as it was. */
static void crossing(const char *name, const void *code, u64 va)
{
    probe(name, EL0, code, va, 0x1122334455667788);
    if (probe_results.x[0] != va) {
        print("  x0 was");
        print_field("changed to", probe_results.x[0]);
        print("\n");
    }
}

#define CROSSING(instruction, va) crossing(instruction, CODE(instruction), va)

static void all_crossings(void)
{
    CROSSING("ldr x2, [x0]", SECOND - 4);
    CROSSING("ldr w2, [x0]", SECOND - 1);
    CROSSING("ldrh w2, [x0]", SECOND - 1);
    CROSSING("ldrsw x2, [x0]", SECOND - 2);
    CROSSING("ldr x2, [x0], #16", SECOND - 7);
    CROSSING("ldp x2, x3, [x0]", SECOND - 8);
    CROSSING("ldp x2, x3, [x0]", SECOND - 12);
    CROSSING("ldp x2, x3, [x0], #32", SECOND - 8);
    CROSSING("ldp w2, w3, [x0]", SECOND - 4);
    CROSSING("ldr q0, [x0]", SECOND - 8);
    CROSSING("ldp q0, q1, [x0]", SECOND - 16);
    CROSSING("ld1 {v0.16b, v1.16b}, [x0]", SECOND - 20);
    CROSSING("ld4 {v0.4s, v1.4s, v2.4s, v3.4s}, [x0]", SECOND - 16);
    CROSSING("ld1 {v0.s}[1], [x0]", SECOND - 2);
    CROSSING("str x1, [x0]", SECOND - 4);
    CROSSING("str w1, [x0]", SECOND - 1);
    CROSSING("strh w1, [x0]", SECOND - 1);
    CROSSING("str x1, [x0, #-8]!", SECOND + 4);
    CROSSING("stp x1, x1, [x0]", SECOND - 8);
    CROSSING("stp x1, x1, [x0]", SECOND - 12);
    CROSSING("str q0, [x0]", SECOND - 8);
    CROSSING("stp q0, q1, [x0]", SECOND - 16);
    CROSSING("st1 {v0.16b, v1.16b}, [x0]", SECOND - 20);
}

void crossings(void)
{
    struct space space = space_with_image(12, 39);
    u64 a = marked_page(0x1000), gap = marked_page(0x1000), b = marked_page(0x1000);
    (void)gap;
    el1_on(&space, TCR_PS(2) | EPD1);
    print("second page unmapped\n");
    map(&space, FIRST, a, 3, DATA);
    all_crossings();
    print("words before the border:");
    print_field("", *(volatile u64 *)(a + 0xff0));
    print_field("", *(volatile u64 *)(a + 0xff8));
    print("\nfirst page unmapped\n");
    unmap(&space, FIRST, 3);
    map(&space, SECOND, b, 3, DATA);
    tlbi_all_el1();
    all_crossings();
    print("second page read-only\n");
    map(&space, FIRST, a, 3, DATA);
    map(&space, SECOND, b, 3, DATA | AP_RO);
    tlbi_all_el1();
    CROSSING("ldr x2, [x0]", SECOND - 4);
    CROSSING("str x1, [x0]", SECOND - 4);
    CROSSING("stp x1, x1, [x0]", SECOND - 12);
    print("both pages, apart in memory\n");
    map(&space, SECOND, b, 3, DATA);
    tlbi_all_el1();
    probe_value("str, ldr over the border", EL0, CODE("str x1, [x0]\n ldr x0, [x0]"), SECOND - 3, 0x1122334455667788);
    print_field("before", *(volatile u64 *)(a + 0xff8));
    print_field("after", *(volatile u64 *)b);
    print("\n");
    probe_value("ldp over the border", EL0, CODE("ldp x1, x0, [x0]\n eor x0, x0, x1, ror #8"), SECOND - 11, 0);

    print("SCTLR_EL1.A\n");
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1 | BIT(1));
    CROSSING("ldr x2, [x0]", FIRST + 4);
    CROSSING("ldrh w2, [x0]", FIRST + 1);
    CROSSING("ldrb w2, [x0]", FIRST + 1);
    CROSSING("ldp x2, x3, [x0]", FIRST + 8);
    CROSSING("ldp x2, x3, [x0]", FIRST + 4);
    CROSSING("ldr q0, [x0]", FIRST + 8);
    CROSSING("ld1 {v0.16b}, [x0]", FIRST + 1);
    CROSSING("ld1 {v0.8h}, [x0]", FIRST + 1);
    CROSSING("str w1, [x0]", FIRST + 2);
    CROSSING("stp w1, w1, [x0]", FIRST + 2);
    CROSSING("ldr x2, [x0]", FIRST + 0x10004);
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    tlbi_all_el1();
    CROSSING("ldr x2, [x0]", FIRST + 4);
    CROSSING("ldxr x2, [x0]", FIRST + 4);
    CROSSING("ldxr x2, [x0]", FIRST + 0x10004);
    CROSSING("ldar w2, [x0]", FIRST + 2);
    CROSSING("stlr w1, [x0]", FIRST + 2);
    CROSSING("ldxp x2, x3, [x0]", FIRST + 8);
    CROSSING("stxr w2, x1, [x0]", FIRST + 0x10000);
    CROSSING("stlxp w2, x1, x1, [x0]", FIRST + 0x10008);

    if ((read_register(id_aa64isar0_el1) >> 20 & 15) == 2) {
        print("atomics\n");
        map(&space, SECOND, b, 3, DATA | AP_RO);
        tlbi_all_el1();
        CROSSING("swp x1, x2, [x0]", FIRST);
        CROSSING("swp x1, x2, [x0]", FIRST + 4);
        CROSSING("ldadd x1, x2, [x0]", SECOND);
        CROSSING("ldset w1, w2, [x0]", SECOND + 0x10000);
        CROSSING("cas x1, x2, [x0]", SECOND + 8);
        CROSSING("casal w1, w2, [x0]", SECOND + 0x10004);
        CROSSING("casp x2, x3, x4, x5, [x0]", SECOND);
        CROSSING("casp x2, x3, x4, x5, [x0]", SECOND + 0x10000);
        CROSSING("casp w2, w3, w4, w5, [x0]", SECOND + 4);
        map(&space, SECOND, b, 3, DATA);
        tlbi_all_el1();
    }

    /* Instructions that end in a page that is not there, or may not be executed. */
    u64 code = marked_page(0x1000);
    *(volatile u32 *)(code + 0xff8) = 0xd503201f;
    *(volatile u32 *)(code + 0xffc) = 0xd503201f;
    map(&space, FIRST, code, 3, NORMAL | AF | SH_INNER | AP_EL0 | AP_RO);
    tlbi_all_el1();
    probe("running into data", EL0, CODE("add x0, x0, #0xff8\n ret x0"), FIRST, 0);
    unmap(&space, SECOND, 3);
    tlbi_all_el1();
    probe("running into nothing", EL0, CODE("add x0, x0, #0xff8\n ret x0"), FIRST, 0);
    probe("running into nothing", EL1, CODE("add x0, x0, #0xffc\n ret x0"), FIRST, 0);
    el1_off();
}

void cache_operations(void)
{
    struct space space = space_with_image(12, 39);
    u64 page = marked_page(0x1000);
    map(&space, FIRST, page, 3, DATA);
    map(&space, SECOND, page, 3, DATA | AP_RO);
    map(&space, FIRST + 0x2000, page, 3, DATA & ~AP_EL0);
    el1_on(&space, TCR_PS(2) | EPD1);
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1 | BIT(14) | BIT(26));
    probe_value("dc zva", EL0, CODE("str x1, [x0, #72]\n add x1, x0, #100\n dc zva, x1\n ldr x0, [x0, #72]"), FIRST, 1);
    probe("dc zva, read-only", EL0, CODE("dc zva, x0"), SECOND + 0x40, 0);
    probe("dc zva, unmapped", EL0, CODE("dc zva, x0"), FIRST + 0x5000, 0);
    probe("dc zva, unmapped, inside a block", EL0, CODE("dc zva, x0"), FIRST + 0x5024, 0);
    probe("dc zva, of EL1", EL0, CODE("dc zva, x0"), FIRST + 0x2000, 0);
    probe("dc cvac", EL0, CODE("dc cvac, x0"), SECOND, 0);
    probe("dc cvac, unmapped", EL0, CODE("dc cvac, x0"), FIRST + 0x5008, 0);
    probe("dc civac, unmapped", EL1, CODE("dc civac, x0"), FIRST + 0x5010, 0);
    probe("dc cvau, of EL1", EL0, CODE("dc cvau, x0"), FIRST + 0x2000, 0);
    probe("dc ivac, read-only", EL1, CODE("dc ivac, x0"), SECOND, 0);
    probe("dc ivac", EL1, CODE("dc ivac, x0"), FIRST, 0);
    probe("ic ivau, unmapped", EL0, CODE("ic ivau, x0"), FIRST + 0x5000, 0);
    probe("prfm, unmapped", EL0, CODE("prfm pldl1keep, [x0]"), FIRST + 0x5000, 0);
    el1_off();
}

#define MOV_X0(n) (0xd2800000u | (u32)(n) << 5)
#define RWX (NORMAL | SH_INNER | AF | UXN)

static void write_code(u64 at, u32 first, u32 second)
{
    ((volatile u32 *)at)[0] = first;
    ((volatile u32 *)at)[1] = second;
}

void changing_code(void)
{
    struct space space = space_with_image(12, 39);
    u64 a = marked_page(0x1000), b = marked_page(0x1000);
    write_code(a, MOV_X0(1), SVC_PROBE_END);
    write_code(b, MOV_X0(2), SVC_PROBE_END);
    map(&space, FIRST, a, 3, RWX);
    map(&space, SECOND, a, 3, NORMAL | SH_INNER | AF | PXN | UXN);
    el1_on(&space, TCR_PS(2) | EPD1);
    const void *call = CODE("ret x0");
    probe_value("code", EL1, call, FIRST, 0);
    /* Changed by a store through the same page at the same level, then maintained as the architecture asks. */
    const void *store_and_call = CODE("str w1, [x0]\n dc cvau, x0\n dsb ish\n ic ivau, x0\n dsb ish\n isb\n ret x0");
    probe_value("code, changed", EL1, store_and_call, FIRST, MOV_X0(3));
    probe_value("code, changed again", EL1, store_and_call, FIRST, MOV_X0(4));
    probe_value("code, changed through another address", EL1,
                CODE("add x0, x0, #0x1000\n str w1, [x0]\n dc cvau, x0\n dsb ish\n sub x0, x0, #0x1000\n ic ivau, x0\n dsb ish\n isb\n ret x0"),
                FIRST, MOV_X0(5));
    *(volatile u32 *)a = MOV_X0(6);
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
    probe_value("code, changed from outside", EL1, call, FIRST, 0);
    /* An instruction that changes the one three ahead. */
    probe_value("changing what is next", EL1,
                CODE("mov x5, x0\n adr x2, 1f\n adr x3, 2f\n ldp x6, x7, [x2]\n stp x6, x7, [x0]\n ldp x6, x7, [x2, #16]\n"
                     "stp x6, x7, [x0, #16]\n ldp x6, x7, [x2, #32]\n stp x6, x7, [x0, #32]\n"
                     "ic iallu\n dsb sy\n isb\n ret x0\n"
                     "1: str w1, [x5, #28]\n add x2, x5, #28\n dc cvau, x2\n dsb ish\n ic ivau, x2\n dsb ish\n isb\n 2: mov x0, #7\n"
                     "svc #0xfff0\n nop\n nop\n nop"),
                FIRST, MOV_X0(8));
    /* Data on the page of the code that writes it: 1000 times. */
    probe_value("data on its own page", EL1,
                CODE("mov x5, x0\n adr x2, 1f\n ldp x6, x7, [x2]\n stp x6, x7, [x0]\n ldp x6, x7, [x2, #16]\n"
                     "stp x6, x7, [x0, #16]\n ldp x6, x7, [x2, #32]\n stp x6, x7, [x0, #32]\n str xzr, [x0, #0x800]\n"
                     "mov x3, #1000\n ic iallu\n dsb sy\n isb\n ret x0\n"
                     "1: ldr x4, [x5, #0x800]\n add x4, x4, #3\n str x4, [x5, #0x800]\n str w4, [x5, #0x7f0]\n"
                     "sub x3, x3, #1\n cbnz x3, 1b\n ldr x0, [x5, #0x800]\n svc #0xfff0\n nop\n nop\n nop\n nop"),
                FIRST, 0);
    write_code(a, MOV_X0(9), SVC_PROBE_END);
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
    probe_value("before the address gets another page", EL1, call, FIRST, 0);
    map(&space, FIRST, b, 3, RWX);
    asm volatile("tlbi vaae1, %0\n\tdsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::"r"(FIRST >> 12));
    probe_value("after", EL1, call, FIRST, 0);
    /* A page that tears away the ground under itself: it can write its own descriptor. */
    u64 descriptor = (u64)entry_at(&space, FIRST, 3, 0);
    map(&space, descriptor & ~0xffful, descriptor & ~0xffful, 3, NORMAL | SH_INNER | AF | PXN | UXN);
    probe("unmapping the page that runs", EL1,
          CODE("adr x2, 1f\n ldp x6, x7, [x2]\n stp x6, x7, [x0]\n ldp x6, x7, [x2, #16]\n stp x6, x7, [x0, #16]\n"
               "ic iallu\n dsb sy\n isb\n lsr x5, x0, #12\n ret x0\n"
               "1: str xzr, [x1]\n dsb sy\n tlbi vaae1, x5\n dsb sy\n isb\n nop\n nop\n nop"),
          FIRST, descriptor);
    el1_off();
}
