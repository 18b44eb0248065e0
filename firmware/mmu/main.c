/*
 * Translation: stage 1 of every regime, stage 2, their faults, TLB maintenance (DDI 0487, D8 "The AArch64 Virtual
 * Memory System Architecture").
 */
#include "groups.h"
#include "runtime.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    granules();
    ranges();
    permissions();
    identifiers();
    maintenance();
    address_translation();
    crossings();
    cache_operations();
    changing_code();
    extensions();
    if (home >= 2) {
        stage2();
        syndromes();
    }
    if (home == 2) {
        hypervisor_regime();
        host_regime();
    }
    if (home == 3)
        monitor_regime();
}
