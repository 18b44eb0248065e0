/* Interrupts, timers, power states and several CPUs (IHI 0069, DDI 0487 D11, DEN 0022). */
#include "gic.h"

#define SYSTEM_RESET 0x84000009

/* In RAM that neither a loader nor a reset touches. */
static volatile u64 *const after_reset = (volatile u64 *)0x47000000;
#define MAGIC 0x7265736574ul

void main(void *device_tree)
{
    (void)device_tree;
    if (*after_reset == MAGIC) {
        print("after SYSTEM_RESET\n");
        return;
    }
    print("home EL");
    print_decimal(home);
    print("\n");
    install_vectors();
    gic_init();
    gic_init_cpu(0);
    interrupts();
    timers();
    power();
    if (home == 2)
        virtual_interface();
    multiprocessing();
    print("SYSTEM_RESET\n");
    *after_reset = MAGIC;
    call(SYSTEM_RESET, 0, 0, 0);
    for (;;) {
    }
}
