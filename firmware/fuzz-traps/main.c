/*
 * Random states of all trap controls of EL1 and EL2 together, and of EL3 if that is where the guest was entered; in
 * each one system register or instruction at a level below (DDI 0487, D1.3.8 "Configurable instruction controls"): a
 * line says which, in which state, and what exceptions came. The guest "traps" has every control by itself; here is
 * which of several goes first.
 */
#include "../fuzz/fuzz.h"
#include "../traps/traps.h"

#define CODE_ADDRESS 0x41000000ul
#define DATA_ADDRESS 0x41001000ul
#define SVC_PROBE_END 0xd41ffe01u
#define HVC_PROBE_END 0xd41ffe02u
#define SMC_PROBE_END 0xd41ffe03u
#define READ BIT(21)

#define FMO BIT(3)
#define IMO BIT(4)
#define TWI BIT(13)
#define TID (15ul << 15)
#define TSC BIT(19)
/* TACR, TSW, TPCP, TPU, TTLB */
#define TRAP_MAINTENANCE (31ul << 21)
#define TVM BIT(26)
#define TGE BIT(27)
#define TDZ BIT(28)
#define TRVM BIT(30)
#define E2H BIT(34)
#define TLOR BIT(35)
#define TERR BIT(36)
/* APK, API */
#define PAUTH (3ul << 40)
#define EnSCXT BIT(53)

#define TSCXT BIT(20)

#define MDCR_EL2_HPMN 0x1f

#define SCR_NS BIT(0)
/* IRQ, FIQ, EA */
#define SCR_ROUTES (7ul << 1)
#define SCR_HCE BIT(8)
#define SCR_ST BIT(11)
#define SCR_TWI BIT(12)
#define SCR_TLOR BIT(14)
#define SCR_TERR BIT(15)
/* APK, API */
#define SCR_PAUTH (3ul << 16)
#define SCR_EnSCXT BIT(25)
#define SCR_HXEn BIT(38)

u64 enter(u64 pstate, const void *code, u64 x0, u64 x1, u64 x2, u64 x3);

/* What the guest "traps" leaves out: the ways between levels, immediates, and names of EL2 used below it. */
static const struct named_encoding others[] = {
    {"svc", 0xd4000021},
    {"hvc", 0xd4000022},
    {"smc", 0xd4000023},
    {"eret", 0xd69f03e0},
    {"brk", 0xd4200020},
    {"hlt", 0xd4400020},
    {"dcps1", 0xd4a00001},
    {"drps", 0xd6bf03e0},
    {"yield", 0xd503203f},
    {"fmov d0, x0", 0x1e670000},
    {"pacia x0, x1", 0xdac10020},
    {"msr daifset", 0xd5034fdf},
    {"msr daifclr", 0xd5034fff},
    {"msr spsel", 0xd50041bf},
    {"msr pan", 0xd500419f},
    {"mrs sctlr_el2", REGISTER(3, 4, 1, 0, 0) | READ},
    {"mrs hcr_el2", REGISTER(3, 4, 1, 1, 0) | READ},
    {"mrs mdcr_el2", REGISTER(3, 4, 1, 1, 1) | READ},
    {"mrs cptr_el2", REGISTER(3, 4, 1, 1, 2) | READ},
    {"mrs hcrx_el2", REGISTER(3, 4, 1, 2, 2) | READ},
    {"mrs ttbr1_el2", REGISTER(3, 4, 2, 0, 1) | READ},
    {"mrs vttbr_el2", REGISTER(3, 4, 2, 1, 0) | READ},
    {"mrs sp_el1", REGISTER(3, 4, 4, 1, 0) | READ},
    {"mrs vsesr_el2", REGISTER(3, 4, 5, 2, 3) | READ},
    {"mrs vdisr_el2", REGISTER(3, 4, 12, 1, 1) | READ},
    {"mrs icc_sre_el2", REGISTER(3, 4, 12, 9, 5) | READ},
    {"mrs ich_hcr_el2", REGISTER(3, 4, 12, 11, 0) | READ},
    {"mrs scxtnum_el2", REGISTER(3, 4, 13, 0, 7) | READ},
    {"mrs scxtnum_el12", REGISTER(3, 5, 13, 0, 7) | READ},
    {"mrs contextidr_el2", REGISTER(3, 4, 13, 0, 1) | READ},
    {"mrs cnthv_ctl_el2", REGISTER(3, 4, 14, 3, 1) | READ},
    {"mrs sctlr_el12", REGISTER(3, 5, 1, 0, 0) | READ},
    {"mrs cpacr_el12", REGISTER(3, 5, 1, 0, 2) | READ},
    {"mrs cntp_ctl_el02", REGISTER(3, 5, 14, 2, 1) | READ},
    {"mrs cntv_ctl_el02", REGISTER(3, 5, 14, 3, 1) | READ},
    {"mrs scr_el3", REGISTER(3, 6, 1, 1, 0) | READ},
    {"mrs cntps_ctl_el1", REGISTER(3, 7, 14, 2, 1) | READ},
    {"at s1e2r", INSTRUCTION(4, 7, 8, 0)},
    {"at s12e1r", INSTRUCTION(4, 7, 8, 4)},
    {"tlbi ipas2e1", INSTRUCTION(4, 8, 4, 1)},
    {"tlbi alle2", INSTRUCTION(4, 8, 7, 0)},
    {"tlbi alle1", INSTRUCTION(4, 8, 7, 4)},
};

struct controls {
    u64 hcr, cptr, mdcr, cnthctl, ich_hcr;
    u64 sctlr, cpacr, cntkctl, pmuserenr, mdscr;
    u64 scr, cptr3, mdcr3;
};

static const struct controls open = {
    .hcr = HCR_RW | PAUTH | EnSCXT,
    .cptr = CPTR_EL2_OPEN,
    .cnthctl = 3,
    .sctlr = (SCTLR_EL1_OFF & ~TSCXT) | BIT(9) | BIT(14) | BIT(15) | BIT(26),
    .cpacr = 3ul << 20,
    .cntkctl = 0x303,
    .pmuserenr = 15,
    .scr = SCR_OPEN | SCR_PAUTH | SCR_EnSCXT | SCR_HXEn,
};

static void write_controls(const struct controls *controls)
{
    if (home == 3)
        write_register(scr_el3, open.scr);
    /* With E2H the names of EL1 are EL2's registers, and CPTR_EL2 and CNTHCTL_EL2 have another form. */
    write_register(hcr_el2, HCR_RW);
    write_register(sctlr_el1, controls->sctlr);
    write_register(cpacr_el1, controls->cpacr);
    write_register(cntkctl_el1, controls->cntkctl);
    write_register(pmuserenr_el0, controls->pmuserenr);
    write_register(mdscr_el1, controls->mdscr);
    /* Where an ERET of EL1 goes. */
    write_register(spsr_el1, EL1);
    write_register(elr_el1, CODE_ADDRESS + 4);
    write_register(mdcr_el2, (read_register(mdcr_el2) & MDCR_EL2_HPMN) | controls->mdcr);
    write_register(ich_hcr_el2, controls->ich_hcr);
    write_register(hcr_el2, controls->hcr);
    write_register(cptr_el2, controls->cptr);
    write_register(cnthctl_el2, controls->cnthctl);
    if (home == 3) {
        /* Where an ERET of EL2 goes. */
        write_register(spsr_el2, EL2);
        write_register(elr_el2, CODE_ADDRESS + 4);
        write_register(cptr_el3, controls->cptr3);
        write_register(mdcr_el3, controls->mdcr3);
        write_register(scr_el3, controls->scr);
    }
}

static u64 draw_scr(void)
{
    u64 scr = open.scr & ~(SCR_NS | SCR_HCE | SCR_PAUTH | SCR_EnSCXT | SCR_HXEn);
    scr |= one_in(6) ? 0 : SCR_NS;
    scr |= one_in(6) ? 0 : SCR_HCE;
    return scr | draw_bits(SCR_PAUTH | SCR_EnSCXT | SCR_HXEn, 1) |
           draw_bits(SCR_ROUTES | SCR_ST | SCR_TWI | SCR_TLOR | SCR_TERR, 2);
}

static struct controls draw_controls(void)
{
    u64 hcr = HCR_RW | draw_bits(PAUTH | EnSCXT, 1);
    hcr |= draw_bits(FMO | IMO | TWI | TID | TSC | TRAP_MAINTENANCE | TVM | TGE | TDZ | TRVM | TLOR | TERR, 2);
    if ((read_register(id_aa64mmfr1_el1) >> 8 & 15) == 1)
        hcr |= draw_bits(E2H, 1);
    /* FPEN; or the other form's RES1 bits, and TFP. TCPAC has its place in both. */
    u64 cptr = hcr & E2H ? draw_bits(3ul << 20 | BIT(31), 1)
                         : (CPTR_EL2_OPEN & ~BIT(10)) | draw_bits(BIT(10) | BIT(31), 2);
    return (struct controls){
        .hcr = hcr,
        .cptr = cptr,
        .mdcr = draw_bits(BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11), 2),
        .cnthctl = draw_bits(hcr & E2H ? 0xf03 : 3, 1),
        .ich_hcr = draw_bits(BIT(10) | BIT(11) | BIT(12) | BIT(14), 2),
        .sctlr = (SCTLR_EL1_OFF & ~TSCXT) |
                 draw_bits(TSCXT | BIT(9) | BIT(10) | BIT(14) | BIT(15) | BIT(16) | BIT(18) | BIT(26), 1),
        .cpacr = draw_bits(3ul << 20, 1),
        .cntkctl = draw_bits(0x303, 1),
        .pmuserenr = draw_bits(15, 1),
        .mdscr = draw_bits(BIT(12), 1),
        .scr = home == 3 ? draw_scr() : 0,
        /* TFP, TCPAC; TPM, TDA, TDOSA */
        .cptr3 = home == 3 ? draw_bits(BIT(10) | BIT(31), 2) : 0,
        .mdcr3 = home == 3 ? draw_bits(BIT(6) | BIT(9) | BIT(10), 2) : 0,
    };
}

static void print_controls(const struct controls *controls)
{
    print_field("hcr", controls->hcr);
    print_field("cptr", controls->cptr);
    print_field("mdcr", controls->mdcr);
    print_field("cnthctl", controls->cnthctl);
    print_field("ich_hcr", controls->ich_hcr);
    print_field("sctlr", controls->sctlr);
    print_field("cpacr", controls->cpacr);
    print_field("cntkctl", controls->cntkctl);
    print_field("pmuserenr", controls->pmuserenr);
    print_field("mdscr", controls->mdscr);
    if (home == 3) {
        print_field("scr", controls->scr);
        print_field("cptr3", controls->cptr3);
        print_field("mdcr3", controls->mdcr3);
    }
}

static void put_code(u32 word, u64 level)
{
    volatile u32 *code = (volatile u32 *)CODE_ADDRESS;
    code[0] = word;
    /* Not through EL1 if it need not be: its vectors would be trapped themselves by some controls. */
    code[1] = level == 0 ? SVC_PROBE_END : home == 3 ? SMC_PROBE_END : HVC_PROBE_END;
    code[2] = SVC_PROBE_END;
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

/* x3 behind the word, or 0 if it does not get there. */
static u64 outcome(u32 word, u64 level, u64 x3)
{
    static const u64 pstates[] = {EL0, EL1, EL2};
    put_code(word, level);
    exception_count = 0;
    enter(pstates[level], (const void *)CODE_ADDRESS, 0, 0, 0, x3);
    return exception_count ? 0 : probe_results.x[3];
}

static void one(void)
{
    const char *prefix = " ";
    const struct named_encoding *encoding;
    int write = 0;
    if (one_in(3)) {
        encoding = &others[draw_below(sizeof others / sizeof others[0])];
    } else {
        encoding = &encodings[draw_below(encoding_count)];
        if (!IS_INSTRUCTION(encoding->word)) {
            write = one_in(2);
            prefix = write ? " msr " : " mrs ";
        }
    }
    u32 word = encoding->word;
    if (encoding >= encodings && encoding < encodings + encoding_count)
        word |= 3 | (IS_INSTRUCTION(word) || write ? 0 : READ);

    struct controls controls = draw_controls();
    u64 level = draw_below(controls.scr & SCR_NS ? 3 : 2);
    /* To EL1 with TGE is an illegal exception return, of which a few will do. */
    if (controls.hcr & TGE && level == 1 && !one_in(4))
        level = 0;
    /* The vectors of EL1, to which the end of a probe at EL0 goes, read what these two trap. */
    if (level == 0)
        controls.hcr &= ~(TVM | TRVM);

    u64 value = DATA_ADDRESS;
    if (write) {
        /* What is written is what was there; at EL2 a name may be another register's, by E2H. */
        struct controls reading = open;
        if (level == 2)
            reading.hcr |= controls.hcr & E2H;
        write_controls(&reading);
        value = outcome(word | READ, level == 2 ? 2 : 1, 0);
    }
    print(prefix);
    print(encoding->name);
    print_field("el", level);
    print_controls(&controls);
    print(":");
    write_controls(&controls);
    outcome(word, level, value);
    write_controls(&open);
    print_exceptions((const void *)CODE_ADDRESS);
    print("\n");
}

void main(void *device_tree)
{
    if (home == 3)
        write_register(icc_sre_el3, 0xf);
    (void)device_tree;
    write_register(icc_sre_el2, 0xf);
    write_register(oslar_el1, 0);
    run_cases(one);
}
