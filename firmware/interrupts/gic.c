/* Distributor, redistributors and CPU interface set up plainly: Group 1, enabled, affinity routing. */
#include "gic.h"

void (*on_interrupt)(u32 is_fiq);

#define MAX_EVENTS 32
static struct {
    const char *what;
    u64 value;
} events[MAX_EVENTS];
static u32 event_count;

void note(const char *what, u64 value)
{
    if (event_count < MAX_EVENTS) {
        events[event_count].what = what;
        events[event_count].value = value;
        event_count++;
    }
}

void print_events(const char *name)
{
    print(name);
    print(":");
    for (u32 i = 0; i < event_count; i++)
        print_field(events[i].what, events[i].value);
    if (event_count == 0)
        print(" nothing");
    print("\n");
    event_count = 0;
}

void interrupt(u32 is_fiq)
{
    on_interrupt(is_fiq);
}

void install_vectors(void)
{
    extern char interrupt_vectors_el1[], interrupt_vectors_el2[];
    write_register(vbar_el1, interrupt_vectors_el1);
    if (home == 2) {
        write_register(vbar_el2, interrupt_vectors_el2);
        /* IRQ, FIQ and SError are EL2's own. */
        write_register(hcr_el2, HCR_RW | BIT(3) | BIT(4) | BIT(5));
    }
}

static u64 frame_of(u32 cpu, u32 intid)
{
    return intid < 32 ? GICR(cpu) + SGI_FRAME : GICD;
}

void enable(u32 cpu, u32 intid)
{
    *word(frame_of(cpu, intid) + GICD_ISENABLER + intid / 32 * 4) = 1u << intid % 32;
}

void disable(u32 cpu, u32 intid)
{
    *word(frame_of(cpu, intid) + GICD_ICENABLER + intid / 32 * 4) = 1u << intid % 32;
}

void set_priority(u32 cpu, u32 intid, u32 priority)
{
    *(volatile u8 *)(frame_of(cpu, intid) + GICD_IPRIORITYR + intid) = priority;
}

u32 is_pending(u32 cpu, u32 intid)
{
    return *word(frame_of(cpu, intid) + GICD_ISPENDR + intid / 32 * 4) >> intid % 32 & 1;
}

u32 is_active(u32 cpu, u32 intid)
{
    return *word(frame_of(cpu, intid) + GICD_ISACTIVER + intid / 32 * 4) >> intid % 32 & 1;
}

void gic_init(void)
{
    *word(GICD + GICD_CTLR) = 0;
    /* ARE, EnableGrp1, EnableGrp0; one Security state. */
    *word(GICD + GICD_CTLR) = 0x13;
    for (u32 i = 1; i < 8; i++) {
        *word(GICD + GICD_IGROUPR + 4 * i) = ~0u;
        *word(GICD + GICD_ICENABLER + 4 * i) = ~0u;
    }
}

void gic_init_cpu(u32 cpu)
{
    *word(GICR(cpu) + GICR_WAKER) = 0;
    while (*word(GICR(cpu) + GICR_WAKER) & 4) {
    }
    *word(GICR(cpu) + SGI_FRAME + GICD_IGROUPR) = ~0u;
    *word(GICR(cpu) + SGI_FRAME + GICD_ICENABLER) = ~0u;
    if (home == 2)
        write_register(icc_sre_el2, 0xf);
    write_register(icc_sre_el1, 7);
    write_register(icc_pmr_el1, 0xff);
    write_register(icc_bpr1_el1, 0);
    write_register(icc_ctlr_el1, 0);
    write_register(icc_igrpen1_el1, 1);
}

void send_to_self(u32 intid)
{
    write_register(icc_sgi1r_el1, (u64)intid << 24 | BIT(read_register(mpidr_el1) & 15));
    asm volatile("dsb sy\n\tisb" ::: "memory");
}
