/* The generic timer (DDI 0487, D11): comparison, status, masks, offsets, delivery; nothing that depends on speed. */
#include "gic.h"

#define ENABLE 1
#define IMASK 2
#define ISTATUS 4
#define FOREVER ~0ul

#define VIRTUAL_PPI 27
#define PHYSICAL_PPI 30
#define HYPERVISOR_PPI 26

/* The same checks on each timer; registers by name. */
#define CHECK(title, ctl, cval, tval, count, intid)                                                                    \
    do {                                                                                                               \
        set_priority(0, intid, 0x80);                                                                                  \
        enable(0, intid);                                                                                              \
        write_register(ctl, 0);                                                                                        \
        write_register(cval, 0);                                                                                       \
        note("off", read_register(ctl));                                                                               \
        note("pending", is_pending(0, intid));                                                                         \
        write_register(ctl, ENABLE | IMASK);                                                                           \
        note("masked", read_register(ctl));                                                                            \
        note("pending", is_pending(0, intid));                                                                         \
        write_register(ctl, ENABLE);                                                                                   \
        note("on", read_register(ctl));                                                                                \
        note("pending", is_pending(0, intid));                                                                         \
        note("isr", read_register(isr_el1));                                                                           \
        note("iar", acknowledge());                                                                                    \
        write_register(cval, FOREVER >> 1);                                                                            \
        note("later", read_register(ctl));                                                                             \
        note("pending", is_pending(0, intid));                                                                         \
        end(intid);                                                                                                    \
        note("iar", acknowledge());                                                                                    \
        print_events(title);                                                                                           \
        write_register(cval, 0);                                                                                       \
        note("tval of the past is negative", read_register(tval) >> 31 & 1);                                           \
        write_register(tval, 1u << 30);                                                                                \
        note("of the future is not", read_register(tval) >> 31 & 1);                                                   \
        note("status", read_register(ctl));                                                                            \
        u64 ahead = read_register(cval) - read_register(count);                                                        \
        note("ahead by nearly", ahead <= (1u << 30) && ahead > (1u << 29));                                            \
        write_register(tval, -5);                                                                                      \
        note("negative tval: status", read_register(ctl));                                                             \
        write_register(ctl, 0);                                                                                        \
        print_events(title ", tval");                                                                                  \
        /* In a moment: the CPU waits for it. */                                                                       \
        write_register(tval, 2000);                                                                                    \
        write_register(ctl, ENABLE);                                                                                   \
        while (!(read_register(isr_el1) & 0x80))                                                                       \
            wait_for_interrupt();                                                                                      \
        note("status", read_register(ctl));                                                                            \
        note("not too early", (long)(read_register(count) - read_register(cval)) >= 0);                                \
        note("iar", acknowledge());                                                                                    \
        write_register(ctl, 0);                                                                                        \
        end(intid);                                                                                                    \
        disable(0, intid);                                                                                             \
        print_events(title ", wfi");                                                                                   \
    } while (0)

static void ticked(u32 is_fiq)
{
    u32 intid = acknowledge();
    note(is_fiq ? "fiq" : "irq", intid);
    if (intid == VIRTUAL_PPI)
        write_register(cntv_ctl_el0, 0);
    if (intid == PHYSICAL_PPI)
        write_register(cntp_ctl_el0, 0);
    if (intid < SPURIOUS)
        end(intid);
}

static void both(void)
{
    on_interrupt = ticked;
    enable(0, VIRTUAL_PPI);
    enable(0, PHYSICAL_PPI);
    write_register(cntv_tval_el0, 40000);
    write_register(cntp_tval_el0, 4000);
    write_register(cntv_ctl_el0, ENABLE);
    write_register(cntp_ctl_el0, ENABLE);
    while (read_register(cntv_ctl_el0) & ENABLE)
        take_interrupts();
    print_events("physical first, then virtual");
    u64 before = read_register(cntvct_el0);
    for (u32 i = 0; i < 3; i++) {
        write_register(cntv_tval_el0, 3000);
        write_register(cntv_ctl_el0, ENABLE);
        while (read_register(cntv_ctl_el0) & ENABLE)
            take_interrupts();
    }
    note("time passed", read_register(cntvct_el0) - before >= 9000);
    print_events("three ticks");
    disable(0, VIRTUAL_PPI);
    disable(0, PHYSICAL_PPI);
}

void timers(void)
{
    note("cntfrq", read_register(cntfrq_el0));
    u64 first = read_register(cntvct_el0);
    asm volatile("isb");
    note("does not go back", read_register(cntvct_el0) >= first);
    print_events("counter");
    CHECK("virtual timer", cntv_ctl_el0, cntv_cval_el0, cntv_tval_el0, cntvct_el0, VIRTUAL_PPI);
    CHECK("physical timer", cntp_ctl_el0, cntp_cval_el0, cntp_tval_el0, cntpct_el0, PHYSICAL_PPI);
    both();
    if (home < 2)
        return;
    CHECK("hypervisor timer", cnthp_ctl_el2, cnthp_cval_el2, cnthp_tval_el2, cntpct_el0, HYPERVISOR_PPI);
    write_register(cntvoff_el2, 1ul << 40);
    u64 apart = read_register(cntpct_el0) - read_register(cntvct_el0);
    note("physical is ahead by", (apart + BIT(39)) >> 40);
    enable(0, VIRTUAL_PPI);
    write_register(cntv_cval_el0, 0);
    write_register(cntv_ctl_el0, ENABLE);
    note("virtual time is below zero: status", read_register(cntv_ctl_el0));
    write_register(cntvoff_el2, 0);
    note("not any more", read_register(cntv_ctl_el0));
    note("iar", acknowledge());
    write_register(cntv_ctl_el0, 0);
    end(VIRTUAL_PPI);
    disable(0, VIRTUAL_PPI);
    print_events("cntvoff_el2");
}
