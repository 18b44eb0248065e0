/* A small secure monitor: it owns EL3 from reset, and shows both worlds what is theirs. */
#include "monitor.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    gic_views();
    secure_memory();
    secure_timer();
    groups();
    worlds();
    psci();
}
