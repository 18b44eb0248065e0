/* Interrupts that were acknowledged and not ended yet, with the group each was acknowledged as. */
#ifndef HELD_H
#define HELD_H

#include "runtime.h"

struct held {
    u32 intid;
    u32 group;
};

/* What an acknowledgement gave, which is returned; a special INTID is not held. */
u64 hold(u32 intid, u32 group);
/* The last one, which is not held any more; 0 when there is none. */
const struct held *release(void);
void forget_held(void);

#endif
