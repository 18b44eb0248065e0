/*
 * Every synchronous exception class at every level, traps, routing, virtual interrupts, illegal returns (DDI 0487, D1.3
 * "Exceptions", D1.4 "Process state", D17.2.37 ESR_EL1).
 */
#include "runtime.h"
#include "groups.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    generation();
    undefined();
    alignment();
    external_aborts();
    returns();
    stacks();
    masks();
    user_controls();
    floating_point();
    if (home >= 2) {
        hypervisor_traps();
        routing();
        virtual_interrupts();
        error_synchronization();
    }
    if (home == 3)
        monitor_traps();
    debug();
}
