/*
 * Random accesses to the GIC by both Security states (IHI 0069, 4.6 and chapter 12): a case is a sequence, in which
 * EL3, Secure EL1 and Non-secure EL1 and EL2 read and write registers of the distributor, the redistributor and the CPU
 * interface. Behind each access a line shows what EL3 sees of all three groups.
 */
#include "../fuzz/fuzz.h"
#include "../fuzz/held.h"
#include "../monitor/monitor.h"

#define STEPS 40
#define GICD_IGRPMODR 0x0d00
#define GICD_NSACR 0x0e00
/* EnableGrp0, EnableGrp1NS, EnableGrp1S, ARE_S, ARE_NS */
#define GICD_OPEN 0x37
#define GICD_ENABLES 7
#define BANK (GICR(0) + SGI_FRAME)
/* SGIs and PPIs, and one word of SPIs. */
#define WORDS 2
#define IDLE 0xff

#define icc_ctlr_el3 S3_6_C12_C12_4
#define icc_igrpen1_el3 S3_6_C12_C12_7

static const u32 intids[] = {0, 1, 6, 9, 12, 15, 20, 22, 31, 32, 37, 40, 41, 50, 63};

static const struct who {
    const char *name;
    u64 ns;
    u64 pstate;
} everyone[] = {
    {"EL3", 0, EL3},   {"EL3ns", SCR_NS, EL3}, {"EL1s", 0, EL1},
    {"EL1s", 0, EL1},  {"EL1", SCR_NS, EL1},   {"EL1", SCR_NS, EL1},
    {"EL2", SCR_NS, EL2},
};

/* Who takes the step, and SCR_EL3.{IRQ, FIQ} of all of them. */
static const struct who *who;
static u64 routes;

/* x0 behind it, which is `x0` where it was not executed. */
static u64 as(const void *code, u64 x0, u64 x1)
{
    write_register(scr_el3, SCR_SECURE | who->ns | (who->pstate == EL3 ? 0 : routes));
    run(who->pstate, code, x0, x1);
    write_register(scr_el3, SCR_SECURE);
    return exception_count ? x0 : probe_results.x[0];
}

static u64 frame_of(u32 intid)
{
    return intid < 32 ? BANK : GICD;
}

/* Writes one bit of `intid`, and sometimes all of its word. */
static u64 write_bits(u32 offset, u32 intid)
{
    u64 value = one_in(8) ? draw_bits(~0u, 1) : 1ul << intid % 32;
    as(CODE("str w1, [x0]\n dsb sy"), frame_of(intid) + offset + intid / 32 * 4, value);
    return value;
}

static u64 pend(u32 intid)
{
    u64 value = write_bits(GICD_ISPENDR, intid);
    if (!one_in(4))
        *word(frame_of(intid) + GICD_ISENABLER + intid / 32 * 4) = value;
    return value;
}

static u64 unpend(u32 intid)
{
    return write_bits(GICD_ICPENDR, intid);
}

static u64 enable_some(u32 intid)
{
    return write_bits(GICD_ISENABLER, intid);
}

static u64 disable_some(u32 intid)
{
    return write_bits(GICD_ICENABLER, intid);
}

static u64 activate(u32 intid)
{
    return write_bits(one_in(2) ? GICD_ISACTIVER : GICD_ICACTIVER, intid);
}

/* A word of either, as it is but for one bit. */
static u64 group(u32 intid)
{
    u64 at = frame_of(intid) + (one_in(2) ? GICD_IGROUPR : GICD_IGRPMODR) + intid / 32 * 4;
    u64 value = *word(at) ^ 1u << intid % 32;
    as(CODE("str w1, [x0]\n dsb sy"), at, value);
    return value;
}

/* Of five bits, also of which the Non-secure world sees four: QEMU keeps all eight. */
static u64 priority(u32 intid)
{
    u64 at = frame_of(intid) + GICD_IPRIORITYR + intid, value = draw_below(16) << 4;
    if (one_in(3))
        as(CODE("str w1, [x0]\n dsb sy"), at & ~3ul, value = draw() & 0xf0f0f0f0);
    else
        as(CODE("strb w1, [x0]\n dsb sy"), at, value);
    return value;
}

static u64 two_bits(u32 intid)
{
    u64 offset = one_in(2) ? GICD_ICFGR : GICD_NSACR, value = draw() & ~0u;
    as(CODE("str w1, [x0]\n dsb sy"), frame_of(intid) + offset + intid / 16 * 4, value);
    return value;
}

static u64 route(u32 intid)
{
    /* 1 of N is 1 of one CPU; QEMU, which has no such routing, goes by the affinity. */
    u64 value = one_in(2) ? draw_below(3) : draw_bits(BIT(31), 1);
    as(CODE("str x1, [x0]\n dsb sy"), GICD + GICD_IROUTER + 8 * (intid | 32), value);
    return value;
}

static u64 distributor(u32 intid)
{
    (void)intid;
    u64 value = one_in(3) ? draw_below(8) : 7;
    /* To a Non-secure access the bits of Group 1 are in another place: bit 1, which is ours of Group 1 as well. */
    as(CODE("str w1, [x0]\n dsb sy"), GICD + GICD_CTLR, value | (GICD_OPEN & ~GICD_ENABLES));
    return value;
}

/* Any of the registers about the interrupt. */
static u64 look(u32 intid)
{
    static const u16 of_bits[] = {GICD_IGROUPR,   GICD_ISENABLER,  GICD_ICENABLER, GICD_ISPENDR,
                                  GICD_ICPENDR,   GICD_ISACTIVER, GICD_ICACTIVER, GICD_IGRPMODR};
    u64 frame = frame_of(intid);
    switch (draw_below(6)) {
    case 0:
        return as(CODE("ldrb w0, [x0]"), frame + GICD_IPRIORITYR + intid, 0);
    case 1:
        return as(CODE("ldr w0, [x0]"), frame + GICD_IPRIORITYR + intid / 4 * 4, 0);
    case 2:
        return as(CODE("ldr w0, [x0]"), frame + (one_in(2) ? GICD_ICFGR : GICD_NSACR) + intid / 16 * 4, 0);
    case 3:
        return as(CODE("ldr x0, [x0]"), GICD + GICD_IROUTER + 8 * (intid | 32), 0);
    default:
        return as(CODE("ldr w0, [x0]"), frame + of_bits[draw_below(8)] + intid / 32 * 4, 0);
    }
}

static u64 look_at_all(u32 intid)
{
    (void)intid;
    static const u64 addresses[] = {GICD + GICD_CTLR, GICR(0) + GICR_WAKER, GICR(0)};
    return as(CODE("ldr w0, [x0]"), addresses[draw_below(sizeof addresses / sizeof addresses[0])], 0);
}

/* --- the CPU interface --- */

static u64 read_interface(u32 n)
{
    const void *const codes[] = {
#define READ(name) CODE("mrs x0, " #name)
        READ(icc_pmr_el1),   READ(icc_rpr_el1),    READ(icc_bpr0_el1),    READ(icc_bpr1_el1),  READ(icc_hppir0_el1), READ(icc_hppir1_el1),  READ(icc_ap0r0_el1), READ(icc_ap1r0_el1),
        READ(icc_igrpen0_el1), READ(icc_igrpen1_el1), READ(icc_sre_el2), READ(S3_6_C12_C12_7),
        READ(isr_el1), READ(icc_sre_el3),
    };
    return as(codes[n % (sizeof codes / sizeof codes[0])], 0xbad, 0);
}

#define WRITE_STEP(name, register, value)                                                                              \
    static u64 name(u32 n)                                                                                             \
    {                                                                                                                  \
        (void)n;                                                                                                       \
        u64 written = value;                                                                                           \
        as(CODE("msr " #register ", x0\n isb"), written, 0);                                                           \
        return written;                                                                                                \
    }
WRITE_STEP(priority_mask, icc_pmr_el1, one_in(2) ? draw_below(256) : 0xf8)
WRITE_STEP(binary_point_0, icc_bpr0_el1, draw_below(8))
WRITE_STEP(binary_point_1, icc_bpr1_el1, draw_below(8))
/* CBPR and EOImode. */
WRITE_STEP(control, icc_ctlr_el1, draw_below(4))
/* RM is not implemented on one of the two machines. */
WRITE_STEP(control_el3, S3_6_C12_C12_4, draw_below(32))
WRITE_STEP(enable_group_0, icc_igrpen0_el1, !one_in(3))
WRITE_STEP(enable_group_1, icc_igrpen1_el1, !one_in(3))
WRITE_STEP(enable_groups_1, S3_6_C12_C12_7, one_in(2) ? 3 : draw_below(4))
WRITE_STEP(active_priorities_0, icc_ap0r0_el1, 0)
WRITE_STEP(deactivate, icc_dir_el1, n)
WRITE_STEP(end_0, icc_eoir0_el1, n)
WRITE_STEP(end_1, icc_eoir1_el1, n)

static u64 acknowledge_0(u32 n)
{
    (void)n;
    return hold(as(CODE("mrs x0, icc_iar0_el1"), SPURIOUS, 0), 0);
}

static u64 acknowledge_1(u32 n)
{
    (void)n;
    return hold(as(CODE("mrs x0, icc_iar1_el1"), SPURIOUS, 0), 1);
}

/* What was acknowledged last, and not always by the one who did that. */
static u64 end_last(u32 n)
{
    (void)n;
    const struct held *last = release();
    if (!last)
        return SPURIOUS;
    return last->group ? end_1(last->intid) : end_0(last->intid);
}

static u64 send(u32 n)
{
    u64 value = (u64)(n & 15) << 24 | draw_below(4) | (one_in(6) ? BIT(40) : 0) | (one_in(12) ? BIT(16) : 0);
    switch (draw_below(3)) {
    case 0:
        as(CODE("msr icc_sgi0r_el1, x0\n isb"), value, 0);
        return value;
    case 1:
        as(CODE("msr icc_asgi1r_el1, x0\n isb"), value, 0);
        return value | BIT(60);
    default:
        as(CODE("msr icc_sgi1r_el1, x0\n isb"), value, 0);
        return value | BIT(61);
    }
}

/* SCR_EL3.{IRQ, FIQ}: which of the registers trap, and whether the Non-secure world sees half of the priorities. */
static u64 route_to_el3(u32 n)
{
    (void)n;
    return routes = draw_bits(SCR_IRQ | SCR_FIQ, 1);
}

static const struct step steps[] = {
    {"pend", pend, 5},
    {"unpend", unpend, 1},
    {"enable", enable_some, 3},
    {"disable", disable_some, 1},
    {"active", activate, 2},
    {"group", group, 3},
    {"priority", priority, 3},
    {"two bits", two_bits, 2},
    {"route", route, 1},
    {"gicd_ctlr", distributor, 1},
    {"look", look, 5},
    {"look at all", look_at_all, 1},
    {"read", read_interface, 5},
    {"pmr", priority_mask, 2},
    {"bpr0", binary_point_0, 1},
    {"bpr1", binary_point_1, 2},
    {"ctlr", control, 1},
    {"ctlr_el3", control_el3, 1},
    {"igrpen0", enable_group_0, 1},
    {"igrpen1", enable_group_1, 1},
    {"igrpen1_el3", enable_groups_1, 2},
    {"ap0r0", active_priorities_0, 1},
    {"dir", deactivate, 2},
    {"eoir0", end_0, 1},
    {"eoir1", end_1, 1},
    {"iar0", acknowledge_0, 4},
    {"iar1", acknowledge_1, 5},
    {"end", end_last, 5},
    {"sgi", send, 3},
    {"scr", route_to_el3, 1},
};

/* A register of each world's own. */
#define write_both(name, secure, non_secure)                                                                           \
    do {                                                                                                               \
        write_register(scr_el3, SCR_SECURE | SCR_NS);                                                                  \
        write_register(name, non_secure);                                                                              \
        write_register(scr_el3, SCR_SECURE);                                                                           \
        write_register(name, secure);                                                                                  \
    } while (0)

static void reset(void)
{
    forget_held();
    routes = 0;
    /* A step that accesses nothing shows the last one's exception: not one of the case before. */
    exception_count = 0;
    write_register(icc_igrpen1_el3, 0);
    write_register(icc_igrpen0_el1, 0);
    write_register(icc_ctlr_el3, 0);
    *word(GICD + GICD_CTLR) = 0x30;
    for (u32 at = 0; at < WORDS; at++) {
        u64 frame = at ? GICD : BANK;
        *word(frame + GICD_ICENABLER + 4 * at) = ~0u;
        *word(frame + GICD_ICPENDR + 4 * at) = ~0u;
        *word(frame + GICD_ICACTIVER + 4 * at) = ~0u;
        *word(frame + GICD_IGROUPR + 4 * at) = draw_bits(~0u, 1);
        *word(frame + GICD_IGRPMODR + 4 * at) = draw_bits(~0u, 1);
        for (u32 j = 0; j < 8; j++)
            *word(frame + GICD_IPRIORITYR + 32 * at + 4 * j) = 0xa04090c0;
        for (u32 j = 0; j < 2; j++) {
            *word(frame + GICD_ICFGR + 8 * at + 4 * j) = 0xaaaaaaaa;
            *word(frame + GICD_NSACR + 8 * at + 4 * j) = draw_bits(~0u, 2);
        }
    }
    for (u32 intid = 32; intid < 64; intid++)
        *(volatile u64 *)(GICD + GICD_IROUTER + 8 * intid) = 0;
    /* QEMU does not let the Non-secure copy of ICC_AP1R0_EL1 be written. */
    for (u32 n = 0; n < 32 && read_register(icc_rpr_el1) != IDLE; n++) {
        write_register(icc_eoir0_el1, 0);
        write_register(icc_eoir1_el1, 0);
    }
    write_register(icc_bpr0_el1, 0);
    write_both(icc_bpr1_el1, 0, 0);
    write_register(icc_pmr_el1, 0xf8);
    *word(GICD + GICD_CTLR) = GICD_OPEN;
    write_register(icc_igrpen0_el1, 1);
    write_register(icc_igrpen1_el3, 3);
}

static void print_words(const char *name, u32 offset)
{
    print(" ");
    print(name);
    print("=");
    print_hex(*word(BANK + offset), 0);
    print(",");
    print_hex(*word(GICD + offset + 4), 0);
}

static void print_state(void)
{
    if (who) {
        print(" ");
        print(who->name);
        print(":");
        for (u32 i = 0; i < exception_count; i++) {
            print(" EL");
            print_decimal(exceptions[i].el);
            if (exceptions[i].vector & 0x180)
                print_field("vector", exceptions[i].vector);
            else
                print_field("esr", exceptions[i].esr);
        }
    }
    print_field("gicd", *word(GICD + GICD_CTLR));
    print_field("igrpen", read_register(icc_igrpen1_el3) << 1 | read_register(icc_igrpen0_el1));
    print_field("ctlrs", read_register(icc_ctlr_el1) & 3);
    print_field("pmr", read_register(icc_pmr_el1));
    print_field("rpr", read_register(icc_rpr_el1));
    print_field("ap0", read_register(icc_ap0r0_el1));
    print_field("ap1s", read_register(icc_ap1r0_el1));
    print_field("bpr0", read_register(icc_bpr0_el1));
    print_field("bpr1s", read_register(icc_bpr1_el1));
    print_field("hppir0", read_register(icc_hppir0_el1));
    print_field("hppir1", read_register(icc_hppir1_el1));
    print_field("isr", read_register(isr_el1));
    write_register(scr_el3, SCR_SECURE | SCR_NS);
    print_field("ctlr", read_register(icc_ctlr_el1) & 3);
    print_field("ap1", read_register(icc_ap1r0_el1));
    print_field("bpr1", read_register(icc_bpr1_el1));
    write_register(scr_el3, SCR_SECURE);
    print_words("groups", GICD_IGROUPR);
    print_words("modifiers", GICD_IGRPMODR);
    print_words("enabled", GICD_ISENABLER);
    print_words("pending", GICD_ISPENDR);
    print_words("active", GICD_ISACTIVER);
    print("\n");
}

/* And who is to do something about it. */
static u32 draw_intid(void)
{
    who = &everyone[draw_below(sizeof everyone / sizeof everyone[0])];
    return intids[draw_below(sizeof intids / sizeof intids[0])];
}

static void one(void)
{
    who = 0;
    reset();
    print_state();
    take_steps(STEPS, steps, sizeof steps / sizeof steps[0], draw_intid, print_state);
}

void main(void *device_tree)
{
    (void)device_tree;
    *word(GICR(0) + GICR_WAKER) = 0;
    while (*word(GICR(0) + GICR_WAKER) & 4) {
    }
    write_register(icc_sre_el3, 0xf);
    write_both(icc_sre_el1, 0xf, 0xf);
    write_register(scr_el3, SCR_SECURE | SCR_NS);
    write_register(icc_sre_el2, 0xf);
    write_register(scr_el3, SCR_SECURE);
    run_cases(one);
}
