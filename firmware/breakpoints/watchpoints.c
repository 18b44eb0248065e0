/* Watchpoints: which bytes, by which instructions (DDI 0487, D2.9). */
#include "groups.h"

#define LOADS 1ul
#define STORES 2ul
#define EITHER 3ul
#define WATCH(kind, bas) (CONTROL(2, bas) | (kind) << 3)
#define WATCH_MASK(n) ((u64)(n) << 24)

void watchpoints(void)
{
    u64 data = DATA_ADDRESS;
    write_register(mdscr_el1, MDSCR_MDE);
    write_register(dbgwvr0_el1, data + 8);
    write_register(dbgwcr0_el1, WATCH(STORES, 255));
    probe("watchpoint of stores, str", EL0, CODE("nop\n str x1, [x0]"), data + 8, 0);
    probe("watchpoint of stores, ldr", EL0, CODE("nop\n ldr x1, [x0]"), data + 8, 0);
    probe("watchpoint of stores, strb inside", EL0, CODE("strb w1, [x0]"), data + 13, 0);
    probe("watchpoint of stores, str before", EL0, CODE("str x1, [x0]"), data, 0);
    probe("watchpoint of stores, stp that reaches it", EL0, CODE("stp x1, x2, [x0]"), data, 0);
    probe("watchpoint of stores, dc zva", EL0, CODE("dc zva, x0"), data, 0);
    write_register(dbgwcr0_el1, WATCH(LOADS, 0x0f));
    probe("watchpoint of loads, low half, ldr", EL0, CODE("ldr w1, [x0]"), data + 8, 0);
    probe("watchpoint of loads, low half, ldr of the high", EL0, CODE("ldr w1, [x0]"), data + 12, 0);
    /* Every byte by every run of bytes that may be selected. */
    for (u64 first = 0; first < 8; first++) {
        for (u64 count = 1; first + count <= 8; count += first == 2 ? 1 : 3) {
            write_register(dbgwcr0_el1, WATCH(EITHER, ((1ul << count) - 1) << first));
            print("BAS ");
            print_hex(((1ul << count) - 1) << first, 2);
            print(": bytes");
            for (u64 byte = 0; byte < 24; byte++) {
                run(EL0, CODE("strb w1, [x0]"), data + byte, 0);
                if (exception_count)
                    print_field("", exceptions[0].far - data);
            }
            print("\n");
        }
    }
    write_register(dbgwvr0_el1, data + 4);
    write_register(dbgwcr0_el1, WATCH(EITHER, 0x0f));
    probe("watchpoint at a word, before", EL0, CODE("strb w1, [x0]"), data + 3, 0);
    probe("watchpoint at a word", EL0, CODE("strb w1, [x0]"), data + 4, 0);
    probe("watchpoint at a word, its end", EL0, CODE("strb w1, [x0]"), data + 7, 0);
    probe("watchpoint at a word, behind", EL0, CODE("strb w1, [x0]"), data + 8, 0);
    for (u64 mask = 3; mask <= 31; mask += 4) {
        u64 size = 1ul << mask, start = data & ~(size - 1);
        if (size > 0x1000000)
            break;
        write_register(dbgwvr0_el1, start);
        write_register(dbgwcr0_el1, WATCH(EITHER, 255) | WATCH_MASK(mask));
        print("MASK ");
        print_decimal(mask);
        print("\n");
        probe("  first", EL0, CODE("ldrb w1, [x0]"), start, 0);
        probe("  last", EL0, CODE("ldrb w1, [x0]"), start + size - 1, 0);
        probe("  behind", EL0, CODE("ldrb w1, [x0]"), start + size, 0);
    }
    write_register(dbgwcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

/* An instruction on a word that is watched for loads, for stores, for both. */
static void each_kind(const char *name, const void *code)
{
    print(name);
    print("\n");
    for (u64 kind = LOADS; kind <= EITHER; kind++) {
        write_register(dbgwcr0_el1, WATCH(kind, 255));
        probe(kind == LOADS ? "  loads" : kind == STORES ? "  stores" : "  both", EL0, code, DATA_ADDRESS, 0);
    }
}

#define EACH_KIND(instruction) each_kind(instruction, CODE(instruction))

void watched_accesses(void)
{
    u64 data = DATA_ADDRESS;
    write_register(mdscr_el1, MDSCR_MDE);
    write_register(dbgwvr0_el1, data + 8);
    EACH_KIND("ldr x1, [x0, #8]");
    EACH_KIND("str x1, [x0, #8]");
    EACH_KIND("ldp x1, x2, [x0]");
    EACH_KIND("stp x1, x2, [x0, #8]");
    EACH_KIND("ldr x1, [x0, #8]!");
    EACH_KIND("ldtr x1, [x0, #8]");
    EACH_KIND("ldr q0, [x0]");
    EACH_KIND("stp q0, q1, [x0]");
    EACH_KIND("ld1 {v0.16b, v1.16b}, [x0]");
    EACH_KIND("st4 {v0.8b, v1.8b, v2.8b, v3.8b}, [x0]");
    EACH_KIND("prfm pldl1keep, [x0, #8]");
    EACH_KIND("add x0, x0, #8\n ldar x1, [x0]");
    EACH_KIND("add x0, x0, #8\n stlr x1, [x0]");
    EACH_KIND("add x0, x0, #8\n ldxr x1, [x0]");
    EACH_KIND("add x0, x0, #8\n ldaxr x1, [x0]");
    if ((read_register(id_aa64isar0_el1) >> 20 & 15) == 2) {
        EACH_KIND("add x0, x0, #8\n ldadd x1, x2, [x0]");
        EACH_KIND("add x0, x0, #8\n stadd x1, [x0]");
        EACH_KIND("add x0, x0, #8\n swp x1, x2, [x0]");
        /* Both a load and a store whether it compares equal or not. */
        EACH_KIND("add x0, x0, #8\n mov x1, #77\n cas x1, x2, [x0]");
        EACH_KIND("casp x2, x3, x4, x5, [x0]");
    }
    /* Where registers and memory are after one that was not carried out. */
    *(volatile u64 *)(data + 8) = 0x1111;
    write_register(dbgwcr0_el1, WATCH(EITHER, 255));
    probe_value("watched str leaves its base", EL0, CODE("str x1, [x0, #8]!"), data, 0x2222);
    print_field("memory", *(volatile u64 *)(data + 8));
    print("\n");
    probe_through("loads and stores one after the other", EL0,
                  CODE("ldr x1, [x0, #8]\n str x1, [x0, #16]\n str x1, [x0, #8]\n ldrb w1, [x0, #9]\n mov x0, #5"), data, 0);
    /* Privilege: PAC is the level whose rights the access has. */
    if (home > 1) {
        write_register(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
        probe("PAC of EL0, ldr", EL1 & D_CLEAR, CODE("ldr x1, [x0, #8]"), data, 0);
        probe("PAC of EL0, ldtr", EL1 & D_CLEAR, CODE("ldtr x1, [x0, #8]"), data, 0);
        probe("PAC of EL0, sttr", EL1 & D_CLEAR, CODE("sttr x1, [x0, #8]"), data, 0);
        write_register(dbgwcr0_el1, CONTROL(1, 255) | EITHER << 3);
        probe("PAC of EL1, ldr", EL1 & D_CLEAR, CODE("ldr x1, [x0, #8]"), data, 0);
        probe("PAC of EL1, ldtr", EL1 & D_CLEAR, CODE("ldtr x1, [x0, #8]"), data, 0);
        probe("PAC of EL1, D masked", EL1, CODE("ldr x1, [x0, #8]"), data, 0);
        probe("PAC of EL1, ldr", EL0, CODE("ldr x1, [x0, #8]"), data, 0);
    }
    /* Faults of translation and alignment come first, and watchpoints before external aborts. */
    write_register(dbgwcr0_el1, WATCH(EITHER, 255));
    probe("watched and unaligned, ldxr", EL0, CODE("add x0, x0, #12\n ldxr x1, [x0]"), data, 0);
    write_register(dbgwvr0_el1, 0x0b800000);
    probe("watched and nothing there", EL0, CODE("ldr x1, [x0]"), 0x0b800000, 0);
    write_register(dbgwvr0_el1, 1ul << 46);
    probe("watched and beyond the address size", EL0, CODE("ldr x1, [x0]"), 1ul << 46, 0);
    write_register(dbgwcr0_el1, 0);
    write_register(mdscr_el1, 0);
}

/*
 * Cache maintenance by address: of all of it DC IVAC alone can hit, as a store, unless it is treated as a NOP
 * (D2.9.6.2), which it is on CPUs without caches.
 */
void watched_maintenance(void)
{
    write_register(mdscr_el1, MDSCR_MDE);
    write_register(sctlr_el1, SCTLR_EL1_OFF | BIT(14) | BIT(26));
    write_register(dbgwvr0_el1, DATA_ADDRESS + 8);
    EACH_KIND("dc cvac, x0");
    EACH_KIND("dc cvau, x0");
    EACH_KIND("dc civac, x0");
    EACH_KIND("ic ivau, x0");
    if (home > 1) {
        write_register(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
        for (u64 kind = LOADS; kind <= STORES; kind++) {
            write_register(dbgwcr0_el1, CONTROL(1, 255) | kind << 3);
            probe("dc ivac, of the line", EL1 & D_CLEAR, CODE("dc ivac, x0"), DATA_ADDRESS, 0);
            probe("dc ivac, of the byte", EL1 & D_CLEAR, CODE("dc ivac, x0"), DATA_ADDRESS + 8, 0);
            probe("dc ivac, of the next line", EL1 & D_CLEAR, CODE("dc ivac, x0"), DATA_ADDRESS + 64, 0);
        }
    }
    write_register(dbgwcr0_el1, 0);
    write_register(sctlr_el1, SCTLR_EL1_OFF);
    write_register(mdscr_el1, 0);
}
