/*
 * Breakpoints, watchpoints and software step that a guest sets for itself (DDI 0487, D2 "AArch64 Self-hosted Debug").
 */
#include "groups.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    debug_registers();
    write_register(oslar_el1, 0);
    breakpoints();
    breakpoint_states();
    linked_points();
    watchpoints();
    watched_accesses();
    watched_maintenance();
    software_step();
    if (home >= 2)
        debug_to_el2();
}
