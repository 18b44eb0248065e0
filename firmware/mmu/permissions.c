/* Who may read, write and execute: AP, UXN, PXN, their table bits, WXN, PAN (DDI 0487, D8.4). */
#include "space.h"
#include "groups.h"

#define PAGE_VA 0x80000000ul
#define PAN (1ul << 22)

static void outcome(u64 pstate, const void *code)
{
    run(pstate, code, PAGE_VA, 0);
    print(" ");
    if (exception_count == 0) {
        print("ok");
        return;
    }
    /* EC and fault status. */
    print_hex(exceptions[0].esr >> 26, 2);
    print("/");
    print_hex(exceptions[0].esr & 0x7f, 2);
}

/* Read, write, execute at EL0, then EL1, then EL1's unprivileged read and write. */
static void outcomes(u64 el1)
{
    print(": EL0");
    outcome(EL0, CODE("ldr x1, [x0]"));
    outcome(EL0, CODE("str x1, [x0, #8]"));
    outcome(EL0, CODE("add x0, x0, #0x100\n ret x0"));
    print(", EL1");
    outcome(el1, CODE("ldr x1, [x0]"));
    outcome(el1, CODE("str x1, [x0, #8]"));
    outcome(el1, CODE("add x0, x0, #0x100\n ret x0"));
    print(", as EL0");
    outcome(el1, CODE("ldtr x1, [x0]"));
    outcome(el1, CODE("sttr x1, [x0, #8]"));
    print("\n");
}

static void bits(const char *name, u64 value)
{
    print(name);
    print_decimal(value);
}

static void pages(struct space *space, u64 page, u64 el1)
{
    for (u64 ap = 0; ap < 4; ap++) {
        for (u64 xn = 0; xn < 4; xn++) {
            map(space, PAGE_VA, page, 3, NORMAL | SH_INNER | AF | ap << 6 | xn << 53);
            tlbi_all_el1();
            bits("AP ", ap);
            bits(", UXN ", xn >> 1);
            bits(", PXN ", xn & 1);
            outcomes(el1);
        }
    }
}

static void pan(struct space *space, u64 page)
{
    if ((read_register(id_aa64mmfr1_el1) >> 20 & 15) == 0)
        return;
    print("PAN\n");
    pages(space, page, EL1 | PAN);
    map(space, PAGE_VA, page, 3, NORMAL | SH_INNER | AF | AP_EL0 | PXN);
    tlbi_all_el1();
    probe("PAN set by msr", EL1, CODE("msr pan, #1\n ldr x1, [x0]"), PAGE_VA, 0);
    probe("PAN cleared by msr", EL1 | PAN, CODE("msr pan, #0\n ldr x1, [x0]"), PAGE_VA, 0);
    probe("PAN by register", EL1, CODE("mov x1, #1 << 22\n msr pan, x1\n ldr x1, [x0]"), PAGE_VA, 0);
    probe("PAN, atomic", EL1 | PAN, CODE("ldxr x1, [x0]"), PAGE_VA, 0);
    probe_value("PAN in SPSR", EL1 | PAN, CODE("brk #1"), 0, 0);
    for (u64 span = 0; span < 2; span++) {
        write_register(sctlr_el1, (SCTLR_EL1_OFF & ~BIT(23)) | span << 23 | 1);
        bits("SPAN ", span);
        probe_value(", PAN in a handler", EL1,
                    CODE("mrs x9, vbar_el1\n adr x10, 2f\n add x10, x10, #0x800\n msr vbar_el1, x10\n isb\n svc #5\n"
                         "msr vbar_el1, x9\n isb\n b 4f\n .balign 0x800\n 2: nop\n .balign 0x800\n .skip 0x200\n"
                         "mrs x0, pan\n eret\n 4: nop"),
                    0, 0);
    }
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    asm volatile("at s1e1rp, %0\n\tisb" ::"r"(PAGE_VA));
    print_field("at s1e1rp without PAN, F", read_register(par_el1) & 1);
    print("\n");
    probe_value("at s1e1rp with PAN, PAR", EL1 | PAN, CODE("at s1e1rp, x0\n isb\n mrs x0, par_el1"), PAGE_VA, 0);
    probe_value("at s1e1r with PAN, F", EL1 | PAN, CODE("at s1e1r, x0\n isb\n mrs x0, par_el1\n and x0, x0, #1"), PAGE_VA, 0);
}

void permissions(void)
{
    struct space space = space_with_image(12, 39);
    u64 page = marked_page(0x1000);
    el1_on(&space, TCR_PS(2) | EPD1);
    pages(&space, page, EL1);

    print("WXN\n");
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1 | BIT(19));
    tlbi_all_el1();
    pages(&space, page, EL1);
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    tlbi_all_el1();

    /* Limits from the table above. */
    u64 *table = entry_at(&space, PAGE_VA, 2, 0);
    for (u64 limits = 0; limits < 16; limits++) {
        for (u64 ap = 0; ap < 2; ap++) {
            map(&space, PAGE_VA, page, 3, NORMAL | SH_INNER | AF | ap << 6);
            *table = (*table & ~(15ul << 59)) | limits << 59;
            tlbi_all_el1();
            bits("APTable ", limits >> 2);
            bits(", UXNTable ", limits >> 1 & 1);
            bits(", PXNTable ", limits & 1);
            bits(", AP ", ap);
            outcomes(EL1);
        }
    }
    if ((read_register(id_aa64mmfr1_el1) >> 12 & 15) != 0) {
        write_register(tcr_el1, tcr_of(&space) | TCR_PS(2) | EPD1 | BIT(41));
        tlbi_all_el1();
        print("HPD0");
        outcomes(EL1);
        write_register(tcr_el1, tcr_of(&space) | TCR_PS(2) | EPD1);
    }
    *table &= ~(15ul << 59);
    tlbi_all_el1();
    pan(&space, page);
    el1_off();
}
