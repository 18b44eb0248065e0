/* Guarded pages: which instructions an indirect branch may reach in them, by what it is and by what is there. */
#include "groups.h"
#include "space.h"
#include "keys.h"

#define GP BIT(50)
#define BT0 BIT(35)
#define BT1 BIT(36)
#define PAGE_VA 0x80000000ul
#define OTHER_VA 0x80001000ul
#define PLAIN_VA 0x80002000ul
#define TARGET 0x40

/* What EL0 or EL1 executes, without the write permission that would forbid it to EL1. */
#define CODE_EL0 (NORMAL | SH_INNER | AF | AP_EL0 | AP_RO | PXN)
#define CODE_EL1 (NORMAL | SH_INNER | AF | AP_RO | UXN)

static const struct {
    const char *name;
    u32 word;
} targets[] = {
    {"nop", 0xd503201f}, {"bti", 0xd503241f}, {"bti c", 0xd503245f}, {"bti j", 0xd503249f}, {"bti jc", 0xd50324df},
    {"paciasp", 0xd503233f}, {"pacibsp", 0xd503237f}, {"paciaz", 0xd503231f}, {"brk", 0xd4200020}, {"svc", 0xd4000021},
    {"undefined", 0x00000000},
};
#define TARGETS (sizeof(targets) / sizeof(targets[0]))

/* The way there: X1 is the target. Of a page of its own, at its beginning. */
static const struct {
    const char *name;
    u32 words[4];
} ways[] = {
    {"br x1", {0xd61f0020}},
    {"br x16", {0xaa0103f0, 0xd61f0200}},
    {"br x17", {0xaa0103f1, 0xd61f0220}},
    {"blr x1", {0xaa1e03e3, 0xd63f0020}},
    {"ret x1", {0xd65f0020}},
    {"brab x1, x2", {0xdac10441, 0xd71f0c22}},
    {"blraaz x1", {0xaa1e03e3, 0xdac123e1, 0xd63f083f}},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* Puts code where it is executed later. */
static void put(u64 page, int at, const u32 *words, int count)
{
    for (int i = 0; i < count; i++)
        *(volatile u32 *)(page + at + 4 * i) = words[i];
    asm volatile("dsb sy\n\tic iallu\n\tdsb sy\n\tisb" ::: "memory");
}

/* From one page to the other; `guards` has bit 0 for that of the branch, bit 1 for that of the target. */
static void matrix(struct space *space, u64 level, int guards, u64 from, u64 to)
{
    u64 code = level == EL0 ? CODE_EL0 : CODE_EL1;
    map(space, PAGE_VA, from, 3, code | (guards & 1 ? GP : 0));
    map(space, OTHER_VA, to, 3, code | (guards & 2 ? GP : 0));
    tlbi_all_el1();
    print("guarded");
    print_field("branch", guards & 1);
    print_field("target", guards >> 1);
    print("\n");
    for (u32 way = 0; way < WAYS; way++) {
        put(from, 0, ways[way].words, 4);
        for (u32 target = 0; target < TARGETS; target++) {
            /* Behind the target: the end of the probe. */
            const u32 words[] = {targets[target].word, SVC_PROBE_END};
            put(to, TARGET, words, 2);
            print("  ");
            print(ways[way].name);
            print(" to ");
            probe(targets[target].name, level, (const void *)PAGE_VA, 0, OTHER_VA + TARGET);
        }
    }
}

static void direct(struct space *space, u64 from, u64 to)
{
    /* b . + 0x1040; then a branch that falls into the next page; then an exception return that brings BTYPE. */
    static const u32 branch[] = {0x14000410};
    static const u32 nops[] = {0xd503201f, 0xd503201f};
    const u32 end[] = {0xd503201f, SVC_PROBE_END};
    map(space, PAGE_VA, from, 3, CODE_EL1 | GP);
    map(space, OTHER_VA, to, 3, CODE_EL1 | GP);
    tlbi_all_el1();
    put(from, 0, branch, 1);
    put(from, 0xff8, nops, 2);
    put(to, 0, end, 2);
    put(to, TARGET, end, 2);
    probe("direct branch", EL1, (const void *)PAGE_VA, 0, 0);
    probe("fall through", EL1, (const void *)(PAGE_VA + 0xff8), 0, 0);
    for (u64 type = 0; type < 4; type++) {
        print("BTYPE in SPSR");
        print_field("type", type);
        probe("", EL1 | type << 10, (const void *)(OTHER_VA + TARGET), 0, 0);
    }
}

void guarded(void)
{
    struct space space = space_with_image(12, 39);
    u64 from = arena_alloc(0x1000, 0x1000), to = arena_alloc(0x1000, 0x1000);
    if (home >= 2)
        enable_keys(0);
    set_keys();
    el1_on(&space, 0);
    write_register(sctlr_el1, read_register(sctlr_el1) | ALL_KEYS);
    /* Before there was any guarded page. */
    static const u32 branch[] = {0xd61f0020}, nop[] = {0xd503201f, SVC_PROBE_END};
    map(&space, PAGE_VA, from, 3, CODE_EL1);
    map(&space, OTHER_VA, to, 3, CODE_EL1 | GP);
    tlbi_all_el1();
    put(from, 0, branch, 1);
    put(to, TARGET, nop, 2);
    probe("to the first guarded page", EL1, (const void *)PAGE_VA, 0, OTHER_VA + TARGET);
    probe("to it again", EL1, (const void *)PAGE_VA, 0, OTHER_VA + TARGET);
    for (int guards = 0; guards < 4; guards++)
        matrix(&space, EL1, guards, from, to);
    matrix(&space, EL0, 3, from, to);
    print("with BT\n");
    write_register(sctlr_el1, read_register(sctlr_el1) | BT0 | BT1);
    matrix(&space, EL1, 3, from, to);
    matrix(&space, EL0, 3, from, to);
    direct(&space, from, to);
    el1_off();
}
