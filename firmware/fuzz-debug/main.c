/*
 * Random self-hosted debug (DDI 0487, D2): breakpoints, watchpoints and steps of all kinds at once, and a few
 * instructions at some level below EL3: a line says which, and what exceptions came. The guest "breakpoints" has each
 * by itself; here is which of several goes first, and whose they are.
 */
#include "../breakpoints/groups.h"
#include "../fuzz/fuzz.h"

#define CODE_ADDRESS 0x41100000ul
#define WORDS 5
#define SVC_PROBE_END 0xd41ffe01u
#define SMC_PROBE_END 0xd41ffe03u

#define BREAKPOINTS 6
/* From here on they can compare contexts (ID_AA64DFR0_EL1.CTX_CMPs). */
#define FIRST_CONTEXT 4
#define WATCHPOINTS 4
/* Bytes around DATA_ADDRESS that are accessed and watched. */
#define DATA_SIZE 64

#define MDCR3_SDD BIT(16)
#define SCR_NS BIT(0)
#define ENABLED 1ul

u64 enter(u64 pstate, const void *code, u64 x0, u64 x1, u64 x2, u64 x3);

/* DBGBCR.BT */
enum { ADDRESS = 0, LINKED = 1, CONTEXT = 2, LINKED_CONTEXT = 3, VMID = 8, LINKED_VMID = 9, VMID_CONTEXT = 10 };

/*
 * What "PMC, HMC, SSC" of a breakpoint, or PAC of a watchpoint, may be: table "Summary of PMC, HMC, and SSC encodings".
 */
static const struct {
    u8 hmc, ssc, pmc;
} levels[] = {
    {0, 0, 1}, {0, 0, 2}, {0, 0, 3}, {0, 1, 1}, {0, 1, 2}, {0, 1, 3}, {0, 2, 1}, {0, 2, 2},
    {0, 2, 3}, {1, 0, 1}, {1, 0, 3}, {1, 1, 1}, {1, 1, 3}, {1, 2, 1}, {1, 2, 3}, {1, 3, 0},
};

/* Accesses to [x0, #…] with the size of each and where the immediate is, in units of that size. */
static const struct {
    const char *name;
    u32 word;
    u8 size, shift;
} instructions[] = {
    {"nop", 0xd503201f, 0, 0},
    {"nop", 0xd503201f, 0, 0},
    {"ldr", 0xf9400001, 8, 10},
    {"str", 0xf9000001, 8, 10},
    {"ldrw", 0xb9400001, 4, 10},
    {"strw", 0xb9000001, 4, 10},
    {"ldrb", 0x39400001, 1, 10},
    {"strb", 0x39000001, 1, 10},
    {"ldp", 0xa9400801, 8, 15},
    {"stp", 0xa9000801, 8, 15},
    {"ldtrb", 0x38400801, 1, 12},
    {"sttrb", 0x38000801, 1, 12},
    {"svc", 0xd4000041, 0, 0},
    {"brk", 0xd4200020, 0, 0},
    {"udf", 0x00000007, 0, 0},
    {"b", 0x14000002, 0, 0},
    {"isb", 0xd5033fdf, 0, 0},
};

static struct {
    u64 value, control;
} own_breakpoints[BREAKPOINTS], own_watchpoints[WATCHPOINTS];

static u64 draw_levels(void)
{
    u32 i = draw_below(sizeof levels / sizeof levels[0]);
    return (u64)levels[i].hmc << 13 | (u64)levels[i].ssc << 14 | (u64)levels[i].pmc << 1;
}

/* The number of a breakpoint that others can be linked to, or 0. */
static u64 draw_link(void)
{
    u64 n = FIRST_CONTEXT + draw_below(BREAKPOINTS - FIRST_CONTEXT);
    u64 type = own_breakpoints[n].control >> 20 & 15;
    return type & 1 && own_breakpoints[n].control & ENABLED ? n : 0;
}

static void draw_breakpoint(u32 n)
{
    static const u8 rare[] = {CONTEXT, VMID, LINKED_VMID, VMID_CONTEXT};
    u64 type = n < FIRST_CONTEXT || one_in(3) ? ADDRESS : one_in(6) ? rare[draw_below(4)] : LINKED_CONTEXT;
    u64 link = 0;
    if (type == ADDRESS) {
        own_breakpoints[n].value = CODE_ADDRESS + 4 * draw_below(WORDS);
        link = one_in(3) ? draw_link() : 0;
        type = link ? LINKED : ADDRESS;
    } else {
        own_breakpoints[n].value = draw_below(2) + 1 + ((draw_below(2) + 1) << 32);
    }
    u64 where = type & LINKED && type != LINKED ? 3 << 1 : draw_levels();
    own_breakpoints[n].control = (one_in(2) ? ENABLED : 0) | 15 << 5 | where | LINK(link) | type << 20;
}

static void draw_watchpoint(u32 n)
{
    u64 value = DATA_ADDRESS + draw_below(DATA_SIZE / 4) * 4, select, mask = 0;
    if (one_in(4)) {
        mask = 3 + draw_below(3);
        value &= ~((1ul << mask) - 1);
        select = 255;
    } else {
        u32 width = value & 4 ? 4 : 8, first = draw_below(width), last = first + draw_below(width - first);
        select = (2ul << last) - (1ul << first);
    }
    u64 link = one_in(4) ? draw_link() : 0;
    own_watchpoints[n].value = value;
    own_watchpoints[n].control = (one_in(2) ? ENABLED : 0) | (draw_below(3) + 1) << 3 | select << 5 | draw_levels() |
                              LINK(link) | (link ? BIT(20) : 0) | mask << 24;
}

static void draw_code(u64 level)
{
    volatile u32 *code = (volatile u32 *)CODE_ADDRESS;
    print(" code=");
    for (u32 i = 0; i < WORDS; i++) {
        u32 kind = draw_below(sizeof instructions / sizeof instructions[0]);
        u32 size = instructions[kind].size, offset = 0;
        if (size)
            offset = draw_below((DATA_SIZE - 16) / size);
        code[i] = instructions[kind].word | offset << instructions[kind].shift;
        print(i ? "," : "");
        print(instructions[kind].name);
        if (size) {
            print("+");
            print_hex(offset * size, 0);
        }
    }
    /* A branch from the last word has one more to go to. */
    code[WORDS] = code[WORDS + 1] = level == 0 ? SVC_PROBE_END : SMC_PROBE_END;
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

#define WRITE_BREAKPOINT(n)                                                                                            \
    write_register(dbgbvr##n##_el1, own_breakpoints[n].value);                                                         \
    write_register(dbgbcr##n##_el1, own_breakpoints[n].control * on)
#define WRITE_WATCHPOINT(n)                                                                                            \
    write_register(dbgwvr##n##_el1, own_watchpoints[n].value);                                                         \
    write_register(dbgwcr##n##_el1, own_watchpoints[n].control * on)

static void write_points(u64 on)
{
    WRITE_BREAKPOINT(0);
    WRITE_BREAKPOINT(1);
    WRITE_BREAKPOINT(2);
    WRITE_BREAKPOINT(3);
    WRITE_BREAKPOINT(4);
    WRITE_BREAKPOINT(5);
    WRITE_WATCHPOINT(0);
    WRITE_WATCHPOINT(1);
    WRITE_WATCHPOINT(2);
    WRITE_WATCHPOINT(3);
}

static void print_points(void)
{
    for (u32 i = 0; i < BREAKPOINTS + WATCHPOINTS; i++) {
        u32 n = i < BREAKPOINTS ? i : i - BREAKPOINTS;
        u64 control = i < BREAKPOINTS ? own_breakpoints[n].control : own_watchpoints[n].control;
        u64 value = i < BREAKPOINTS ? own_breakpoints[n].value : own_watchpoints[n].value;
        if (!(control & ENABLED))
            continue;
        print(i < BREAKPOINTS ? " b" : " w");
        print_decimal(n);
        print("=");
        print_hex(control, 0);
        print("@");
        print_hex(value, 0);
    }
}

static void one(void)
{
    static const u64 pstates[] = {EL0, EL1, EL2};
    /* Those that others are linked to first. */
    for (u32 n = BREAKPOINTS; n-- > 0;)
        draw_breakpoint(n);
    for (u32 n = 0; n < WATCHPOINTS; n++)
        draw_watchpoint(n);
    u64 ns = one_in(4) ? 0 : SCR_NS;
    u64 hcr = HCR_RW | (one_in(6) ? HCR_TGE : 0);
    u64 level = draw_below(ns ? 3 : 2);
    if (hcr & HCR_TGE && ns && level == 1)
        level = 0;
    u64 pstate = pstates[level];
    if (!one_in(3))
        pstate &= D_CLEAR;
    if (one_in(3))
        pstate |= SPSR_SS;
    u64 mdscr = (one_in(6) ? 0 : MDSCR_MDE) | draw_bits(MDSCR_KDE, 1) | draw_bits(MDSCR_SS, 2);
    u64 mdcr = one_in(3) ? MDCR_TDE : 0;
    u64 mdcr3 = one_in(2) ? MDCR3_SDD : 0;
    u64 context = draw_below(2) + 1;
    u64 vmid = draw_below(2) + 1;
    draw_code(level);
    print_field("pstate", pstate);
    print_field("ns", ns);
    print_field("hcr", hcr);
    print_field("mdscr", mdscr);
    print_field("mdcr", mdcr);
    print_field("mdcr3", mdcr3);
    print_field("context", context);
    print_field("vmid", vmid);
    print_points();
    print(":");

    u64 scr = read_register(scr_el3), mdcr_before = read_register(mdcr_el2);
    write_register(scr_el3, (scr & ~SCR_NS) | ns);
    write_register(hcr_el2, hcr);
    write_register(mdcr_el2, mdcr_before | mdcr);
    write_register(mdcr_el3, mdcr3);
    write_register(contextidr_el1, context);
    write_register(vttbr_el2, vmid << 48);
    write_points(1);
    write_register(mdscr_el1, mdscr);
    exception_count = 0;
    enter(pstate, (const void *)CODE_ADDRESS, DATA_ADDRESS, 0, 0, 0);
    write_register(mdscr_el1, 0);
    write_points(0);
    write_register(mdcr_el3, 0);
    write_register(mdcr_el2, mdcr_before);
    write_register(hcr_el2, HCR_RW);
    write_register(scr_el3, scr);
    print_exceptions((const void *)CODE_ADDRESS);
    print("\n");
}

void main(void *device_tree)
{
    (void)device_tree;
    write_register(oslar_el1, 0);
    run_cases(one);
}
