/* The Secure physical address space: who reaches what, and by which translation (DDI 0487, D8.4.3). */
#include "monitor.h"

static void reach(const char *name, u64 address)
{
    const void *load = CODE("ldr w0, [x0]");
    write_register(scr_el3, SCR_SECURE | SCR_NS);
    probe_value(name, EL2, load, address, 0);
    probe_value(name, EL1, load, address, 0);
    write_register(scr_el3, SCR_SECURE);
    print("Secure ");
    probe_value(name, EL1, load, address, 0);
    write_register(scr_el3, SCR_SECURE | SCR_NS);
    probe_value(name, EL3, load, address, 0);
}

static u64 tables[3][512] __attribute__((aligned(4096)));

#define TABLE 3
#define BLOCK 1
#define AF BIT(10)
#define NS BIT(5)
#define NS_TABLE BIT(63)
#define USER BIT(6)

/*
 * 1 GiB blocks flat, but 0xc0000000 is a table of 2 MiB blocks: Secure RAM at 0, by NS = 0 and NS = 1 at 2 and 4 MiB.
 */
static void map(u64 table_bits)
{
    tables[0][0] = 0 | BLOCK | AF;
    tables[0][1] = 0x40000000 | BLOCK | AF;
    tables[0][3] = (u64)tables[1] | TABLE | table_bits;
    tables[1][0] = SECURE_RAM | BLOCK | AF;
    tables[1][1] = SECURE_RAM | BLOCK | AF | NS;
    tables[1][2] = 0x41000000 | BLOCK | AF;
    tables[1][3] = 0x41000000 | BLOCK | AF | NS;
}

/* 32 bits of address, 4 KiB pages, 40 bits of physical address. */
#define TCR (32 | 2ul << 32 | BIT(23))

static void through(const char *name, u64 scr, u64 table_bits)
{
    map(table_bits);
    write_register(scr_el3, scr);
    write_register(mair_el1, 0xff);
    write_register(tcr_el1, TCR);
    write_register(ttbr0_el1, tables);
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    asm volatile("tlbi alle1\n\tdsb sy\n\tisb" ::: "memory");
    print(name);
    print("\n");
    const void *load = CODE("ldr w0, [x0]");
    probe_value("  Secure RAM", EL1, load, 0xc0000100, 0);
    probe_value("  Secure RAM by NS", EL1, load, 0xc0200100, 0);
    probe_value("  RAM", EL1, load, 0xc0400100, 0);
    probe_value("  RAM by NS", EL1, load, 0xc0600100, 0);
    probe_value("  at", EL1, CODE("at s1e1r, x0\n isb\n mrs x0, par_el1\n and x0, x0, #0xfffffffff000"), 0xc0200100, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(scr_el3, SCR_SECURE | SCR_NS);
}

void secure_memory(void)
{
    *word(SECURE_RAM + 0x100) = 0x5ec;
    *word(0x41000100) = 0x123;
    reach("Secure RAM", SECURE_RAM + 0x100);
    reach("end of Secure RAM", SECURE_RAM + 0xfffffc);
    reach("behind it", SECURE_RAM + 0x1000000);
    reach("flash 0", 0x800000);
    reach("flash 1", 0x4000000);
    reach("Secure UART", SECURE_UART + 0xfe0);
    reach("Secure GPIO", SECURE_GPIO + 0x400);
    reach("RAM", 0x41000100);
    through("Secure EL1, translated", SCR_SECURE, 0);
    through("Secure EL1, NSTable", SCR_SECURE, NS_TABLE);
    through("Non-secure EL1, translated", SCR_SECURE | SCR_NS, 0);
    /* The same addresses and ASID in both worlds, and no TLB maintenance between them. */
    map(0);
    tables[2][0] = tables[0][0];
    tables[2][1] = tables[0][1];
    tables[2][3] = 0x40000000 | BLOCK | AF;
    *word(0x40000100) = 0x456;
    write_register(sctlr_el1, SCTLR_EL1_OFF | 1);
    for (u32 i = 0; i < 2; i++) {
        write_register(scr_el3, SCR_SECURE);
        write_register(ttbr0_el1, tables);
        probe_value("Secure, ASID 0", EL1, CODE("ldr w0, [x0]"), 0xc0000100, 0);
        write_register(scr_el3, SCR_SECURE | SCR_NS);
        write_register(ttbr0_el1, tables[2]);
        probe_value("Non-secure, ASID 0", EL1, CODE("ldr w0, [x0]"), 0xc0000100, 0);
    }
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(scr_el3, SCR_SECURE | SCR_NS | BIT(9));
    run(EL2, CODE("nop"), 0, 0);
    write_register(scr_el3, SCR_SECURE | SCR_NS);
}

/* CNTPS_*_EL1: EL3's, and Secure EL1's with SCR_EL3.ST; INTID 29. */
void secure_timer(void)
{
    *word(GICR(0) + SGI_FRAME + GICD_ISENABLER) = BIT(29);
    write_register(scr_el3, SCR_SECURE | SCR_ST);
    const void *expire = CODE("mov x1, #0\n msr cntps_tval_el1, x1\n mov x1, #1\n msr cntps_ctl_el1, x1\n isb\n"
                              "1: mrs x0, cntps_ctl_el1\n tbz x0, #2, 1b\n dsb sy\n wfi\n mrs x0, isr_el1");
    probe_value("Secure timer", EL1, expire, 0, 0);
    print_field("  IAR1", read_register(icc_iar1_el1));
    write_register(cntps_ctl_el1, 0);
    write_register(icc_eoir1_el1, 29);
    print_field("after", read_register(icc_iar1_el1));
    print("\n");
    write_register(scr_el3, SCR_SECURE);
    probe("Secure timer without SCR_EL3.ST", EL1, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    write_register(scr_el3, SCR_SECURE | SCR_NS | SCR_ST);
    probe("Secure timer, Non-secure", EL1, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    probe("Secure timer, Non-secure", EL2, CODE("mrs x0, cntps_ctl_el1"), 0, 0);
    write_register(scr_el3, SCR_SECURE | SCR_NS);
}
