/* The seed and the cases of a run, and SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over them. */
#include "fuzz.h"

#include "../board/fdt.h"

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

/* The number behind "name=" in the command line, or 0. */
static u64 argument(const char *line, u32 length, const char *name)
{
    for (u32 at = 0; at < length; at++) {
        u32 i = 0;
        while (name[i] && at + i < length && line[at + i] == name[i])
            i++;
        if (name[i] || (at > 0 && line[at - 1] != ' '))
            continue;
        u64 value = 0;
        for (at += i; at < length && line[at] >= '0' && line[at] <= '9'; at++)
            value = value * 10 + (line[at] - '0');
        return value;
    }
    return 0;
}

void run_cases(const void *device_tree, void (*one)(void))
{
    u32 length = 0;
    const char *line = find_property(device_tree, "/chosen", "bootargs", &length);
    u64 seed = argument(line, length, "seed=");
    u64 first = argument(line, length, "first=");
    u64 end = first + argument(line, length, "cases=");
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
