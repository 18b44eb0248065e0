/* LPIs and the Interrupt Translation Service, from one CPU and to four (IHI 0069, chapter 5). */
#include "its.h"

#define DEVICE 7
#define EVENT_BITS 5

/* Acknowledges and ends what is pending, until there is nothing. */
static void take_all(void)
{
    for (;;) {
        u32 intid = acknowledge();
        note("iar", intid);
        if (intid == SPURIOUS)
            return;
        note("rpr", read_register(icc_rpr_el1));
        end(intid);
    }
}

static void identification(void)
{
    u64 typer = *doubleword(GITS + GITS_TYPER);
    note("CTLR", *word(GITS + GITS_CTLR));
    note("Physical", typer & 1);
    note("Virtual", typer >> 1 & 1);
    note("ID_bits", typer >> 8 & 31);
    note("Devbits", typer >> 13 & 31);
    note("PTA", typer >> 19 & 1);
    note("CIDbits", typer >> 32 & 15);
    note("CIL", typer >> 36 & 1);
    note("upper half", *word(GITS + GITS_TYPER + 4) == typer >> 32);
    note("ArchRev", *word(GITS + GITS_PIDR2) >> 4 & 15);
    for (u32 n = 0; n < 8; n++)
        note("Type", *doubleword(GITS + GITS_BASER(n)) >> 56 & 7);
    print_events("GITS");
    note("GICD_TYPER.LPIS", *word(GICD + GICD_TYPER) >> 17 & 1);
    note("IDbits", *word(GICD + GICD_TYPER) >> 19 & 31);
    note("GICR_TYPER.PLPIS", *word(GICR(0) + GICR_TYPER) & 1);
    note("GICR_CTLR", *word(GICR(0) + GICR_CTLR) & 3);
    print_events("LPIs");
    for (u64 size = 0; size < 3; size++) {
        *doubleword(GITS + GITS_BASER(0)) = size << 8 | DEVICES | 0x11;
        note("BASER0", *doubleword(GITS + GITS_BASER(0)) & 0xffffffffffff);
    }
    *word(GITS + GITS_CBASER) = QUEUE | 3;
    *word(GITS + GITS_CBASER + 4) = VALID >> 32;
    note("CBASER", *doubleword(GITS + GITS_CBASER));
    note("CREADR", read_pointer());
    print_events("written and read");
}

static void one_lpi(void)
{
    configure(8192, 0xa0 | ON);
    mapd(DEVICE, ITT(0), EVENT_BITS, 1);
    mapc(0, 0, 1);
    mapti(DEVICE, 0, 8192, 0);
    sync(0);
    note("isr", read_register(isr_el1));
    send(DEVICE, 0);
    note("isr", read_register(isr_el1));
    note("hppir", read_register(icc_hppir1_el1));
    note("iar", acknowledge());
    note("rpr", read_register(icc_rpr_el1));
    note("isr", read_register(isr_el1));
    /* There is no active state: it can come again, and waits for its own priority. */
    send(DEVICE, 0);
    note("again, hppir", read_register(icc_hppir1_el1));
    note("iar", acknowledge());
    end(8192);
    note("ended, isr", read_register(isr_el1));
    take_all();
    print_events("INT");
    send(DEVICE, 0);
    send(DEVICE, 0);
    take_all();
    print_events("INT twice");
    send(DEVICE, 0);
    clear(DEVICE, 0);
    take_all();
    print_events("CLEAR");
}

static void interrupt_taken(u32 is_fiq)
{
    note("fiq", is_fiq);
    u32 intid = acknowledge();
    note("iar", intid);
    if (intid != SPURIOUS)
        end(intid);
}

static void by_exception(void)
{
    on_interrupt = interrupt_taken;
    send(DEVICE, 0);
    take_interrupts();
    print_events("taken");
}

static void enables(void)
{
    configure(8193, 0xa0);
    mapti(DEVICE, 1, 8193, 0);
    send(DEVICE, 1);
    note("disabled, in table", in_pending_table(0, 8193));
    note("iar", acknowledge());
    configure(8193, 0xa0 | ON);
    inv(DEVICE, 1);
    take_all();
    note("in table", in_pending_table(0, 8193));
    print_events("enabled by INV");
    configure(8193, 0xa0);
    inv(DEVICE, 1);
    send(DEVICE, 1);
    configure(8193, 0x60 | ON);
    invall(0);
    take_all();
    print_events("enabled by INVALL");
    send(DEVICE, 1);
    configure(8193, 0x60);
    inv(DEVICE, 1);
    note("in table", in_pending_table(0, 8193));
    take_all();
    discard(DEVICE, 1);
    note("discarded, in table", in_pending_table(0, 8193));
    configure(8193, 0xa0 | ON);
    invall(0);
    send(DEVICE, 1);
    take_all();
    print_events("disabled, then DISCARD");
}

static void priorities(void)
{
    static const u8 priority[] = {0xa0, 0x40, 0x80, 0x40, 0xc0};
    for (u32 i = 0; i < 5; i++) {
        configure(8200 + i, priority[i] | ON);
        mapti(DEVICE, 10 + i, 8200 + i, 0);
    }
    for (u32 i = 0; i < 5; i++)
        send(DEVICE, 10 + i);
    take_all();
    print_events("by priority");
    set_priority(0, 40, 0x40);
    enable(0, 40);
    send(DEVICE, 11);
    send(DEVICE, 12);
    *word(GICD + GICD_ISPENDR + 4) = 1u << 8;
    take_all();
    print_events("with an SPI");
    send(DEVICE, 10);
    note("iar", acknowledge());
    send(DEVICE, 14);
    note("lower, isr", read_register(isr_el1));
    send(DEVICE, 11);
    note("higher, isr", read_register(isr_el1));
    note("iar", acknowledge());
    note("rpr", read_register(icc_rpr_el1));
    end(8201);
    note("rpr", read_register(icc_rpr_el1));
    end(8200);
    take_all();
    print_events("preempts");
    send(DEVICE, 10);
    write_register(icc_pmr_el1, 0xa0);
    note("iar", acknowledge());
    write_register(icc_pmr_el1, 0xb0);
    note("iar", acknowledge());
    end(8200);
    write_register(icc_pmr_el1, 0xff);
    print_events("masked");
    write_register(icc_ctlr_el1, 2);
    send(DEVICE, 10);
    note("iar", acknowledge());
    end(8200);
    note("rpr", read_register(icc_rpr_el1));
    send(DEVICE, 10);
    note("iar", acknowledge());
    end(8200);
    write_register(icc_dir_el1, 8200);
    write_register(icc_ctlr_el1, 0);
    note("rpr", read_register(icc_rpr_el1));
    print_events("EOImode 1");
    for (u32 i = 0; i < 20; i++) {
        configure(8300 + i, 0x80 | ON);
        mapti(DEVICE, i, 8300 + i, 0);
    }
    for (u32 i = 0; i < 20; i++)
        send(DEVICE, i);
    u32 sum = 0, count = 0;
    for (u32 intid = acknowledge(); intid != SPURIOUS; intid = acknowledge()) {
        sum += intid;
        count++;
        end(intid);
    }
    note("count", count);
    note("sum", sum);
    print_events("twenty at once");
}

static void translater(void)
{
    /* A CPU's writes have DeviceID 0. */
    mapd(0, ITT(1), 16, 1);
    mapi(0, 8210, 0);
    configure(8210, 0x80 | ON);
    invall(0);
    *word(GITS + GITS_TRANSLATER) = 8210;
    take_all();
    print_events("GITS_TRANSLATER, MAPI");
    *word(GITS + GITS_TRANSLATER) = 8211;
    take_all();
    print_events("an EventID not mapped");
}

static void mistakes(void)
{
    u64 before = read_pointer();
    send(99, 0);
    send(DEVICE, 31);
    send(DEVICE, 32);
    mapti(DEVICE, 2, 100, 0);
    mapti(DEVICE, 2, 8191, 0);
    send(DEVICE, 32 + 2);
    mapti(99, 0, 8192, 0);
    mapc(1, 77, 1);
    mapti(DEVICE, 4, 8192, 1);
    send(DEVICE, 4);
    inv(99, 0);
    invall(5);
    movi(DEVICE, 0, 5);
    movall(0, 99);
    discard(DEVICE, 30);
    command(0x77, 0, 0, 0);
    note("consumed", (read_pointer() - before + QUEUE_SIZE) % QUEUE_SIZE / 32);
    take_all();
    print_events("commands with errors");
    mapd(DEVICE, ITT(0), EVENT_BITS, 0);
    send(DEVICE, 0);
    take_all();
    print_events("a device no longer mapped");
    mapd(DEVICE, ITT(0), EVENT_BITS, 1);
    mapti(DEVICE, 0, 8192, 0);
    mapc(0, 0, 0);
    send(DEVICE, 0);
    take_all();
    mapc(0, 0, 1);
    send(DEVICE, 0);
    take_all();
    print_events("a collection not mapped, and mapped");
}

static void queue_wraps(void)
{
    for (u32 i = 0; i < 300; i++)
        sync(0);
    send(DEVICE, 0);
    take_all();
    note("stalled", read_pointer() & 1);
    print_events("300 commands");
}

static void switched_off(void)
{
    configure(8192, 0xa0);
    inv(DEVICE, 0);
    send(DEVICE, 0);
    lpis_enable(0, 0);
    note("off, in table", in_pending_table(0, 8192));
    send(DEVICE, 0);
    configure(8192, 0xa0 | ON);
    take_all();
    lpis_enable(0, 1);
    note("GICR_CTLR", *word(GICR(0) + GICR_CTLR) & 3);
    take_all();
    print_events("EnableLPIs off and on");
    *word(GITS + GITS_CTLR) = 0;
    note("CTLR", *word(GITS + GITS_CTLR));
    *word(GITS + GITS_TRANSLATER) = 8210;
    take_all();
    print_events("the ITS disabled");
}

static void two_levels(void)
{
    /* A level 1 entry for each 8192 devices. */
    *doubleword(LEVEL1 + 8 * 2) = VALID | LEVEL2;
    its_enable(1);
    mapd(2 * 8192 + 5, ITT(2), EVENT_BITS, 1);
    mapc(0, 0, 1);
    mapti(2 * 8192 + 5, 3, 8220, 0);
    configure(8220, 0x80 | ON);
    send(2 * 8192 + 5, 3);
    take_all();
    print_events("two levels");
    mapd(5, ITT(2), EVENT_BITS, 1);
    mapti(5, 3, 8220, 0);
    send(5, 3);
    take_all();
    print_events("without the second");
    its_enable(0);
}

static volatile u32 taken[4];

static void take_here(u32 cpu)
{
    u32 intid = acknowledge();
    taken[cpu] = intid;
    if (intid != SPURIOUS)
        end(intid);
}

static void print_taken(const char *name)
{
    on_all_cpus(take_here);
    for (u32 cpu = 0; cpu < 4; cpu++)
        note("iar", taken[cpu]);
    print_events(name);
}

static void several_cpus(void)
{
    start_cpus();
    if (cpu_count() < 4)
        return;
    for (u32 cpu = 1; cpu < 4; cpu++) {
        lpis_enable(cpu, 1);
        mapc(cpu, cpu, 1);
    }
    for (u32 i = 0; i < 4; i++) {
        configure(8230 + i, 0x80 | ON);
        mapti(DEVICE, 20 + i, 8230 + i, i);
        send(DEVICE, 20 + i);
    }
    print_taken("one each");
    for (u32 i = 0; i < 4; i++) {
        configure(8230 + i, 0x80);
        inv(DEVICE, 20 + i);
        send(DEVICE, 20 + i);
    }
    note("in table", in_pending_table(1, 8231));
    movi(DEVICE, 21, 3);
    note("moved, in table", in_pending_table(1, 8231));
    note("there", in_pending_table(3, 8231));
    configure(8231, 0x40 | ON);
    inv(DEVICE, 21);
    print_taken("MOVI");
    send(DEVICE, 21);
    print_taken("the next one");
    for (u32 i = 0; i < 4; i++)
        note("in table", in_pending_table(i, 8230 + i));
    movall(2, 1);
    note("moved, in table", in_pending_table(2, 8232));
    note("there", in_pending_table(1, 8232));
    mapc(2, 1, 1);
    configure(8232, 0x40 | ON);
    inv(DEVICE, 22);
    print_taken("MOVALL");
    send(DEVICE, 22);
    print_taken("MAPC to another");
    movall(3, 3);
    note("in table", in_pending_table(3, 8233));
    print_events("MOVALL to itself");
    for (u32 i = 0; i < 4; i++)
        clear(DEVICE, 20 + i);
}

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    install_vectors();
    gic_init();
    gic_init_cpu(0);
    identification();
    tables_init();
    lpis_enable(0, 1);
    its_enable(0);
    one_lpi();
    by_exception();
    enables();
    priorities();
    translater();
    mistakes();
    queue_wraps();
    switched_off();
    two_levels();
    mapd(DEVICE, ITT(0), EVENT_BITS, 1);
    mapc(0, 0, 1);
    several_cpus();
    power_off();
}
