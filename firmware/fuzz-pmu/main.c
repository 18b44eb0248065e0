/*
 * Random steps on the Performance Monitors (DDI 0487, D13): a case is a sequence of accesses by EL3 and the levels
 * below, in both Security states, and behind each a line shows every register. Counters count software increments,
 * which are the same number on any machine, or cycles, of which is only shown whether they were counted.
 */
#include "../fuzz/fuzz.h"
#include "gic.h"

#define STEPS 40
#define COUNTERS 6
#define CYCLES 31
#define PMU_INTID 23

#define SW_INCR 0x00
#define CPU_CYCLES 0x11
/* None of the CPUs counts it. */
#define NO_EVENT 0x3fe

#define PMCR_E BIT(0)
#define PMCR_P BIT(1)
#define PMCR_C BIT(2)
#define PMCR_X BIT(4)
#define PMCR_DP BIT(5)
#define PMCR_LC BIT(6)
#define PMCR_LP BIT(7)

/* P, U, NSK, NSU, NSH, M */
#define FILTERS (0x3ful << 26)
#define FILTER_NSH BIT(27)

#define MDCR_HPMN 31ul
#define MDCR_HPME BIT(7)
#define MDCR_HPMD BIT(17)
#define MDCR_HCCD BIT(23)
#define MDCR_HLP BIT(26)

/* MDCR_EL3: events may be counted in Secure state, cycles may not. */
#define MDCR3_SPME BIT(17)
#define MDCR3_SCCD BIT(23)

#define SCR_NS BIT(0)

/* With FEAT_PMUv3p5 event counters have 64 bits. */
static int is_long;
/* The counter of the cycles and those of them that count cycles: where they are is each machine's. */
static u32 counts_cycles;

static const u64 pstates[] = {EL0, EL1, EL2};

/* Writes a register at a level. */
#define WRITE_AT(level, name, value)                                                                                   \
    do {                                                                                                               \
        u64 written = value;                                                                                           \
        if ((level) == 3)                                                                                              \
            write_register(name, written);                                                                             \
        else                                                                                                           \
            run(pstates[level], CODE("msr " #name ", x0"), written, 0);                                                \
    } while (0)

/* The step's level: EL0 has no PMINTEN. */
static u32 level;

static u32 draw_mask(void)
{
    return draw_below(1 << COUNTERS) | (one_in(2) ? 1u << CYCLES : 0);
}

#define MASK_STEP(name)                                                                                                \
    static u64 step_##name(u32 n)                                                                                      \
    {                                                                                                                  \
        u32 mask = one_in(2) ? draw_mask() : 1u << n;                                                                  \
        WRITE_AT(level, name, mask);                                                                                   \
        return mask;                                                                                                   \
    }
MASK_STEP(pmcntenset_el0)
MASK_STEP(pmcntenclr_el0)
MASK_STEP(pmovsset_el0)
MASK_STEP(pmovsclr_el0)

static u64 step_pmintenset_el1(u32 n)
{
    (void)n;
    u32 mask = draw_mask();
    level = level ? level : 1;
    WRITE_AT(level, pmintenset_el1, mask);
    return mask;
}

static u64 step_pmintenclr_el1(u32 n)
{
    level = level ? level : 1;
    WRITE_AT(level, pmintenclr_el1, 1ul << n);
    return 1ul << n;
}

static u64 step_pmswinc_el0(u32 n)
{
    u64 mask = draw_below(1 << COUNTERS) | 1ul << (n % COUNTERS);
    for (u64 times = draw_below(3) + 1; times; times--)
        WRITE_AT(level, pmswinc_el0, mask);
    return mask;
}

static u64 step_pmcr_el0(u32 n)
{
    (void)n;
    u64 value = PMCR_LC | (one_in(4) ? 0 : PMCR_E) | draw_bits(PMCR_P | PMCR_C, 3);
    value |= draw_bits(PMCR_X | PMCR_DP | (is_long ? PMCR_LP : 0), 1);
    WRITE_AT(level, pmcr_el0, value);
    return value;
}

static u64 step_pmselr_el0(u32 n)
{
    WRITE_AT(level, pmselr_el0, n);
    return n;
}

/* Near an end, of 32 or 64 bits; a counter of cycles begins anew. */
static u64 draw_count(u32 n)
{
    static const u64 values[] = {0, 0x1234, 0x7fffffff, 0xfffffffe, 0xffffffff};
    static const u64 long_values[] = {0x1fffffffe, 0xfffffffffffffffe, 0xffffffff00000000, ~0ul};
    if (counts_cycles >> n & 1)
        return 0;
    return is_long && one_in(2) ? long_values[draw_below(4)] : values[draw_below(5)];
}

static u64 draw_type(u32 n)
{
    static const u32 events[] = {SW_INCR, SW_INCR, SW_INCR, CPU_CYCLES, NO_EVENT};
    u32 event = events[draw_below(5)];
    if (event == CPU_CYCLES)
        counts_cycles |= 1u << n;
    return event | draw_bits(FILTERS, 1);
}

/* By the register's own name, of which there is one for each counter. */
#define EACH_COUNTER(n, action)                                                                                        \
    do {                                                                                                               \
        switch (n) {                                                                                                   \
        case 0: action(0); break;                                                                                      \
        case 1: action(1); break;                                                                                      \
        case 2: action(2); break;                                                                                      \
        case 3: action(3); break;                                                                                      \
        case 4: action(4); break;                                                                                      \
        case 5: action(5); break;                                                                                      \
        }                                                                                                              \
    } while (0)

/* The value is in `value`. */
#define WRITE_COUNTER(n) WRITE_AT(level, pmevcntr##n##_el0, value)
#define WRITE_TYPE(n) WRITE_AT(level, pmevtyper##n##_el0, value)
#define READ_COUNTER(n) value = read_register(pmevcntr##n##_el0)
#define READ_TYPE(n) value = read_register(pmevtyper##n##_el0)

/* A counter that has counted cycles, or will, has none yet. */
static void begin_again(u32 n)
{
    u64 value = 0;
    u32 here = level;
    if (n == CYCLES || !(counts_cycles >> n & 1))
        return;
    level = 3;
    EACH_COUNTER(n, WRITE_COUNTER);
    level = here;
}

static void type_written(u32 n, u64 type)
{
    begin_again(n);
    if ((type & 0xffff) != CPU_CYCLES)
        counts_cycles &= ~(1u << n);
}

static u64 step_pmevcntr(u32 n)
{
    n %= COUNTERS;
    u64 value = draw_count(n);
    EACH_COUNTER(n, WRITE_COUNTER);
    return value;
}

static u64 step_pmevtyper(u32 n)
{
    n %= COUNTERS;
    u64 value = draw_type(n);
    begin_again(n);
    EACH_COUNTER(n, WRITE_TYPE);
    type_written(n, value);
    return value;
}

static u64 step_pmxevcntr_el0(u32 n)
{
    n = read_register(pmselr_el0);
    if (n == CYCLES)
        return 0;
    u64 value = draw_count(n);
    WRITE_AT(level, pmxevcntr_el0, value);
    return value;
}

static u64 step_pmxevtyper_el0(u32 n)
{
    n = read_register(pmselr_el0);
    u64 value = n == CYCLES ? draw_bits(FILTERS, 1) : draw_type(n);
    begin_again(n);
    WRITE_AT(level, pmxevtyper_el0, value);
    if (n != CYCLES)
        type_written(n, value);
    return value;
}

static u64 step_pmccfiltr_el0(u32 n)
{
    (void)n;
    u64 value = draw_bits(FILTERS, 1);
    WRITE_AT(level, pmccfiltr_el0, value);
    return value;
}

/* What EL2 has for itself. */
static u64 draw_mdcr(void)
{
    u64 value = one_in(3) ? draw_below(COUNTERS) + 1 : COUNTERS;
    return value | draw_bits(MDCR_HPME | (is_long ? MDCR_HPMD | MDCR_HCCD | MDCR_HLP : 0), 1);
}

static u64 step_mdcr_el2(u32 n)
{
    (void)n;
    u64 value = draw_mdcr();
    write_register(mdcr_el2, value);
    return value;
}

static u64 draw_mdcr3(void)
{
    return draw_bits(MDCR3_SPME | (is_long ? MDCR3_SCCD : 0), 1);
}

static u64 step_mdcr_el3(u32 n)
{
    (void)n;
    u64 value = draw_mdcr3();
    write_register(mdcr_el3, value);
    return value;
}

/* To the other Security state, below EL3. */
static u64 step_scr_el3(u32 n)
{
    (void)n;
    u64 value = read_register(scr_el3) ^ SCR_NS;
    write_register(scr_el3, value);
    return value & SCR_NS;
}

static u64 count_of(u32 n)
{
    u64 value = 0;
    if (n == CYCLES)
        return read_register(pmccntr_el0);
    EACH_COUNTER(n, READ_COUNTER);
    return value;
}

#define ROUNDS 20000

static void spend_time(void)
{
    const void *loop = CODE("1: subs x0, x0, #1\n b.ne 1b");
    if (level == 3)
        for (volatile u32 i = 0; i < ROUNDS; i++)
            ;
    else
        run(pstates[level], loop, ROUNDS, 0);
}

/*
 * Which of the counters count cycles at the level. On the way there and back they may as well: less than in the loop,
 * but for a first time in which a machine is busy with itself.
 */
static u64 counting(u32 watched)
{
    u64 before[32], least[32];
    for (u32 time = 0; time < 3; time++) {
        for (u32 n = 0; n < 32; n++)
            if (watched >> n & 1)
                before[n] = count_of(n);
        spend_time();
        for (u32 n = 0; n < 32; n++)
            if (watched >> n & 1) {
                u64 more = count_of(n) - before[n];
                least[n] = time && least[n] < more ? least[n] : more;
            }
    }
    u64 result = 0;
    for (u32 n = 0; n < 32; n++)
        if (watched >> n & 1)
            result |= (u64)(least[n] >= ROUNDS / 2) << n;
    return result;
}

/*
 * Whether each counter of cycles counts at the step's level: bits, and above them whether it does when the controls of
 * EL2 and EL3 are others. In between, that what was counted before the change stays.
 */
static u64 step_count(u32 about)
{
    (void)about;
    u32 watched = counts_cycles | 1u << CYCLES;
    u64 result = counting(watched), before[32], mdcr = draw_mdcr(), mdcr3 = draw_mdcr3();
    for (u32 n = 0; n < 32; n++)
        if (watched >> n & 1)
            before[n] = count_of(n);
    spend_time();
    write_register(mdcr_el2, mdcr);
    write_register(mdcr_el3, mdcr3);
    for (u32 n = 0; n < 32; n++)
        if (result >> n & 1 && count_of(n) - before[n] < ROUNDS / 2)
            print(" lost");
    return result | counting(watched) << 32;
}

static const struct step steps[] = {
    {"pmcntenset", step_pmcntenset_el0, 3},
    {"pmcntenclr", step_pmcntenclr_el0, 1},
    {"pmovsset", step_pmovsset_el0, 1},
    {"pmovsclr", step_pmovsclr_el0, 2},
    {"pmintenset", step_pmintenset_el1, 2},
    {"pmintenclr", step_pmintenclr_el1, 1},
    {"pmswinc", step_pmswinc_el0, 8},
    {"pmcr", step_pmcr_el0, 2},
    {"pmselr", step_pmselr_el0, 2},
    {"pmevcntr", step_pmevcntr, 4},
    {"pmevtyper", step_pmevtyper, 4},
    {"pmxevcntr", step_pmxevcntr_el0, 2},
    {"pmxevtyper", step_pmxevtyper_el0, 2},
    {"pmccfiltr", step_pmccfiltr_el0, 1},
    {"mdcr_el2", step_mdcr_el2, 1},
    {"mdcr_el3", step_mdcr_el3, 1},
    {"scr", step_scr_el3, 1},
    {"count", step_count, 2},
};

static void reset(void)
{
    write_register(mdcr_el2, COUNTERS);
    write_register(pmuserenr_el0, 15);
    write_register(pmcr_el0, PMCR_LC | PMCR_P | PMCR_C);
    write_register(pmcntenclr_el0, ~0ul);
    write_register(pmintenclr_el1, ~0ul);
    write_register(pmovsclr_el0, ~0ul);
    write_register(pmccfiltr_el0, FILTER_NSH);
    write_register(pmselr_el0, 0);
    counts_cycles = 0;
    level = 3;
    for (u32 n = 0; n < COUNTERS; n++) {
        u64 value = SW_INCR | draw_bits(FILTERS, 1);
        EACH_COUNTER(n, WRITE_TYPE);
    }
    write_register(mdcr_el2, draw_mdcr());
    write_register(mdcr_el3, draw_mdcr3());
    write_register(scr_el3, SCR_OPEN ^ draw_below(2));
    write_register(pmcntenset_el0, draw_mask());
    write_register(pmcr_el0, PMCR_LC | PMCR_E);
}

static void print_counters(void)
{
    print(" counters=");
    for (u32 n = 0; n < COUNTERS; n++) {
        print(n ? "," : "");
        if (counts_cycles >> n & 1)
            print("-");
        else
            print_hex(count_of(n), 0);
    }
    print(" types=");
    for (u32 n = 0; n < COUNTERS; n++) {
        u64 value = 0;
        EACH_COUNTER(n, READ_TYPE);
        print(n ? "," : "");
        print_hex(value, 0);
    }
}

static void print_state(void)
{
    print_field("ns", read_register(scr_el3) & SCR_NS);
    print_field("mdcr", read_register(mdcr_el2));
    print_field("mdcr3", read_register(mdcr_el3));
    print_field("pmcr", read_register(pmcr_el0) & 0xffff);
    print_field("enabled", read_register(pmcntenset_el0));
    print_field("interrupts", read_register(pmintenset_el1));
    print_field("overflow", read_register(pmovsset_el0));
    print_field("pending", is_pending(0, PMU_INTID));
    print_field("select", read_register(pmselr_el0));
    print_field("ccfiltr", read_register(pmccfiltr_el0));
    print_counters();
    print("\n");
}

static void one(void)
{
    reset();
    print_state();
    for (u32 i = 0; i < STEPS; i++) {
        const struct step *step = draw_step(steps, sizeof steps / sizeof steps[0]);
        u32 n = draw_below(COUNTERS + 1);
        /* Secure state has no EL2. */
        level = draw_below(4);
        if (level == 2 && !(read_register(scr_el3) & SCR_NS))
            level = 3;
        exception_count = 0;
        u64 value = step->act(n == COUNTERS ? CYCLES : n);
        print("  ");
        print(step->name);
        print_field("el", level);
        print_field("v", value);
        print_exceptions(0);
        print_state();
    }
}

void main(void *device_tree)
{
    (void)device_tree;
    gic_init();
    gic_init_cpu(0);
    is_long = (read_register(id_aa64dfr0_el1) >> 8 & 15) >= 6;
    run_cases(one);
}
