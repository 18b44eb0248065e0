/* The seed and the cases of a run, and SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over them. */
#include "fuzz.h"

/* fw_cfg of the board (QEMU's documentation, fw_cfg.rst): which item, and its bytes one after the other. */
#define FW_CFG 0x09020000ul
#define FW_CFG_SELECTOR 8
#define FW_CFG_DIRECTORY 0x19
#define FILE_NAME_SIZE 56

static u64 state;

u64 draw(void)
{
    u64 z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

u64 draw_below(u64 n)
{
    return (draw() >> 20) % n;
}

u64 draw_bits(u64 mask, int rarity)
{
    while (rarity--)
        mask &= draw();
    return mask;
}

int one_in(u64 n)
{
    return draw_below(n) == 0;
}

const struct step *draw_step(const struct step *steps, u32 count)
{
    u32 total = 0, i = 0;
    for (u32 j = 0; j < count; j++)
        total += steps[j].weight;
    for (u32 left = draw_below(total); left >= steps[i].weight; i++)
        left -= steps[i].weight;
    return &steps[i];
}

void take_steps(u32 length, const struct step *steps, u32 count, u32 (*about)(void), void (*print_state)(void))
{
    while (length--) {
        const struct step *step = draw_step(steps, count);
        u32 number = about();
        u64 value = step->act(number);
        /* What it wrote to a device has been done when the state is read. */
        asm volatile("dsb sy\n\tisb" ::: "memory");
        print("  ");
        print(step->name);
        print(" ");
        print_decimal(number);
        print_field("v", value);
        print_state();
    }
}

static void select_item(u16 key)
{
    *(volatile u16 *)(FW_CFG + FW_CFG_SELECTOR) = __builtin_bswap16(key);
}

static u8 next_byte(void)
{
    return *(volatile u8 *)FW_CFG;
}

static u64 next_big_endian(u32 bytes)
{
    u64 value = 0;
    while (bytes--)
        value = value << 8 | next_byte();
    return value;
}

/* The size of the file that is selected then. */
static u64 open_file(const char *name)
{
    select_item(FW_CFG_DIRECTORY);
    for (u64 files = next_big_endian(4); files; files--) {
        u64 size = next_big_endian(4);
        u16 key = next_big_endian(2);
        int differs = 0, ended = 0;
        next_big_endian(2);
        for (u32 i = 0; i < FILE_NAME_SIZE; i++) {
            char c = next_byte();
            differs |= !ended && c != name[i];
            ended |= c == 0;
        }
        if (!differs) {
            select_item(key);
            return size;
        }
    }
    return 0;
}

/* Decimal numbers with a space between. */
static void read_numbers(const char *file, u64 *numbers, u32 count)
{
    u64 left = open_file(file);
    for (u32 i = 0; i < count; i++)
        for (numbers[i] = 0; left; left--) {
            u8 c = next_byte();
            if (c == ' ') {
                left--;
                break;
            }
            numbers[i] = numbers[i] * 10 + (c - '0');
        }
}

void run_cases(void (*one)(void))
{
    u64 numbers[3];
    read_numbers("opt/trapframe/cases", numbers, 3);
    u64 seed = numbers[0], first = numbers[1], end = first + numbers[2];
    for (u64 number = first; number < end; number++) {
        /* Neighbouring seeds and neighbouring cases have nothing in common. */
        state = seed;
        state = draw() + number;
        state = draw();
        print("#");
        print_decimal(number);
        one();
    }
}
