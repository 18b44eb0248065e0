/* The other regimes: EL2, EL3, and EL2&0 of a VHE host. The code of the test itself runs under them. */
#include "space.h"
#include "groups.h"

#define LOAD CODE("ldr x0, [x0]")
#define STORE CODE("str x1, [x0]")
#define VA 0x80000000ul
/* One privilege level: AP[1] is RES1, and XN is where UXN is. */
#define ONE_LEVEL (NORMAL | SH_INNER | AF | AP_EL0)

static void own_tables_on(struct space *space)
{
    for (u64 at = (u64)space->root & ~0xfffffful; at < 0x44000000; at += 0x200000)
        map(space, at, at, 2, NORMAL | SH_INNER | AF | AP_EL0 | UXN);
}

static void common(struct space *space, u64 level, void (*invalidate)(void))
{
    u64 a = marked_page(0x1000), b = marked_page(0x1000);
    map(space, VA, a, 3, ONE_LEVEL | UXN);
    map(space, VA + 0x1000, a, 3, ONE_LEVEL | AP_RO);
    map(space, VA + 0x2000, a, 3, ONE_LEVEL);
    map(space, VA + 0x3000, a, 3, ONE_LEVEL & ~AF);
    map(space, VA + 0x4000, BIT(41) | a, 3, ONE_LEVEL);
    map(space, VA + 0x5000, a, 3, ONE_LEVEL & ~AP_EL0);
    invalidate();
    probe_value("page", level, LOAD, VA, 0);
    probe("XN, fetch", level, CODE("ret x0"), VA + 0x100, 0);
    probe("read-only, store", level, STORE, VA + 0x1000, 0);
    probe("read-only, fetch", level, CODE("ret x0"), VA + 0x1100, 0);
    probe("writable, fetch", level, CODE("ret x0"), VA + 0x2100, 0);
    probe("AP[1] clear, load", level, LOAD, VA + 0x5000, 0);
    probe("without AF", level, LOAD, VA + 0x3000, 0);
    probe("beyond the address size", level, LOAD, VA + 0x4000, 0);
    probe("unmapped, level 3", level, LOAD, VA + 0x6008, 0);
    probe("unmapped, level 2, store", level, STORE, VA + 0x1000000, 0);
    probe("unmapped, level 1, fetch", level, CODE("ret x0"), VA + 0x100000000ul, 0);
    probe("beyond the range", level, LOAD, 1ul << 39, 0);
    probe("upper half", level, LOAD, -0x1000ul, 0);
    probe("tagged", level, LOAD, VA | 0x33ul << 56, 0);
    probe("unaligned", level, LOAD, VA + 1, 0);
    probe("ldtr is ldr", level, CODE("ldtr x0, [x0]"), VA, 0);
    map(space, VA, b, 3, ONE_LEVEL | UXN);
    invalidate();
    probe_value("another page", level, LOAD, VA, 0);
}

static void drop_el2(void)
{
    asm volatile("dsb sy\n\ttlbi alle2\n\tdsb sy\n\tisb" ::: "memory");
}

static void drop_el3(void)
{
    asm volatile("dsb sy\n\ttlbi alle3\n\tdsb sy\n\tisb" ::: "memory");
}

void hypervisor_regime(void)
{
    struct space space = space_with_image(12, 39);
    u64 c = marked_page(0x1000);
    print("EL2\n");
    own_tables_on(&space);
    u64 tcr = tcr_of(&space) | 2ul << 16 | TCR_EL2_RES1;
    write_register(mair_el2, MAIR_VALUE);
    write_register(tcr_el2, tcr);
    write_register(ttbr0_el2, space.root);
    drop_el2();
    write_register(sctlr_el2, SCTLR_EL2_OFF | 1);
    common(&space, EL2, drop_el2);
    map(&space, VA, c, 3, ONE_LEVEL);
    asm volatile("tlbi vae2, %0\n\tdsb sy\n\tisb" ::"r"(VA >> 12));
    probe_value("after tlbi vae2", EL2, LOAD, VA, 0);
    asm volatile("at s1e2r, %0\n\tisb" ::"r"(VA));
    print_field("at s1e2r", read_register(par_el1) & ~BIT(9));
    asm volatile("at s1e2w, %0\n\tisb" ::"r"(VA + 0x1000));
    print_field("at s1e2w, read-only", read_register(par_el1));
    print("\n");
    write_register(sctlr_el2, SCTLR_EL2_OFF | 1 | BIT(19));
    drop_el2();
    probe("WXN, fetch", EL2, CODE("ret x0"), VA + 0x2100, 0);
    probe("WXN, read-only, fetch", EL2, CODE("ret x0"), VA + 0x1100, 0);
    write_register(sctlr_el2, SCTLR_EL2_OFF | 1 | BIT(1));
    drop_el2();
    probe("A, unaligned", EL2, LOAD, VA + 4, 0);
    write_register(sctlr_el2, SCTLR_EL2_OFF | 1);
    write_register(tcr_el2, tcr | BIT(20));
    drop_el2();
    probe_value("TBI, tagged", EL2, LOAD, VA | 0x33ul << 56, 0);
    probe_value("TBI, ret to a tagged address", EL2,
                CODE("adr x1, 1f\n orr x1, x1, x0\n ret x1\n 1: adr x0, 1b\n lsr x0, x0, #56"), 0x77ul << 56, 0);
    write_register(tcr_el2, tcr);
    write_register(sctlr_el2, SCTLR_EL2_OFF);
    drop_el2();
}

void monitor_regime(void)
{
    struct space space = space_with_image(12, 39);
    print("EL3\n");
    own_tables_on(&space);
    write_register(mair_el3, MAIR_VALUE);
    write_register(tcr_el3, tcr_of(&space) | 2ul << 16 | TCR_EL2_RES1);
    write_register(ttbr0_el3, space.root);
    drop_el3();
    write_register(sctlr_el3, SCTLR_EL3_OFF | 1);
    common(&space, EL3, drop_el3);
    asm volatile("at s1e3r, %0\n\tisb" ::"r"(VA));
    print_field("at s1e3r", read_register(par_el1));
    asm volatile("at s1e3w, %0\n\tisb" ::"r"(VA + 0x1000));
    print_field("at s1e3w, read-only", read_register(par_el1));
    print("\n");
    /* A Security state without EL2 has no maintenance of its regime. */
    write_register(scr_el3, SCR_OPEN & ~1ul);
    probe("Secure, at s1e2r", EL3, CODE("at s1e2r, x0"), VA, 0);
    probe("Secure, tlbi vae2", EL3, CODE("tlbi vae2, x0"), 0, 0);
    probe("Secure, tlbi alle2is", EL3, CODE("tlbi alle2is"), 0, 0);
    probe("Secure, tlbi alle1", EL3, CODE("tlbi alle1"), 0, 0);
    probe_value("Secure, at s12e1r", EL3, CODE("at s12e1r, x0\n isb\n mrs x0, par_el1\n and x0, x0, #1"), VA, 0);
    write_register(scr_el3, SCR_OPEN);
    write_register(sctlr_el3, SCTLR_EL3_OFF);
    drop_el3();
}

#define HOST (BIT(34) | BIT(27))

void host_regime(void)
{
    if ((read_register(id_aa64mmfr1_el1) >> 8 & 15) == 0)
        return;
    struct space low = space_with_image(12, 39), high = space_new(12, 39);
    u64 a = marked_page(0x1000), b = marked_page(0x1000), c = marked_page(0x1000);
    u64 high_va = -(1ul << 39) + 0x7000;
    print("EL2&0\n");
    /* In this regime AP[1] lets EL0 in, and EL2 does not execute what EL0 may write. */
    for (u64 at = 0x41000000; at < 0x44000000; at += 0x200000)
        map(&low, at, at, 2, NORMAL | SH_INNER | AF | PXN | UXN);
    map(&low, VA, a, 3, DATA | NG);
    map(&low, VA + 0x1000, a, 3, DATA & ~AP_EL0);
    map(&low, VA + 0x2000, a, 3, NORMAL | SH_INNER | AF | AP_EL0);
    map(&high, high_va, b, 3, DATA);
    write_register(hcr_el2, HCR_RW | HOST);
    write_register(cptr_el2, 3ul << 20);
    write_register(mair_el2, MAIR_VALUE);
    write_register(tcr_el2, tcr_of(&low) | tcr1_of(&high) | TCR_PS(2));
    write_register(ttbr0_el2, (u64)low.root | 1ul << 48);
    asm volatile("msr s3_4_c2_c0_1, %0\n\tisb" ::"r"(high.root));
    drop_el2();
    u64 sctlr = SCTLR_EL1_OFF | 1;
    write_register(sctlr_el2, sctlr);
    drop_el2();
    probe_value("page", EL0, LOAD, VA, 0);
    probe_value("page of the upper range", EL0, LOAD, high_va, 0);
    probe("page of EL2", EL0, LOAD, VA + 0x1000, 0);
    probe_value("page of EL2", EL2, LOAD, VA + 0x1000, 0);
    probe("fetch by EL2 of what EL0 may write", EL2, CODE("ret x0"), VA + 0x2100, 0);
    probe("fetch by EL0", EL0, CODE("ret x0"), VA + 0x2100, 0);
    probe("unmapped", EL0, LOAD, VA + 0x5000, 0);
    probe("unmapped, upper range", EL2, STORE, high_va + 0x1000, 0);
    probe("ldtr of a page of EL2", EL2, CODE("ldtr x0, [x0]"), VA + 0x1000, 0);
    probe_value("ldtr of a page of EL0", EL2, CODE("ldtr x0, [x0]"), VA, 0);
    probe("svc", EL0, CODE("svc #1"), 0, 0);
    probe("svc", EL2, CODE("svc #1"), 0, 0);
    probe("hvc", EL0, CODE("hvc #1"), 0, 0);
    probe("udf", EL0, CODE("udf #1"), 0, 0);
    probe("msr daifset", EL0, CODE("msr daifset, #1"), 0, 0);
    if ((read_register(id_aa64mmfr1_el1) >> 20 & 15) != 0) {
        probe("PAN", EL2 | 1ul << 22, LOAD, VA, 0);
        probe("PAN, page of EL2", EL2 | 1ul << 22, LOAD, VA + 0x1000, 0);
    }
    map(&low, VA, c, 3, DATA | NG);
    write_register(ttbr0_el2, (u64)low.root | 2ul << 48);
    probe_value("another ASID, another page", EL0, LOAD, VA, 0);
    asm volatile("tlbi aside1, %0\n\tdsb sy\n\tisb" ::"r"(1ul << 48));
    write_register(ttbr0_el2, (u64)low.root | 1ul << 48);
    probe_value("the first ASID after tlbi aside1", EL0, LOAD, VA, 0);
    asm volatile("at s1e1r, %0\n\tisb" ::"r"(VA + 0x1000));
    print_field("at s1e1r", read_register(par_el1) & ~BIT(9));
    asm volatile("at s1e0r, %0\n\tisb" ::"r"(VA + 0x1000));
    print_field("at s1e0r", read_register(par_el1));
    asm volatile("at s1e2r, %0\n\tisb" ::"r"(VA + 0x1000));
    print_field("at s1e2r", read_register(par_el1) & ~BIT(9));
    print("\n");
    /* EL1 names are EL2 registers here, and the _EL12 ones those of EL1. */
    probe_value("ttbr0_el1 is ttbr0_el2", EL2, CODE("mrs x0, ttbr0_el1\n mrs x1, ttbr0_el2\n sub x0, x0, x1"), 0, 0);
    probe_value("sctlr_el12", EL2, CODE("mrs x0, s3_5_c1_c0_0\n lsr x0, x0, #16"), 0, 0);
    probe_value("esr_el12", EL2, CODE("mov x0, #0x1234\n msr s3_5_c5_c2_0, x0\n mrs x0, esr_el1\n mrs x1, s3_5_c5_c2_0\n eor x0, x0, x1"), 0, 0);
    probe("sctlr_el12", EL0, CODE("mrs x0, s3_5_c1_c0_0"), 0, 0);
    write_register(sctlr_el2, SCTLR_EL1_OFF);
    write_register(hcr_el2, HCR_RW);
    write_register(cptr_el2, CPTR_EL2_OPEN);
    write_register(sctlr_el2, SCTLR_EL2_OFF);
    drop_el2();
    probe("sctlr_el12 without E2H", EL2, CODE("mrs x0, s3_5_c1_c0_0"), 0, 0);
}
