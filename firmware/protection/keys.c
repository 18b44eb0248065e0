/* Keys of pointer authentication. */
#include "keys.h"

u64 arbitrary(void)
{
    static u64 state = 0x9e3779b97f4a7c15ul;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state * 0x2545f4914f6cdd1dul;
}

void set_keys(void)
{
    write_register(apiakeylo_el1, arbitrary());
    write_register(apiakeyhi_el1, arbitrary());
    write_register(apibkeylo_el1, arbitrary());
    write_register(apibkeyhi_el1, arbitrary());
    write_register(apdakeylo_el1, arbitrary());
    write_register(apdakeyhi_el1, arbitrary());
    write_register(apdbkeylo_el1, arbitrary());
    write_register(apdbkeyhi_el1, arbitrary());
    write_register(apgakeylo_el1, arbitrary());
    write_register(apgakeyhi_el1, arbitrary());
}

void enable_keys(u64 keys)
{
    if (home == 3) {
        write_register(scr_el3, SCR_OPEN | SCR_APK | SCR_API);
        write_register(sctlr_el3, SCTLR_EL3_OFF | keys);
    }
    if (home >= 2) {
        write_register(hcr_el2, HCR_RW | HCR_APK | HCR_API);
        write_register(sctlr_el2, SCTLR_EL2_OFF | keys);
    }
    write_register(sctlr_el1, SCTLR_EL1_OFF | keys);
}
