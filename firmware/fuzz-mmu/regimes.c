/*
 * Random translation by the regimes of EL3, EL2, EL2&0 and Secure EL1&0, whose tables map the image too, and by stage 2
 * alone with any granule, size and start level it may have (DDI 0487, D8.2).
 */
#include "walks.h"

#define SCR_NS BIT(0)
#define SCR_SIF BIT(9)
#define HCR_DC BIT(12)
#define HCR_HOST (BIT(34) | BIT(27))
#define SECURE_RAM 0x0e000000ul

/* TCR_EL2 and TCR_EL3, and TCR_EL2 with HCR_EL2.E2H, which is as TCR_EL1. */
#define TCR_TBI BIT(20)
#define TCR_HA BIT(21)
#define TCR_HD BIT(22)
#define TCR_HPD BIT(24)
#define TCR_TBID BIT(29)
#define TCR1_EPD0 BIT(7)
#define TCR1_A1 BIT(22)
#define TCR1_TBI0 BIT(37)
#define TCR1_HA BIT(39)
#define TCR1_HD BIT(40)
#define TCR1_HPD0 BIT(41)

enum regime { MONITOR, HYPERVISOR, HOST, SECURE, STAGE2, REGIMES };
static const char *const names[] = {"EL3", "EL2", "EL2&0", "Secure EL1&0", "stage 2"};

#define MAX_SPACES 20
static struct space stage1_spaces[MAX_SPACES], stage2_spaces[MAX_SPACES];
static u32 stage1_count, stage2_count;

/* Main runs under EL3's. */
static void map_all(struct space *space)
{
    u64 step = space->granule == 12 ? 0x1000 : 1ul << space->granule;
    u64 data = space->stage2 ? BIT(6) | BIT(7) | 0xful << 2 | SH_INNER | AF : NORMAL | SH_INNER | AF | AP_EL0 | PXN | UXN;
    map_image(space);
    for (u64 at = tables; at < target + TARGET_SIZE; at += step)
        map(space, at, at, 3, data);
}

void begin_regimes(void)
{
    static const u8 sizes[][2] = {{12, 33}, {12, 39}, {12, 42}, {12, 48}, {16, 33}, {16, 42},
                                  {16, 48}, {14, 35}, {14, 40}, {14, 47}, {14, 48}};
    /* Granule, size, start level: as small and as large as the start level has it, and between. */
    static const u8 stage2_sizes[][3] = {{12, 32, 2}, {12, 34, 2}, {12, 33, 1}, {12, 39, 1}, {12, 43, 1}, {12, 44, 0},
                                         {16, 33, 2}, {16, 42, 2}, {16, 44, 2}, {14, 36, 2}, {14, 40, 2}, {14, 44, 1}};
    for (u32 i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i][0] == 14 && !is_max)
            continue;
        struct space space = space_new(sizes[i][0], sizes[i][1]);
        map_all(&space);
        stage1_spaces[stage1_count++] = space;
    }
    for (u32 i = 0; i < sizeof stage2_sizes / sizeof stage2_sizes[0]; i++) {
        const u8 *size = stage2_sizes[i];
        struct space space = {.granule = size[0], .bits = size[1], .start_level = size[2], .stage2 = 1};
        if (space.granule == 14 && !is_max)
            continue;
        /* Up to 16 tables. */
        space.root = (u64 *)arena_alloc(16ul << space.granule, 16ul << space.granule);
        map_all(&space);
        stage2_spaces[stage2_count++] = space;
    }
    for (u64 at = SECURE_RAM; at < SECURE_RAM + 0x1000; at += 8)
        *(volatile u64 *)at = SVC_WORDS;
}

static int is_free(const struct space *space, u64 va)
{
    int shift = space->granule + (3 - space->start_level) * (space->granule - 3);
    return space->root[va >> shift] == 0;
}

/* "at s12e…" */
static int is_two_stages(const char *name)
{
    return name[0] == 'a' && name[3] == 's' && name[4] == '1' && name[5] == '2';
}

/* Says whether it read, wrote or branched, and came to no exception. */
static int one_access(enum regime regime, const struct space *space, u64 va, u64 scr, int dirty_state)
{
    const struct {
        const char *name;
        const void *code;
    } accesses[] = {
#define ACCESS(text) {text, CODE(text)}
#define AT(operation) {"at " operation, CODE("at " operation ", x0\n\tisb\n\tmrs x0, par_el1")}
        ACCESS("ldr x0, [x0]"),   ACCESS("ldrb w0, [x0]"),  ACCESS("ldrsw x3, [x0]"),  ACCESS("str x1, [x0]"),
        ACCESS("strb w1, [x0]"),  ACCESS("stp x1, x1, [x0]"), ACCESS("ldtr x1, [x0]"), ACCESS("sttr x1, [x0]"),
        ACCESS("ldxr x1, [x0]"),  ACCESS("br x0"),          ACCESS("br x0"),           ACCESS("ldar x0, [x0]"),
        ACCESS("ldr x0, [x0]"),    AT("s1e1r"),              AT("s1e0r"),               AT("s1e2r"),
        AT("s12e1r"),             AT("s12e0r"),             AT("s1e3r"),               AT("s1e1w"),
        AT("s1e0w"),              AT("s1e2w"),              AT("s12e1w"),              AT("s12e0w"),
        AT("s1e3w"),
    };
    const u32 first_at = 13, first_at_write = 19;
    u32 choice = draw_below(dirty_state ? first_at_write : sizeof accesses / sizeof accesses[0]);
    /* With HCR_EL2.FWB a RES0 bit of MemAttr is set, which QEMU makes Device of. */
    if (read_register(hcr_el2) & HCR_FWB && is_two_stages(accesses[choice].name))
        choice = 0;
    static const u64 levels[] = {EL3, EL2, EL2, EL1, EL1};
    u64 pstate = levels[regime];
    if (choice >= first_at && one_in(2))
        pstate = EL3;
    else if (choice < first_at && (regime == HOST || regime == SECURE || regime == STAGE2) && one_in(2))
        pstate = EL0;
    if (is_max)
        pstate |= percent(15, PAN) | percent(15, UAO);
    u64 address = va + (draw_below(0x1000) & ~15ul);
    address ^= percent(10, draw_below(256) << 56);
    if (space->bits > LARGEST_BLOCK)
        address ^= percent(3, BIT(LARGEST_BLOCK + draw_below(space->bits - LARGEST_BLOCK)));
    address ^= percent(3, BIT(space->bits)) ^ percent(2, BIT(55));

    /* Without stage 1 addresses are as large as they are physically: of the two machines' CPUs 44 bits and more. */
    if (is_max && (regime == STAGE2 || choice >= first_at))
        address &= ~(0xfful << 44);

    write_register(scr_el3, scr);
    run(pstate, accesses[choice].code, address, SVC_WORDS);
    write_register(scr_el3, SCR_OPEN);
    print("  ");
    print(accesses[choice].name);
    print_field("pstate", pstate);
    print_field("address", address);
    print(":");
    if (exception_count == 0 && choice >= first_at) {
        print_par(probe_results.x[0]);
        /* NS is of results in Secure state. */
        if (!(scr & SCR_NS) && !(probe_results.x[0] & 1))
            print_field("ns", probe_results.x[0] >> 9 & 1);
    }
    /* ISV and what goes with it are of aborts of stage 2: QEMU has them of EL2's own too (DDI 0487, ESR_EL2). */
    if (regime == HYPERVISOR || regime == HOST)
        for (u32 i = 0; i < exception_count; i++)
            exceptions[i].esr &= ~(0x7fful << 14);
    print_exceptions(accesses[choice].code);
    print("\n");
    return exception_count == 0 && choice < first_at;
}

static void flush(void)
{
    asm volatile("dsb sy\n\ttlbi alle1\n\ttlbi alle2\n\ttlbi alle3\n\tdsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
    write_register(scr_el3, SCR_OPEN & ~SCR_NS);
    asm volatile("tlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
    write_register(scr_el3, SCR_OPEN);
}

/* TCR_EL2 and TCR_EL3 of one range. */
static u64 draw_tcr(const struct space *space)
{
    static const u64 updates[] = {0, TCR_HA, TCR_HA | TCR_HD};
    u64 tcr = tcr_of(space) | TCR_EL2_RES1 | (draw_below(5) ? 4 : draw_below(5)) << 16 | percent(25, TCR_TBI);
    return is_max ? tcr | updates[draw_below(3)] | percent(30, TCR_HPD) | percent(20, TCR_TBID) : tcr;
}

static u64 draw_tcr_el1(const struct space *space)
{
    static const u64 updates[] = {0, TCR1_HA, TCR1_HA | TCR1_HD};
    u64 tcr = tcr_of(space) | EPD1 | TCR_PS(draw_below(5) ? 4 : draw_below(5)) | percent(25, TCR1_TBI0) |
              percent(20, TCR1_A1);
    return is_max ? tcr | updates[draw_below(3)] | percent(30, TCR1_HPD0) : tcr;
}

static u64 draw_sctlr(u64 off)
{
    u64 sctlr = off | SCTLR_M | percent(15, SCTLR_WXN) | percent(20, SCTLR_A);
    return sctlr;
}

void one_of_a_regime(void)
{
    enum regime regime = draw_below(REGIMES);
    int has_host = (read_register(id_aa64mmfr1_el1) >> 8 & 15) != 0;
    if (regime == HOST && !has_host)
        regime = STAGE2;
    struct space *space = regime == STAGE2 ? &stage2_spaces[draw_below(stage2_count)]
                                           : &stage1_spaces[draw_below(stage1_count)];
    int first_block = space->granule == 12 ? 1 : 2;
    int leaf = 3;
    while (leaf > first_block && leaf > space->start_level && one_in(6))
        leaf--;
    u64 size = level_size(space, leaf);
    u64 output = (regime == MONITOR || regime == SECURE) && leaf == 3 && one_in(3) ? SECURE_RAM : target;
    u64 va;
    do
        va = (draw() & ((1ul << space->bits) - 1) & ~(size - 1)) | (output & (size - 1));
    while (!is_free(space, va));

    u64 scr = SCR_OPEN & ~(regime == SECURE ? SCR_NS : 0);
    if (regime == SECURE || regime == MONITOR)
        scr |= percent(20, SCR_SIF);
    u64 hcr = HCR_RW;
    print_field("granule", 1ul << space->granule);
    print_field("bits", space->bits);
    print_field("start", space->start_level);
    print_field("va", va);
    print(" ");
    print(names[regime]);
    print(":");
    write_walk(space, space->root, va, output, leaf);
    u64 tcr = 0, sctlr = 0;
    int dirty_state = 0, accessed = 0;
    switch (regime) {
    case MONITOR:
        tcr = draw_tcr(space);
        sctlr = draw_sctlr(SCTLR_EL3_OFF);
        dirty_state = (tcr & TCR_HD) != 0;
        write_register(mair_el3, MAIR_VALUE);
        write_register(tcr_el3, tcr);
        write_register(ttbr0_el3, space->root);
        break;
    case HYPERVISOR:
        tcr = draw_tcr(space);
        sctlr = draw_sctlr(SCTLR_EL2_OFF);
        dirty_state = (tcr & TCR_HD) != 0;
        write_register(mair_el2, MAIR_VALUE);
        write_register(tcr_el2, tcr);
        write_register(ttbr0_el2, space->root);
        write_register(sctlr_el2, sctlr);
        break;
    case HOST:
        hcr |= HCR_HOST;
        tcr = draw_tcr_el1(space);
        sctlr = draw_sctlr(SCTLR_EL1_OFF) ^ percent(30, SCTLR_SPAN);
        dirty_state = (tcr & TCR1_HD) != 0;
        write_register(mair_el2, MAIR_VALUE);
        write_register(hcr_el2, hcr);
        write_register(tcr_el2, tcr);
        write_register(ttbr0_el2, space->root);
        write_register(sctlr_el2, sctlr);
        break;
    case SECURE:
        tcr = draw_tcr_el1(space);
        sctlr = draw_sctlr(SCTLR_EL1_OFF);
        dirty_state = (tcr & TCR1_HD) != 0;
        write_register(mair_el1, MAIR_VALUE);
        write_register(tcr_el1, tcr);
        write_register(ttbr0_el1, space->root);
        write_register(sctlr_el1, sctlr);
        break;
    default:
        hcr |= HCR_VM | percent(10, HCR_PTW) | percent(20, HCR_DC) | percent(5, HCR_CD) | percent(5, HCR_ID);
        /* SL0 counts from the other end; of the granule of 4 KiB from level 2. */
        tcr = tcr_of(space) | (u64)((space->granule == 12 ? 2 : 3) - space->start_level) << 6 | 4ul << 16 | BIT(31);
        if (is_max) {
            tcr |= percent(40, VTCR_HA) | percent(40, VTCR_HD);
            hcr |= percent(15, HCR_FWB);
        }
        dirty_state = (tcr & VTCR_HD) != 0;
        write_register(vtcr_el2, tcr);
        write_register(vttbr_el2, space->root);
        write_register(hcr_el2, hcr);
    }
    print_field("tcr", tcr);
    print_field("sctlr", sctlr);
    print_field("hcr", hcr);
    print_field("scr", scr);
    print("\n");
    flush();
    if (regime == MONITOR)
        write_register(sctlr_el3, sctlr);
    for (u32 i = 0; i < ACCESSES; i++) {
        accessed |= one_access(regime, space, va, scr, dirty_state);
        if (dirty_state)
            flush();
    }
    write_register(sctlr_el3, SCTLR_EL3_OFF);
    write_register(sctlr_el2, SCTLR_EL2_OFF);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(tcr_el2, 0);
    write_register(hcr_el2, HCR_RW);
    flush();
    print_descriptors(accessed);
}
