/*
 * Big-endian data: SCTLR_ELx.EE and E0E (DDI 0487, B2.6.2 "Data endianness"). Every kind of load and store at EL0 and,
 * under a home at EL2, at EL1; instructions stay little-endian.
 */
#include "space.h"

#define E0E BIT(24)
#define EE BIT(25)
#define FIRST 0x80000000ul
#define SECOND 0x80001000ul

static u64 level;
/* Physical: what home, which is little-endian, sees of the two pages. */
static volatile u64 *first, *second;

static void fill(void)
{
    for (u32 i = 0; i < 512; i++) {
        first[i] = 0x0706050403020100ul + i * 0x0808080808080808ul;
        second[i] = 0xf7f6f5f4f3f2f1f0ul - i * 0x0808080808080808ul;
    }
    asm volatile("dsb sy" ::: "memory");
}

/*
 * Runs code on the page: what it leaves in x0, and what it changed in memory. The FP registers are looked at by UMOV.
 */
static void one(const char *name, const void *code, u64 offset)
{
    fill();
    probe_value(name, level, code, FIRST + offset, 0x1122334455667788);
    for (u32 i = 0; i < 512; i++) {
        if (first[i] != 0x0706050403020100ul + i * 0x0808080808080808ul) {
            print("  at ");
            print_hex(8 * i, 0);
            print_field("", first[i]);
            print("\n");
        }
        if (second[i] != 0xf7f6f5f4f3f2f1f0ul - i * 0x0808080808080808ul) {
            print("  at 1000 + ");
            print_hex(8 * i, 0);
            print_field("", second[i]);
            print("\n");
        }
    }
}

/* At EL1 the way home is by HVC: vectors of EL1 would keep their records in the other order. */
#define ONE(instructions, offset)                                                                                      \
    one(instructions, level == EL0 ? CODE(instructions) : CODE(instructions "\n hvc #0xfff0"), offset)

static void general(void)
{
    ONE("ldrb w0, [x0]", 3);
    ONE("ldrh w0, [x0]", 2);
    ONE("ldrsh x0, [x0]", 6);
    ONE("ldr w0, [x0]", 4);
    ONE("ldrsw x0, [x0]", 0x9c);
    ONE("ldr x0, [x0]", 16);
    ONE("ldr x0, [x0]", 3);
    ONE("ldr x0, [x0, #8]!", 0);
    ONE("strb w1, [x0]", 5);
    ONE("strh w1, [x0]", 2);
    ONE("str w1, [x0]", 4);
    ONE("str x1, [x0]", 8);
    ONE("str x1, [x0]", 5);
    ONE("str x1, [x0], #16", 8);
    ONE("ldp x0, x2, [x0]\n eor x0, x0, x2, ror #8", 8);
    ONE("ldp w0, w2, [x0]\n eor x0, x0, x2, ror #8", 12);
    ONE("ldpsw x0, x2, [x0]\n eor x0, x0, x2, ror #8", 0x9c);
    ONE("mvn x2, x1\n stp x1, x2, [x0]", 24);
    ONE("mvn w2, w1\n stp w1, w2, [x0]", 28);
    ONE("ldr x0, [x0]", 0xffd);
    ONE("str x1, [x0]", 0xffd);
    ONE("ldp x0, x2, [x0]\n eor x0, x0, x2, ror #8", 0xff8);
    ONE("mvn x2, x1\n stp x1, x2, [x0]", 0xff4);
    ONE("ldar w0, [x0]", 8);
    ONE("stlr x1, [x0]", 8);
    ONE("ldtr x0, [x0]", 8);
    ONE("sttr w1, [x0]", 8);
    ONE("dc zva, x0", 64);
    ONE("mov x3, #64\n 1: ldr x2, [x0], #8\n add x1, x1, x2\n sub x3, x3, #1\n cbnz x3, 1b\n mov x0, x1", 0);
    ONE("mov x3, #3000\n 1: ldr x2, [x0]\n add x2, x2, #1\n str x2, [x0]\n sub x3, x3, #1\n cbnz x3, 1b\n mov x0, x2", 0x40);
}

static void exclusives(void)
{
    ONE("ldxr x0, [x0]", 8);
    ONE("ldaxrh w0, [x0]", 8);
    ONE("ldxp w0, w2, [x0]\n eor x0, x0, x2, ror #8", 8);
    ONE("ldxp x0, x2, [x0]\n eor x0, x0, x2, ror #8", 16);
    ONE("ldxr x2, [x0]\n stxr w3, x1, [x0]\n add x0, x2, x3", 8);
    ONE("ldxr w2, [x0]\n stlxr w3, w1, [x0]\n add x0, x2, x3", 12);
    ONE("ldxp x2, x3, [x0]\n mvn x4, x1\n stxp w5, x1, x4, [x0]\n add x0, x3, x5", 16);
    ONE("ldxp w2, w3, [x0]\n mvn x4, x1\n stxp w5, w1, w4, [x0]\n add x0, x3, x5", 16);
    ONE("mov x3, #3000\n 1: ldxr x2, [x0]\n add x2, x2, #1\n stxr w4, x2, [x0]\n cbnz w4, 1b\n sub x3, x3, #1\n cbnz x3, 1b\n mov x0, x2", 0x40);
    if ((read_register(id_aa64isar0_el1) >> 20 & 15) != 2)
        return;
    ONE("ldadd x1, x0, [x0]", 8);
    ONE("ldaddh w1, w0, [x0]", 8);
    ONE("ldeorb w1, w0, [x0]", 8);
    ONE("ldsmax w1, w0, [x0]", 12);
    ONE("swp x1, x0, [x0]", 8);
    ONE("stset w1, [x0]", 8);
    ONE("ldr x2, [x0]\n cas x2, x1, [x0]\n mov x0, x2", 8);
    ONE("mov x2, #5\n cas w2, w1, [x0]\n mov x0, x2", 8);
    ONE("ldp x2, x3, [x0]\n mov x4, x1\n mvn x5, x1\n casp x2, x3, x4, x5, [x0]\n eor x0, x2, x3, ror #8", 16);
    ONE("ldp w2, w3, [x0]\n mov x4, x1\n mvn x5, x1\n casp w2, w3, w4, w5, [x0]\n eor x0, x2, x3, ror #8", 16);
    ONE("mov x3, #3000\n mov x1, #1\n 1: ldadd x1, x2, [x0]\n sub x3, x3, #1\n cbnz x3, 1b\n mov x0, x2", 0x40);
}

#define BOTH(v) "\n umov x0, " #v ".d[0]\n umov x2, " #v ".d[1]\n eor x0, x0, x2, ror #8"
#define MAKE "mvn x2, x1\n ins v0.d[0], x1\n ins v0.d[1], x2\n ins v1.d[0], x2\n ins v1.d[1], x1\n "

static void vectors(void)
{
    ONE("ldr b0, [x0]" BOTH(v0), 3);
    ONE("ldr h0, [x0]" BOTH(v0), 2);
    ONE("ldr s0, [x0]" BOTH(v0), 4);
    ONE("ldr d0, [x0]" BOTH(v0), 8);
    ONE("ldr q0, [x0]" BOTH(v0), 16);
    ONE("ldr q0, [x0]" BOTH(v0), 0xff8);
    ONE("ldp s0, s1, [x0]" BOTH(v1), 4);
    ONE("ldp d0, d1, [x0]" BOTH(v1), 8);
    ONE("ldp q0, q1, [x0]" BOTH(v1), 16);
    ONE(MAKE "str h0, [x0]", 8);
    ONE(MAKE "str d0, [x0]", 8);
    ONE(MAKE "str q0, [x0]", 16);
    ONE(MAKE "str q0, [x0]", 0xff8);
    ONE(MAKE "stp s0, s1, [x0]", 8);
    ONE(MAKE "stp q0, q1, [x0]", 16);
    ONE("ld1 {v0.16b}, [x0]" BOTH(v0), 16);
    ONE("ld1 {v0.8h}, [x0]" BOTH(v0), 16);
    ONE("ld1 {v0.4s}, [x0]" BOTH(v0), 16);
    ONE("ld1 {v0.2d, v1.2d}, [x0]" BOTH(v1), 16);
    ONE("ld1 {v0.4h}, [x0]" BOTH(v0), 16);
    ONE("ld2 {v0.8h, v1.8h}, [x0]" BOTH(v1), 16);
    ONE("ld3 {v0.4s, v1.4s, v2.4s}, [x0]" BOTH(v1), 16);
    ONE("ld4 {v0.8b, v1.8b, v2.8b, v3.8b}, [x0]" BOTH(v1), 16);
    ONE("ld1 {v0.s}[2], [x0]\n umov w0, v0.s[2]", 16);
    ONE("ld1r {v0.4h}, [x0]" BOTH(v0), 16);
    ONE("ld2r {v0.2d, v1.2d}, [x0]" BOTH(v1), 16);
    ONE(MAKE "st1 {v0.8h}, [x0]", 16);
    ONE(MAKE "st1 {v0.2d, v1.2d}, [x0]", 16);
    ONE(MAKE "st2 {v0.4s, v1.4s}, [x0]", 16);
    ONE(MAKE "st2 {v0.8b, v1.8b}, [x0]", 16);
    ONE(MAKE "st1 {v0.h}[3], [x0]", 16);
    ONE("ld1 {v0.4s}, [x0]" BOTH(v0), 0xff8);
    ONE(MAKE "st1 {v0.4s}, [x0]", 0xff8);
}

#define IDENTIFY "ldr w2, [x0, #0xff0]\n ldrh w3, [x0, #0xff4]\n ldrb w4, [x0, #0xff8]\n eor x0, x2, x3, ror #16\n eor x0, x0, x4, ror #32"
#define SET_BAUD "rev w2, w1\n str w1, [x0, #0x24]\n ldr w1, [x0, #0x24]\n str w2, [x0, #0x24]\n ldr w2, [x0, #0x24]\n add x0, x1, x2"
#define HOME "\n hvc #0xfff0"

/* A device's registers: the console's identification, and a divisor of which the low half is kept. */
static void devices(void)
{
    probe_value("device, loads", level, level == EL0 ? CODE(IDENTIFY) : CODE(IDENTIFY HOME), UART_BASE, 0);
    probe_value("device, stores", level, level == EL0 ? CODE(SET_BAUD) : CODE(SET_BAUD HOME), UART_BASE, 0x12);
}

static void all(const char *name, u64 control)
{
    u64 sctlr = read_register(sctlr_el1);
    print(name);
    print_level(level);
    print("\n");
    write_register(sctlr_el1, sctlr | control);
    general();
    exclusives();
    vectors();
    devices();
    write_register(sctlr_el1, sctlr);
}

static struct space data_space(void)
{
    struct space space = space_with_image(12, 39);
    first = (volatile u64 *)marked_page(0x1000);
    second = (volatile u64 *)marked_page(0x1000);
    map(&space, FIRST, (u64)first, 3, DATA);
    map(&space, SECOND, (u64)second, 3, DATA);
    map(&space, UART_BASE, UART_BASE, 3, DEVICE | AF | AP_EL0 | PXN | UXN);
    return space;
}

/* Tables in the order of SCTLR_EL1.EE: all of them turned round. */
static void turn_tables(u64 *table, int depth)
{
    for (u32 i = 0; i < 512; i++) {
        u64 entry = table[i];
        if (depth < 3 && (entry & 3) == 3)
            turn_tables((u64 *)(entry & 0xfffffffff000ul), depth + 1);
        table[i] = __builtin_bswap64(entry);
    }
}

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print_field(" BigEnd", read_register(id_aa64mmfr0_el1) >> 8 & 15);
    print_field("BigEndEL0", read_register(id_aa64mmfr0_el1) >> 16 & 15);
    print("\n");
    struct space space = data_space();
    el1_on(&space, TCR_PS(2) | EPD1);
    level = EL0;
    all("little-endian", 0);
    all("E0E", E0E);
    if (home >= 2) {
        level = EL1;
        all("E0E", E0E);
        turn_tables(space.root, 1);
        tlbi_all_el1();
        all("EE", EE);
        all("EE, E0E", EE | E0E);
    }
    el1_off();
    print("end\n");
}
