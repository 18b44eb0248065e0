/* Interrupts between acknowledgement and end. */
#include "held.h"

static struct held held[8];
static u32 held_count;

u64 hold(u32 intid, u32 group)
{
    if (intid < 1020 && held_count < sizeof held / sizeof held[0])
        held[held_count++] = (struct held){intid, group};
    return intid;
}

const struct held *release(void)
{
    return held_count ? &held[--held_count] : 0;
}

void forget_held(void)
{
    held_count = 0;
}
