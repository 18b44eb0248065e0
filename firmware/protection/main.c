/*
 * Control flow protection: pointer authentication (FEAT_PAuth) and guarded pages (FEAT_BTI); DDI 0487, D8.9 and D8.4.
 */
#include "groups.h"
#include "runtime.h"

void main(void *device_tree)
{
    (void)device_tree;
    print("home EL");
    print_decimal(home);
    print("\n");
    codes();
    failures();
    controls();
    combined();
    guarded();
}
