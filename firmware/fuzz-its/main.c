/*
 * Random commands to the ITS and LPIs of four redistributors (IHI 0069, chapter 5): a case is a sequence over tables of
 * a random shape, and behind each step a line shows the queue, the CPU interface and what is in the pending tables.
 */
#include "../fuzz/fuzz.h"
#include "../fuzz/held.h"
#include "its.h"

#define STEPS 60
#define CPUS 4
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
/* Mapped to redistributors 0 to 3 as long as a case lasts: by them INVALL reaches each. */
#define COLLECTION_OF(cpu) (8 + (cpu))
#define PAGE_SIZE(code) (0x1000ul << 2 * (code))

/* Each has an Interrupt Translation Table of its own; some are not in the tables of every shape. */
static const u32 devices[] = {0, 7, 511, 512};
static const u32 strange_devices[] = {1, 8191, 8192, 65535, 65536, ~0u};
static const u32 events[] = {0, 1, 2, 3};
static const u32 strange_events[] = {4, 7, 8, 15, 16, 31, 32, ~0u};
static const u32 intids[] = {8192, 8193, 8194, 8195, 8200, 8201, 8223, 16383};
static const u32 strange_intids[] = {0, 40, 1023, 8191, 16384, 65535, 65536, ~0u};
static const u32 strange_collections[] = {511, 512, 8191, 8192, 65535};

static u32 draw_from(const u32 *from, u32 count)
{
    return from[draw_below(count)];
}

static u32 draw_event(void)
{
    return one_in(8) ? draw_from(strange_events, COUNT(strange_events)) : draw_from(events, COUNT(events));
}

static u32 draw_intid(void)
{
    return one_in(16) ? draw_from(strange_intids, COUNT(strange_intids)) : draw_from(intids, COUNT(intids));
}

static u32 draw_collection(void)
{
    return one_in(16) ? draw_from(strange_collections, COUNT(strange_collections)) : draw_below(4);
}

/* A redistributor, or once in a while one that is not there. */
static u32 draw_cpu(void)
{
    return one_in(16) ? CPUS + draw_below(1000) : draw_below(CPUS);
}

static u32 draw_device(void)
{
    return one_in(16) ? draw_from(strange_devices, COUNT(strange_devices)) : draw_from(devices, COUNT(devices));
}

/* Only devices with a table of their own are mapped. */
static u64 table_of(u32 device)
{
    for (u32 i = 0; i < COUNT(devices); i++)
        if (devices[i] == device)
            return ITT(i);
    return 0;
}

static u64 map_device(u32 device)
{
    u64 table = table_of(device);
    u32 valid = table && !one_in(6);
    /* The size for no table is ignored (MAPD), but QEMU refuses one that is too large for any. */
    u32 bits = 1 + draw_below(valid && one_in(8) ? 32 : 6);
    mapd(device, table, bits, valid);
    return valid << 8 | bits;
}

static u64 map_collection(u32 device)
{
    (void)device;
    u32 collection = draw_collection(), cpu = draw_cpu();
    mapc(collection, cpu, !one_in(6));
    return (u64)collection << 16 | cpu;
}

static u64 map_event(u32 device)
{
    u32 event = draw_event(), intid = draw_intid(), collection = draw_collection();
    mapti(device, event, intid, collection);
    return (u64)intid << 32 | collection << 16 | event;
}

static u64 map_same(u32 device)
{
    u32 intid = draw_intid(), collection = draw_collection();
    mapi(device, intid, collection);
    return (u64)collection << 32 | intid;
}

static u64 about_event(u32 device, void (*tell)(u32 device, u32 event))
{
    u32 event = draw_event();
    tell(device, event);
    return event;
}

static u64 interrupt_event(u32 device)
{
    return about_event(device, send);
}

static u64 clear_event(u32 device)
{
    return about_event(device, clear);
}

static u64 discard_event(u32 device)
{
    return about_event(device, discard);
}

static u64 invalidate_event(u32 device)
{
    return about_event(device, inv);
}

static u64 move_event(u32 device)
{
    u32 event = draw_event(), collection = draw_collection();
    movi(device, event, collection);
    return (u64)collection << 16 | event;
}

static u64 move_all(u32 device)
{
    (void)device;
    u32 from = draw_cpu(), to = draw_cpu();
    movall(from, to);
    return (u64)from << 16 | to;
}

static u64 invalidate_all(u32 device)
{
    (void)device;
    u32 collection = draw_collection();
    invall(collection);
    return collection;
}

/* What a redistributor knows of an LPI's configuration before it is told is its own affair: all are told, at once. */
static void tell_all(void)
{
    for (u32 cpu = 0; cpu < CPUS; cpu++)
        invall(COLLECTION_OF(cpu));
}

static u64 configure_one(u32 device)
{
    (void)device;
    u32 intid = draw_from(intids, COUNT(intids));
    if (!(*word(GITS + GITS_CTLR) & 1))
        return 0;
    /* Five bits of priority. */
    u8 value = draw_below(32) << 3 | !one_in(4);
    configure(intid, value);
    tell_all();
    return (u64)intid << 8 | value;
}

/* A number that is no command of a GICv3. */
static u64 no_command(u32 device)
{
    static const u32 numbers[] = {0x00, 0x02, 0x06, 0x07, 0x10, 0x7f, 0xff};
    u32 number = draw_from(numbers, COUNT(numbers));
    command(number | (u64)device << 32, draw_event(), draw_collection(), 0);
    return number;
}

/* A CPU's write has DeviceID 0. */
static u64 message(u32 device)
{
    (void)device;
    u32 event = draw_event();
    *word(GITS + GITS_TRANSLATER) = event;
    return event;
}

static u64 switch_its(u32 device)
{
    (void)device;
    u32 on = !one_in(6);
    *word(GITS + GITS_CTLR) = on;
    return *word(GITS + GITS_CTLR);
}

static u64 switch_lpis(u32 device)
{
    (void)device;
    u32 cpu = draw_below(CPUS), on = !one_in(3);
    *word(GICR(cpu) + GICR_CTLR) = on;
    return cpu << 4 | (*word(GICR(cpu) + GICR_CTLR) & 1);
}

static u64 priority_mask(u32 device)
{
    (void)device;
    write_register(icc_pmr_el1, one_in(2) ? 0xf8 : draw_below(256));
    return read_register(icc_pmr_el1);
}

static u64 acknowledge_one(u32 device)
{
    (void)device;
    return hold(acknowledge(), 1);
}

static u64 end_last(u32 device)
{
    (void)device;
    const struct held *last = release();
    if (!last)
        return SPURIOUS;
    end(last->intid);
    return last->intid;
}

static const struct step steps[] = {
    {"mapd", map_device, 1},
    {"mapc", map_collection, 2},
    {"mapti", map_event, 4},
    {"mapi", map_same, 1},
    {"int", interrupt_event, 14},
    {"clear", clear_event, 1},
    {"discard", discard_event, 1},
    {"movi", move_event, 2},
    {"movall", move_all, 2},
    {"inv", invalidate_event, 1},
    {"invall", invalidate_all, 1},
    {"configure", configure_one, 3},
    {"command", no_command, 1},
    {"message", message, 3},
    {"its", switch_its, 3},
    {"lpis", switch_lpis, 1},
    {"pmr", priority_mask, 1},
    {"iar", acknowledge_one, 3},
    {"eoir", end_last, 2},
};

/* The pending bits of INTIDs 8192 to 8223 and of the others that may be mapped, of each redistributor. */
static void print_pending(void)
{
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        u64 rest = 0;
        for (u32 i = 0; i < COUNT(strange_intids); i++)
            if (strange_intids[i] < 65536)
                rest = rest << 1 | in_pending_table(cpu, strange_intids[i]);
        rest = rest << 1 | in_pending_table(cpu, 16383);
        print(cpu ? "," : " pending=");
        print_hex(rest << 32 | *word(PENDING(cpu) + 8192 / 8), 0);
    }
}

static void print_state(void)
{
    print_field("creadr", read_pointer());
    print_field("rpr", read_register(icc_rpr_el1));
    print_field("hppir", read_register(icc_hppir1_el1));
    print_field("isr", read_register(isr_el1));
    print_pending();
    print("\n");
}

/*
 * A table of pages of some size, flat or with a second level, of which one page is there for each of the first two
 * entries.
 */
static u64 draw_table(u64 flat, u64 level1, u64 level2)
{
    u64 code = draw_below(3);
    if (!one_in(3))
        return VALID | code << 8 | flat | draw_below(PAGE / PAGE_SIZE(code));
    *doubleword(level1) = VALID | level2;
    *doubleword(level1 + 8) = (code < 2 && one_in(2) ? VALID : 0) | (level2 + PAGE_SIZE(code));
    return VALID | INDIRECT | code << 8 | level1;
}

static void reset(void)
{
    forget_held();
    *word(GITS + GITS_CTLR) = 0;
    for (u32 cpu = 0; cpu < CPUS; cpu++)
        *word(GICR(cpu) + GICR_CTLR) = 0;
    tables_init();
    write_register(icc_ap1r0_el1, 0);
    write_register(icc_pmr_el1, 0xf8);
    /* 14 bits of INTID are the fewest. */
    u64 bits = 13 + draw_below(3);
    for (u32 cpu = 0; cpu < CPUS; cpu++) {
        *doubleword(GICR(cpu) + GICR_PROPBASER) = PROPERTIES | bits;
        *doubleword(GICR(cpu) + GICR_PENDBASER) = PENDING(cpu);
        *word(GICR(cpu) + GICR_CTLR) = 1;
    }
    its_enable(0);
    *word(GITS + GITS_CTLR) = 0;
    u64 shape = draw_table(DEVICES, LEVEL1, LEVEL2);
    *doubleword(GITS + GITS_BASER(0)) = shape;
    *word(GITS + GITS_CTLR) = 1;
    for (u32 i = 0; i < COUNT(intids); i++)
        configure(intids[i], draw_below(32) << 3 | !one_in(4));
    for (u32 cpu = 0; cpu < CPUS; cpu++)
        mapc(COLLECTION_OF(cpu), cpu, 1);
    tell_all();
    /* Most cases begin with what most commands ask for. */
    for (u32 i = 0; i < 4; i++)
        if (!one_in(8))
            mapc(i, one_in(2) ? 0 : draw_below(CPUS), 1);
    for (u32 i = 0; i < COUNT(devices); i++) {
        if (!one_in(8))
            mapd(devices[i], ITT(i), 5, 1);
        for (u32 j = 0; j < COUNT(events); j++)
            if (!one_in(4))
                mapti(devices[i], events[j], draw_intid(), draw_collection());
    }
    print_field("bits", bits);
    print_field("shape", shape);
}

static void one(void)
{
    reset();
    print_state();
    take_steps(STEPS, steps, COUNT(steps), draw_device, print_state);
}

void main(void *device_tree)
{
    (void)device_tree;
    gic_init();
    gic_init_cpu(0);
    /* Interrupts are EL2's, where they are masked: ISR_EL1 shows them. */
    write_register(hcr_el2, HCR_RW | BIT(3) | BIT(4) | BIT(5));
    run_cases(one);
}
