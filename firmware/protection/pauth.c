/* Codes in pointers, by every key, at every level, whatever the size of addresses and the use of tags. */
#include "groups.h"
#include "keys.h"

#define T0SZ(n) ((u64)(n))
#define T1SZ(n) ((u64)(n) << 16)
#define TBI0 BIT(37)
#define TBI1 BIT(38)
#define TBID0 BIT(51)
#define TBID1 BIT(52)

/* Good pointers of both halves, then ones with a tag, then ones that are none. */
static const u64 pointers[] = {
    0x0000000012345678, 0xffff8000123456f0, 0x5a00000012345678, 0xa5ffff8012345670, 0x0123456789abcdef, 0x80d5000000000000,
};
#define POINTERS (sizeof(pointers) / sizeof(pointers[0]))

struct operation {
    const char *name;
    const void *code;
};

static void each_level(const char *name, const void *code, u64 x0, u64 x1)
{
    for (u32 level = 0; level <= home; level++)
        probe_value(name, level == 0 ? EL0 : level == 1 ? EL1 : level == 2 ? EL2 : EL3, code, x0, x1);
}

static void print_line(const char *name, u64 value)
{
    print(name);
    print_field("value", value);
    print("\n");
}

static void all_codes(u64 tcr)
{
    const struct operation operations[] = {
        {"  pacia", CODE("pacia x0, x1")}, {"  pacib", CODE("pacib x0, x1")}, {"  pacda", CODE("pacda x0, x1")},
        {"  pacdb", CODE("pacdb x0, x1")}, {"  paciza", CODE("paciza x0")}, {"  pacizb", CODE("pacizb x0")},
        {"  pacdza", CODE("pacdza x0")}, {"  pacdzb", CODE("pacdzb x0")}, {"  xpaci", CODE("xpaci x0")},
        {"  xpacd", CODE("xpacd x0")}, {"  pacga", CODE("pacga x0, x0, x1")},
        {"  pacia and autia", CODE("pacia x0, x1\n autia x0, x1")},
        {"  pacib and autib", CODE("pacib x0, x1\n autib x0, x1")},
        {"  pacda and autda", CODE("pacda x0, x1\n autda x0, x1")},
        {"  pacdb and autdb", CODE("pacdb x0, x1\n autdb x0, x1")},
        {"  paciza and autiza", CODE("paciza x0\n autiza x0")},
        {"  pacdzb and autdzb", CODE("pacdzb x0\n autdzb x0")},
        {"  pacia and xpaci", CODE("pacia x0, x1\n xpaci x0")},
    };
    print_line("tcr_el1", tcr);
    write_register(tcr_el1, tcr);
    for (u32 i = 0; i < POINTERS; i++) {
        u64 modifier = arbitrary();
        print_line(" pointer", pointers[i]);
        print_line(" modifier", modifier);
        for (u32 op = 0; op < sizeof(operations) / sizeof(operations[0]); op++)
            probe_value(operations[op].name, op & 1 ? EL1 : EL0, operations[op].code, pointers[i], modifier);
    }
    write_register(tcr_el1, 0);
}

void codes(void)
{
    static const u64 tcrs[] = {
        T0SZ(16) | T1SZ(16), T0SZ(25) | T1SZ(28), T0SZ(16) | T1SZ(16) | TBI0, T0SZ(25) | T1SZ(16) | TBI0 | TBI1,
        T0SZ(25) | T1SZ(25) | TBI0 | TBI1 | TBID0 | TBID1, T0SZ(33) | T1SZ(39) | TBI1 | TBID1,
    };
    print("codes\n");
    set_keys();
    enable_keys(ALL_KEYS);
    for (u32 i = 0; i < sizeof(tcrs) / sizeof(tcrs[0]); i++)
        all_codes(tcrs[i]);
    /* The regimes of EL2 and EL3 have one range. */
    for (u32 i = 0; i < 3 && home >= 2; i++) {
        u64 tcr = T0SZ(i == 0 ? 16 : 30) | (i == 0 ? 0 : BIT(20)) | (i == 2 ? BIT(29) : 0) | BIT(31) | BIT(23);
        print_line("tcr of the highest level", tcr);
        if (home == 2)
            write_register(tcr_el2, tcr);
        else
            write_register(tcr_el3, tcr);
        for (u32 p = 0; p < POINTERS; p++) {
            probe_value("  pacia", home == 2 ? EL2 : EL3, CODE("pacia x0, x1"), pointers[p], p);
            probe_value("  pacdb", home == 2 ? EL2 : EL3, CODE("pacdb x0, x1"), pointers[p], p);
            probe_value("  pacib and autib", home == 2 ? EL2 : EL3, CODE("pacib x0, x1\n autib x0, x1"), pointers[p], p);
        }
    }
    print("many values\n");
    for (u32 i = 0; i < 64; i++) {
        u64 value = arbitrary(), modifier = arbitrary();
        if (i % 8 == 0)
            set_keys();
        probe_value("  pacga", EL1, CODE("pacga x0, x0, x1"), value, modifier);
        probe_value("  pacib", EL1, CODE("pacib x0, x1"), value >> 20, modifier);
    }
    probe_value("  pacga with sp", EL1, CODE("mov x2, sp\n mov sp, x1\n pacga x0, x0, sp\n mov sp, x2"), 1, 0x1230);
}

void failures(void)
{
    static const u64 tcrs[] = {T0SZ(16) | T1SZ(16), T0SZ(25) | T1SZ(25) | TBI0 | TBI1};
    print("codes that are wrong\n");
    set_keys();
    enable_keys(ALL_KEYS);
    for (u32 i = 0; i < 2; i++) {
        print_line("tcr_el1", tcrs[i]);
        write_register(tcr_el1, tcrs[i]);
        for (u32 p = 0; p < POINTERS; p++) {
            print_line(" pointer", pointers[p]);
            probe_value("  autia", EL1, CODE("autia x0, x1"), pointers[p], 1);
            probe_value("  autib", EL1, CODE("autib x0, x1"), pointers[p], 1);
            probe_value("  autda", EL1, CODE("autda x0, x1"), pointers[p], 1);
            probe_value("  autdb", EL1, CODE("autdb x0, x1"), pointers[p], 1);
            probe_value("  by another key", EL1, CODE("pacia x0, x1\n autib x0, x1"), pointers[p], 1);
            probe_value("  by another modifier", EL1, CODE("pacda x0, x1\n autdza x0"), pointers[p], 1);
            probe_value("  twice", EL1, CODE("pacia x0, x1\n pacia x0, x1\n autia x0, x1"), pointers[p], 1);
        }
    }
    write_register(tcr_el1, 0);
}

static void with_hints(const char *name)
{
    print(name);
    print("\n");
    each_level("  paciasp", CODE("mov x2, x30\n mov x30, x0\n paciasp\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  pacibsp", CODE("mov x2, x30\n mov x30, x0\n pacibsp\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  paciaz", CODE("mov x2, x30\n mov x30, x0\n paciaz\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  pacibz", CODE("mov x2, x30\n mov x30, x0\n pacibz\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  and autiasp", CODE("mov x2, x30\n mov x30, x0\n paciasp\n autiasp\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  and autibsp", CODE("mov x2, x30\n mov x30, x0\n pacibsp\n autibsp\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  and autiaz", CODE("mov x2, x30\n mov x30, x0\n paciaz\n autiaz\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  and autibz", CODE("mov x2, x30\n mov x30, x0\n pacibz\n autibz\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  and xpaclri", CODE("mov x2, x30\n mov x30, x0\n paciasp\n xpaclri\n mov x0, x30\n mov x30, x2"), 0x4000, 0);
    each_level("  pacia1716", CODE("mov x17, x0\n mov x16, x1\n pacia1716\n mov x0, x17"), 0x4000, 5);
    each_level("  pacib1716", CODE("mov x17, x0\n mov x16, x1\n pacib1716\n mov x0, x17"), 0x4000, 5);
    each_level("  autia1716", CODE("mov x17, x0\n mov x16, x1\n autia1716\n mov x0, x17"), 0x4000, 5);
    each_level("  autib1716", CODE("mov x17, x0\n mov x16, x1\n autib1716\n mov x0, x17"), 0x4000, 5);
    each_level("  pacda", CODE("pacda x0, x1"), 0x4000, 5);
    each_level("  pacdb", CODE("pacdb x0, x1"), 0x4000, 5);
    each_level("  autdza", CODE("autdza x0"), 0x4000, 5);
    each_level("  pacga", CODE("pacga x0, x0, x1"), 0x4000, 5);
    each_level("  xpaci", CODE("xpaci x0"), 0x4000, 5);
}

void controls(void)
{
    set_keys();
    enable_keys(0);
    with_hints("no key enabled");
    enable_keys(EnIA | EnDB);
    with_hints("IA and DB enabled");
    enable_keys(EnIB | EnDA);
    with_hints("IB and DA enabled");
    enable_keys(ALL_KEYS);
    each_level("a key read", CODE("mrs x0, apibkeylo_el1\n mov x0, #1"), 0, 0);
    each_level("a key written", CODE("msr apgakeyhi_el1, x0"), 7, 0);
    if (home < 2)
        return;
    write_register(hcr_el2, HCR_RW);
    with_hints("HCR_EL2.API = 0");
    each_level("a key read", CODE("mrs x0, apibkeylo_el1\n mov x0, #1"), 0, 0);
    each_level("a key written", CODE("msr apgakeyhi_el1, x0"), 7, 0);
    enable_keys(0);
    write_register(hcr_el2, HCR_RW);
    with_hints("HCR_EL2.API = 0, no key enabled");
    write_register(hcr_el2, HCR_RW | HCR_APK | HCR_API);
    if (home < 3)
        return;
    enable_keys(ALL_KEYS);
    write_register(scr_el3, SCR_OPEN);
    with_hints("SCR_EL3.API = 0");
    each_level("a key read", CODE("mrs x0, apibkeylo_el1\n mov x0, #1"), 0, 0);
    write_register(hcr_el2, HCR_RW);
    each_level("with HCR_EL2.API = 0 as well", CODE("pacia x0, x1"), 1, 1);
    enable_keys(ALL_KEYS);
}

/* Branches, returns and loads that authenticate first. X1 is the code's own modifier. */
void combined(void)
{
    u64 cell = 0x1122334455667788ul;
    set_keys();
    enable_keys(ALL_KEYS);
    print("combined\n");
    each_level("  braa", CODE("adr x0, 1f\n pacia x0, x1\n braa x0, x1\n mov x0, #7\n1: mov x0, #0"), 0, 3);
    each_level("  brabz", CODE("adr x0, 1f\n pacizb x0\n brabz x0\n mov x0, #7\n1: mov x0, #0"), 0, 3);
    each_level("  blraa", CODE("mov x3, x30\n adr x0, 1f\n pacia x0, x1\n blraa x0, x1\n0: nop\n1: adr x2, 0b\n sub x0, x30, x2\n mov x30, x3"), 0, 3);
    each_level("  blrabz", CODE("mov x3, x30\n adr x0, 1f\n pacizb x0\n blrabz x0\n0: nop\n1: adr x2, 0b\n sub x0, x30, x2\n mov x30, x3"), 0, 3);
    each_level("  retaa", CODE("mov x3, x30\n adr x30, 1f\n paciasp\n retaa\n nop\n1: mov x30, x3\n mov x0, #1"), 0, 3);
    each_level("  retab", CODE("mov x3, x30\n adr x30, 1f\n pacibsp\n retab\n nop\n1: mov x30, x3\n mov x0, #1"), 0, 3);
    each_level("  ldraa", CODE("pacdza x0\n ldraa x0, [x0]"), (u64)&cell, 3);
    each_level("  ldrab", CODE("pacdzb x0\n ldrab x0, [x0, #8]"), (u64)&cell - 8, 3);
    each_level("  ldrab, negative", CODE("pacdzb x0\n ldrab x0, [x0, #-4096]"), (u64)&cell + 4096, 3);
    each_level("  ldraa, write-back", CODE("mov x3, x0\n pacdza x0\n ldraa x2, [x0, #16]!\n sub x0, x0, x3"), (u64)&cell - 16, 3);
    each_level("  braa refused", CODE("braa x0, x1"), 0x40100000, 3);
    each_level("  blrab refused", CODE("blrab x0, x1"), 0x40100000, 3);
    each_level("  retab refused", CODE("mov x30, x0\n retab"), 0x40100000, 3);
    each_level("  ldraa refused", CODE("ldraa x0, [x0]"), (u64)&cell, 3);
    probe_value("  eretaa", EL1, CODE("adr x0, 1f\n mov x2, sp\n pacia x0, x2\n msr elr_el1, x0\n mov x0, #0x3c5\n msr spsr_el1, x0\n mov x0, #1\n eretaa\n mov x0, #2\n1: nop"), 0, 0);
    probe_value("  eretab", EL1, CODE("adr x0, 1f\n mov x2, sp\n pacib x0, x2\n msr elr_el1, x0\n mov x0, #0x3c5\n msr spsr_el1, x0\n mov x0, #1\n eretab\n mov x0, #2\n1: nop"), 0, 0);
    probe("  eretaa", EL0, CODE("eretaa"), 0, 0);
    enable_keys(0);
    print("combined, no key enabled\n");
    each_level("  braa", CODE("adr x0, 1f\n braa x0, x1\n mov x0, #7\n1: mov x0, #0"), 0, 3);
    each_level("  ldraa", CODE("ldraa x0, [x0]"), (u64)&cell, 3);
    probe_value("  eretab", EL1, CODE("adr x0, 1f\n msr elr_el1, x0\n mov x0, #0x3c5\n msr spsr_el1, x0\n mov x0, #1\n eretab\n mov x0, #2\n1: nop"), 0, 0);
    if (home < 2)
        return;
    enable_keys(ALL_KEYS);
    write_register(hcr_el2, HCR_RW);
    print("combined, HCR_EL2.API = 0\n");
    each_level("  braa", CODE("braa x0, x1"), 0, 3);
    each_level("  retab", CODE("retab"), 0, 3);
    each_level("  ldraa", CODE("ldraa x0, [x0]"), (u64)&cell, 3);
    probe("  eretab", EL1, CODE("eretab"), 0, 0);
    enable_keys(0);
}
