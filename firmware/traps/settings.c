/* The trap controls, one bit at a time (DDI 0487, D1.3.8 "Configurable instruction controls"). */
#include "traps.h"

/* What is open in the state that everything is compared with. */
#define TSCXT BIT(20)
#define SCTLR_EL1_OPEN ((SCTLR_EL1_OFF & ~TSCXT) | BIT(9) | BIT(14) | BIT(15) | BIT(26))
#define API BIT(41)
#define APK BIT(40)
#define EnSCXT BIT(53)
#define HCR_OPEN (HCR_RW | API | APK | EnSCXT)
#define E2H BIT(34)

/* Each takes the register as it is, when everything is open, with `value` changed. */
static void sctlr(u64 value)
{
    write_register(sctlr_el1, SCTLR_EL1_OPEN ^ value);
}

static void cpacr(u64 value)
{
    write_register(cpacr_el1, 3ul << 20 ^ value);
}

static void cntkctl(u64 value)
{
    write_register(cntkctl_el1, 0x303 ^ value);
}

static void pmuserenr(u64 value)
{
    write_register(pmuserenr_el0, 1 ^ value);
}

static void mdscr(u64 value)
{
    write_register(mdscr_el1, value);
}

static void hcr(u64 value)
{
    /* With E2H the trap register of EL2 has another form, that of CPACR_EL1, and so has the counters'. */
    write_register(hcr_el2, HCR_OPEN ^ value);
    write_register(cptr_el2, value & E2H ? 3ul << 20 : CPTR_EL2_OPEN);
    write_register(cnthctl_el2, value & E2H ? 0xf03 : 3);
}

static void cptr2(u64 value)
{
    write_register(cptr_el2, CPTR_EL2_OPEN ^ value);
}

static void mdcr2(u64 value)
{
    write_register(mdcr_el2, (read_register(mdcr_el2) & 0x1f) | value);
}

static void cnthctl(u64 value)
{
    write_register(cnthctl_el2, 3 ^ value);
}

static void ich_hcr(u64 value)
{
    write_register(ich_hcr_el2, value);
}

static void scr(u64 value)
{
    write_register(scr_el3, (SCR_OPEN | BIT(16) | BIT(17) | BIT(25)) ^ value);
}

static void cptr3(u64 value)
{
    write_register(cptr_el3, value);
}

static void mdcr3(u64 value)
{
    write_register(mdcr_el3, value);
}

#define AT1(name, value) {#name " " #value, name, value, 1, 0}
#define AT2(name, value) {#name " " #value, name, value, 2, 0}
#define AT3(name, value) {#name " " #value, name, value, 3, 0}

const struct setting settings[] = {
    AT1(sctlr, BIT(9)), AT1(sctlr, BIT(10)), AT1(sctlr, BIT(14)), AT1(sctlr, BIT(15)), AT1(sctlr, TSCXT),
    AT1(sctlr, BIT(26)),
    AT1(cpacr, BIT(20)), AT1(cpacr, BIT(21)), AT1(cpacr, 3ul << 20),
    AT1(cntkctl, BIT(0)), AT1(cntkctl, BIT(1)), AT1(cntkctl, 3), AT1(cntkctl, BIT(8)), AT1(cntkctl, BIT(9)),
    AT1(pmuserenr, 1), AT1(pmuserenr, 3), AT1(pmuserenr, 5), AT1(pmuserenr, 9),
    AT1(mdscr, BIT(12)),
    AT2(hcr, BIT(3)), AT2(hcr, BIT(4)), AT2(hcr, BIT(15)), AT2(hcr, BIT(16)), AT2(hcr, BIT(17)), AT2(hcr, BIT(18)),
    AT2(hcr, BIT(20)), AT2(hcr, BIT(21)), AT2(hcr, BIT(22)), AT2(hcr, BIT(23)), AT2(hcr, BIT(24)), AT2(hcr, BIT(25)),
    AT2(hcr, BIT(26)), AT2(hcr, BIT(28)), AT2(hcr, BIT(35)), AT2(hcr, BIT(36)), AT2(hcr, APK),
    AT2(hcr, API), AT2(hcr, EnSCXT),
    {"hcr BIT(30)", hcr, BIT(30), 2, ONLY_EL1},
    {"hcr TGE", hcr, BIT(27), 2, ONLY_EL0},
    {"hcr E2H, TGE", hcr, BIT(27) | E2H, 2, ONLY_EL0},
    AT2(cptr2, BIT(10)), AT2(cptr2, BIT(31)),
    AT2(mdcr2, BIT(5)), AT2(mdcr2, BIT(6)), AT2(mdcr2, BIT(8)), AT2(mdcr2, BIT(9)), AT2(mdcr2, BIT(10)),
    AT2(mdcr2, BIT(11)),
    AT2(cnthctl, BIT(0)), AT2(cnthctl, BIT(1)),
    AT2(ich_hcr, BIT(10)), AT2(ich_hcr, BIT(11)), AT2(ich_hcr, BIT(12)), AT2(ich_hcr, BIT(14)),
    AT3(scr, BIT(1)), AT3(scr, BIT(2)), AT3(scr, BIT(1) | BIT(2)), AT3(scr, BIT(11)), AT3(scr, BIT(14)),
    AT3(scr, BIT(15)), AT3(scr, BIT(16)), AT3(scr, BIT(17)), AT3(scr, BIT(25)),
    AT3(cptr3, BIT(10)), AT3(cptr3, BIT(31)),
    AT3(mdcr3, BIT(6)), AT3(mdcr3, BIT(9)), AT3(mdcr3, BIT(10)),
};
const u32 setting_count = sizeof settings / sizeof settings[0];
