/* SGIs, PPIs and SPIs on one CPU: pending, priorities, preemption, both ends of an interrupt, levels and edges. */
#include "gic.h"

static void identification(void)
{
    print_field("GICD_PIDR2.ArchRev", *word(GICD + GICD_PIDR2) >> 4 & 15);
    print_field("GICD_CTLR", *word(GICD + GICD_CTLR) & 0x73);
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        print_field("GICR_TYPER.Last", *word(GICR(cpu) + GICR_TYPER) >> 4 & 1);
        print_field("Affinity", *word(GICR(cpu) + GICR_TYPER + 4));
    }
    print_field("ICC_SRE_EL1", read_register(icc_sre_el1));
    print_field("ICC_CTLR_EL1.PRIbits", read_register(icc_ctlr_el1) >> 8 & 7);
    print("\n");
}

static void software_interrupts(void)
{
    for (u32 intid = 0; intid < 16; intid += 5) {
        send_to_self(intid);
        note("disabled, pending", is_pending(0, intid));
        note("hppir", read_register(icc_hppir1_el1));
        enable(0, intid);
        note("enabled, hppir", read_register(icc_hppir1_el1));
        note("isr", read_register(isr_el1));
        note("iar", acknowledge());
        note("pending", is_pending(0, intid));
        note("active", is_active(0, intid));
        note("rpr", read_register(icc_rpr_el1));
        note("second iar", acknowledge());
        end(intid);
        note("ended, active", is_active(0, intid));
        note("rpr", read_register(icc_rpr_el1));
        print_events("sgi");
    }
    /* Pending while active. */
    send_to_self(5);
    note("iar", acknowledge());
    send_to_self(5);
    note("pending", is_pending(0, 5));
    note("iar", acknowledge());
    end(5);
    note("iar", acknowledge());
    end(5);
    note("iar", acknowledge());
    print_events("sgi sent again while active");
    send_to_self(5);
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << 5;
    note("iar", acknowledge());
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = 1u << 5;
    note("iar", acknowledge());
    end(5);
    print_events("sgi by pending registers");
}

static void priorities(void)
{
    static const u8 priority[] = {0xa0, 0x40, 0x80, 0xc0};
    for (u32 i = 0; i < 4; i++) {
        set_priority(0, i, priority[i]);
        enable(0, i);
        send_to_self(i);
    }
    for (u32 i = 0; i < 5; i++) {
        u32 intid = acknowledge();
        note("iar", intid);
        note("rpr", read_register(icc_rpr_el1));
        if (intid < SPURIOUS)
            end(intid);
    }
    print_events("by priority");
    for (u32 i = 0; i < 4; i++)
        send_to_self(i);
    for (u32 mask = 0x30; mask <= 0xd0; mask += 0x20) {
        write_register(icc_pmr_el1, mask);
        note("pmr", mask);
        note("isr", read_register(isr_el1));
        u32 intid = acknowledge();
        note("iar", intid);
        if (intid < SPURIOUS)
            end(intid);
    }
    write_register(icc_pmr_el1, 0xff);
    print_events("by mask");
    set_priority(0, 1, 0x80);
    set_priority(0, 2, 0x80);
    send_to_self(2);
    send_to_self(1);
    /* In either order, but one after the other. */
    u32 first = acknowledge();
    note("second while one is active", acknowledge());
    end(first);
    u32 second = acknowledge();
    end(second);
    note("sum", first + second);
    print_events("equal priorities");
    set_priority(0, 7, 0xff);
    note("priority 0xff reads", *(volatile u8 *)(GICR(0) + SGI_FRAME + GICD_IPRIORITYR + 7));
    print_events("priority bits");
    write_register(icc_igrpen1_el1, 0);
    send_to_self(1);
    note("isr", read_register(isr_el1));
    note("iar", acknowledge());
    write_register(icc_igrpen1_el1, 1);
    note("enabled, iar", acknowledge());
    end(1);
    print_events("group disabled");
}

/* Sends more urgent and less urgent SGIs from inside a handler that can be interrupted. */
static void preempted(u32 is_fiq)
{
    u32 intid = acknowledge();
    note(is_fiq ? "fiq" : "irq", intid);
    if (intid == SPURIOUS)
        return;
    if (intid == 0) {
        u64 spsr = home == 2 ? read_register(spsr_el2) : read_register(spsr_el1);
        u64 elr = home == 2 ? read_register(elr_el2) : read_register(elr_el1);
        unmask();
        send_to_self(3);
        note("after the less urgent", 0);
        send_to_self(1);
        note("after the more urgent", 0);
        mask();
        if (home == 2) {
            write_register(spsr_el2, spsr);
            write_register(elr_el2, elr);
        } else {
            write_register(spsr_el1, spsr);
            write_register(elr_el1, elr);
        }
    }
    note("end", intid);
    end(intid);
}

static void preemption(void)
{
    static const u8 priority[] = {0xa0, 0x40, 0x80, 0xc0};
    for (u32 i = 0; i < 4; i++)
        set_priority(0, i, priority[i]);
    on_interrupt = preempted;
    for (u32 binary_point = 0; binary_point < 8; binary_point += 3) {
        write_register(icc_bpr1_el1, binary_point);
        note("bpr", read_register(icc_bpr1_el1));
        unmask();
        send_to_self(0);
        mask();
        print_events("preemption");
    }
    write_register(icc_bpr1_el1, 0);
    unmask();
    note("masked by nothing", 0);
    mask();
    send_to_self(2);
    note("masked", 0);
    unmask();
    mask();
    print_events("unmasked");
}

static void split_end(void)
{
    write_register(icc_ctlr_el1, 2);
    send_to_self(1);
    note("iar", acknowledge());
    end(1);
    note("priority dropped, rpr", read_register(icc_rpr_el1));
    note("active", is_active(0, 1));
    send_to_self(1);
    note("iar while active", acknowledge());
    send_to_self(2);
    note("another", acknowledge());
    end(2);
    write_register(icc_dir_el1, 2);
    write_register(icc_dir_el1, 1);
    note("deactivated, active", is_active(0, 1));
    note("iar", acknowledge());
    end(1);
    write_register(icc_dir_el1, 1);
    write_register(icc_ctlr_el1, 0);
    print_events("EOImode 1");
}

#define SPI 60

static void shared_interrupts(void)
{
    *(volatile u64 *)(GICD + GICD_IROUTER + 8 * SPI) = 0;
    set_priority(0, SPI, 0x90);
    *word(GICD + GICD_ICFGR + SPI / 16 * 4) = 2u << SPI % 16 * 2;
    *word(GICD + GICD_ISPENDR + SPI / 32 * 4) = 1u << SPI % 32;
    note("pending", is_pending(0, SPI));
    note("iar", acknowledge());
    enable(0, SPI);
    note("enabled, iar", acknowledge());
    note("pending", is_pending(0, SPI));
    note("active", is_active(0, SPI));
    end(SPI);
    note("active", is_active(0, SPI));
    print_events("spi, edge");
    /* Disabled while pending. */
    *word(GICD + GICD_ISPENDR + SPI / 32 * 4) = 1u << SPI % 32;
    disable(0, SPI);
    note("disabled, iar", acknowledge());
    note("pending", is_pending(0, SPI));
    *word(GICD + GICD_ICPENDR + SPI / 32 * 4) = 1u << SPI % 32;
    enable(0, SPI);
    note("cleared, iar", acknowledge());
    *word(GICD + GICD_ISACTIVER + SPI / 32 * 4) = 1u << SPI % 32;
    *word(GICD + GICD_ISPENDR + SPI / 32 * 4) = 1u << SPI % 32;
    note("made active, iar", acknowledge());
    *word(GICD + GICD_ICACTIVER + SPI / 32 * 4) = 1u << SPI % 32;
    note("made inactive, iar", acknowledge());
    end(SPI);
    disable(0, SPI);
    *word(GICD + GICD_ICFGR + SPI / 16 * 4) = 0;
    print_events("spi, registers");
    /* The console's line is a level: it is there until its cause goes. */
    const u32 uart = 33;
    set_priority(0, uart, 0x90);
    enable(0, uart);
    *word(UART_BASE + 0x44) = 0x7ff;
    note("pending", is_pending(0, uart));
    *word(UART_BASE + 0x38) = 1 << 10; /* overrun, which is not there */
    note("masked cause", is_pending(0, uart));
    *word(UART_BASE + 0x38) = 1 << 5; /* transmit */
    print_events("uart, before");
    note("pending", is_pending(0, uart));
    note("iar", acknowledge());
    note("active and pending", is_active(0, uart) << 4 | is_pending(0, uart));
    end(uart);
    note("still there, iar", acknowledge());
    *word(UART_BASE + 0x44) = 1 << 5;
    note("cleared, pending", is_pending(0, uart));
    end(uart);
    note("gone, iar", acknowledge());
    *word(UART_BASE + 0x38) = 0;
    disable(0, uart);
    print_events("uart, level");
}

void interrupts(void)
{
    identification();
    software_interrupts();
    priorities();
    preemption();
    split_end();
    shared_interrupts();
}
