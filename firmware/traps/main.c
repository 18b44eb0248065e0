/*
 * Which system registers and instructions each trap control takes from EL1 and EL0, and the syndromes: a line for each
 * encoding, with what it does when everything is open and what every control changes about it.
 */
#include "traps.h"

#define CODE_ADDRESS 0x41000000ul
#define DATA_ADDRESS 0x41010000ul
#define SVC_PROBE_END 0xd41ffe01u
#define HVC_PROBE_END 0xd41ffe02u
#define EC_SYSTEM 0x18
#define EC_FP 0x07

u64 enter(u64 pstate, const void *code, u64 x0, u64 x1, u64 x2, u64 x3);

/*
 * MSR or MRS with Rt 3. From EL1 the way home is by HVC: vectors of EL1 would be trapped themselves by some controls.
 */
static void put_code(u32 word, u64 level)
{
    volatile u32 *code = (volatile u32 *)CODE_ADDRESS;
    code[0] = word | 3;
    code[1] = level ? HVC_PROBE_END : SVC_PROBE_END;
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

/* ISS of EC 0x18 for a word (DDI 0487, "ISS encoding for an exception from MSR, MRS, or System instruction"). */
static u64 expected_iss(u32 word)
{
    return (word >> 19 & 3) << 20 | (word >> 5 & 7) << 17 | (word >> 16 & 7) << 14 | (word >> 12 & 15) << 10 | 3 << 5 |
           (word >> 8 & 15) << 1 | (word >> 21 & 1);
}

/* The outcome at a level: 0 for none, or the target and its class, with bit 8 for a syndrome that is not the word's. */
static u32 outcome(u64 pstate, u32 word, u64 value)
{
    exception_count = 0;
    enter(pstate, (const void *)CODE_ADDRESS, 0, 0, 0, value);
    if (exception_count == 0)
        return 0;
    const struct exception *e = &exceptions[0];
    u32 class = e->esr >> 26 & 0x3f;
    u64 iss = e->esr & 0x1ffffff;
    u32 odd = class == EC_SYSTEM ? iss != expected_iss(word) : class == EC_FP ? iss != 0x1e00000 : iss != 0;
    return e->el << 12 | class | odd << 8;
}

static void print_outcome(u32 what)
{
    if (what == 0) {
        print("ok");
        return;
    }
    print("EL");
    print_decimal(what >> 12);
    print(":");
    print_hex(what & 0x3f, 2);
    if (what & 0x100)
        print("?");
}

/* Whether the control is there at the level, and leaves the vectors alone that `open` leads to. */
static u32 applies(const struct setting *setting, u64 level, u32 open)
{
    if (setting->home > home || (level ? setting->only == ONLY_EL0 : setting->only == ONLY_EL1))
        return 0;
    return setting->only != ONLY_EL1 || open >> 12 != 1;
}

/* Reads or writes of one encoding at EL0, and at EL1 where that is not home. */
static void one_direction(const char *name, u32 word, u64 value)
{
    for (u64 level = 0; level < 2 && level < home; level++) {
        u64 pstate = level ? EL1 : EL0;
        put_code(word, level);
        u32 open = outcome(pstate, word, value);
        print(name);
        print_decimal(level);
        print(" ");
        print_outcome(open);
        for (u32 i = 0; i < setting_count; i++) {
            const struct setting *setting = &settings[i];
            if (!applies(setting, level, open))
                continue;
            setting->apply(setting->value);
            u32 now = outcome(pstate, word, value);
            setting->apply(0);
            if (now != open) {
                print(", ");
                print(setting->name);
                print(" ");
                print_outcome(now);
            }
        }
    }
}

static void one_encoding(const struct named_encoding *encoding)
{
    u64 value = DATA_ADDRESS;
    print(encoding->name);
    print(":");
    if (!IS_INSTRUCTION(encoding->word)) {
        /* What is written is what was there; where nothing can be read, nothing is asked for. */
        put_code(encoding->word | BIT(21), home > 1);
        exception_count = 0;
        enter(home == 1 ? EL0 : EL1, (const void *)CODE_ADDRESS, 0, 0, 0, 0);
        value = exception_count ? 0 : probe_results.x[3];
        one_direction(" mrs EL", encoding->word | BIT(21), 0);
    }
    one_direction(IS_INSTRUCTION(encoding->word) ? " EL" : "; msr EL", encoding->word, value);
    print("\n");
}

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    for (u32 i = 0; i < setting_count; i++)
        if (settings[i].home <= home)
            settings[i].apply(0);
    if (home == 3)
        write_register(icc_sre_el3, 0xf);
    if (home >= 2)
        write_register(icc_sre_el2, 0xf);
    write_register(oslar_el1, 0);
    for (u32 i = 0; i < encoding_count; i++)
        one_encoding(&encodings[i]);
}
