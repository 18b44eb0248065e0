/*
 * The GIC's CPU interfaces: list registers and what EL1 sees of them, maintenance, traps, where interrupts of both
 * groups go (IHI 0069, chapters 4, 6 and 12; DDI 0487, D1.3.6 "Asynchronous exceptions").
 */
#include "groups.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    gic_init();
    gic_init_cpu(0);
    machine_control();
    virtual_priorities();
    virtual_ends();
    list_register_corners();
    maintenance_interrupts();
    interface_traps();
    physical_routing();
    physical_groups();
}
