/* PSTATE: exception returns legal and not, stack pointers, interrupt masks. */
#include "runtime.h"
#include "groups.h"

#define DIRTY 0xf0000000ul

void returns(void)
{
    /* ERET from EL1 with a chosen SPSR; x1 = where to. */
#define RETURN_AT_1 "msr spsr_el1, x0\n adr x1, 1f\n msr elr_el1, x1\n mov x0, #5\n eret\n1: mrs x0, nzcv"
    probe_value("eret to EL1h", EL1, CODE(RETURN_AT_1), 0x3c5 | DIRTY, 0);
    probe_value("eret to EL1t", EL1, CODE(RETURN_AT_1), 0x3c4, 0);
    probe_value("eret to EL0t", EL1, CODE(RETURN_AT_1), 0x3c0 | 0x50000000, 0);
    probe("eret to EL0h", EL1, CODE(RETURN_AT_1), 0x3c1 | DIRTY, 0);
    probe("eret to mode 2", EL1, CODE(RETURN_AT_1), 0x3c2, 0);
    probe("eret to mode 6", EL1, CODE(RETURN_AT_1), 0x3c6, 0);
    probe("eret from EL1 to EL2", EL1, CODE(RETURN_AT_1), 0x3c9, 0);
    probe("eret from EL1 to EL3", EL1, CODE(RETURN_AT_1), 0x3cd, 0);
    probe("eret, SPSR.IL set", EL1, CODE(RETURN_AT_1), 0x3c5 | 1 << 20, 0);
    probe("eret, SPSR.IL set, to EL0", EL1, CODE(RETURN_AT_1), 0x3c0 | 1 << 20, 0);
    /* Masks come from the SPSR even when the return is illegal. */
    probe("eret, illegal, masks", EL1, CODE(RETURN_AT_1), 0x249 | DIRTY, 0);
    probe("eret to a bad address", EL1, CODE("msr spsr_el1, x0\n msr elr_el1, x1\n eret"), 0x3c0, 0x40080002);
    if (home >= 2) {
#define RETURN_AT_2 "msr spsr_el2, x0\n adr x1, 1f\n msr elr_el2, x1\n eret\n1: mrs x0, nzcv"
        probe_value("eret to EL2h", EL2, CODE(RETURN_AT_2), 0x3c9 | DIRTY, 0);
        probe_value("eret to EL2t", EL2, CODE(RETURN_AT_2), 0x3c8, 0);
        probe_value("eret to EL1t", EL2, CODE(RETURN_AT_2), 0x3c4 | DIRTY, 0);
        probe("eret from EL2 to EL3", EL2, CODE(RETURN_AT_2), 0x3cd, 0);
        probe("eret to EL0h", EL2, CODE(RETURN_AT_2), 0x3c1, 0);
        write_register(hcr_el2, HCR_RW | 1 << 27);
        probe("eret to EL1h with TGE", EL2, CODE(RETURN_AT_2), 0x3c5, 0);
        probe_value("eret to EL0t with TGE", EL2, CODE(RETURN_AT_2), 0x3c0, 0);
        write_register(hcr_el2, HCR_RW);
    }
    if (home == 3) {
#define RETURN_AT_3 "msr spsr_el3, x0\n adr x1, 1f\n msr elr_el3, x1\n eret\n1: mrs x0, nzcv"
        probe_value("eret to EL3t", EL3, CODE(RETURN_AT_3), 0x3cc, 0);
        probe_value("eret to EL2t", EL3, CODE(RETURN_AT_3), 0x3c8, 0);
        write_register(scr_el3, SCR_OPEN & ~1);
        probe("eret to EL2h, Secure", EL3, CODE(RETURN_AT_3), 0x3c9, 0);
        probe_value("eret to EL1h, Secure", EL3, CODE(RETURN_AT_3), 0x3c5, 0);
        write_register(scr_el3, SCR_OPEN);
    }
}

void stacks(void)
{
    /* Four pointers, one in use; SP_EL0 by name only while it is not. */
    probe("svc with SP_EL0", EL1 - 1, CODE("svc #1"), 0, 0);
    probe("brk with SP_EL0", EL1 - 1, CODE("brk #1"), 0, 0);
    probe("mrs sp_el0 with SP_EL0", EL1 - 1, CODE("mrs x0, sp_el0"), 0, 0);
    probe("msr sp_el0 with SP_EL0", EL1 - 1, CODE("msr sp_el0, x0"), 0, 0);
    probe_value("spsel", EL1 - 1, CODE("mrs x0, spsel"), 0, 0);
    probe_value("spsel", EL1, CODE("mrs x0, spsel"), 0, 0);
    probe_value("SP exchanged by SPSel", EL1,
                CODE("mov x9, sp\n msr sp_el0, x0\n mov sp, x1\n msr spsel, #0\n mov x2, sp\n msr spsel, #1\n mov x3, sp\n"
                     "mov sp, x9\n lsl x0, x2, #16\n orr x0, x0, x3"),
                0x1230, 0x4560);
    probe_value("SP of EL0 written at EL0", EL0, CODE("mov sp, x0\n mov x0, #0"), 0x7890, 0);
    probe_value("and read at EL1", EL1, CODE("mrs x0, sp_el0"), 0, 0);
    probe_value("msr spsel by register", EL1,
                CODE("msr spsel, xzr\n mrs x1, spsel\n mov x2, #1\n msr spsel, x2\n mrs x0, spsel\n bfi x0, x1, #4, #4"),
                0, 0);
    if (home >= 2) {
        probe("svc with SP_EL0", EL2 - 1, CODE("svc #1"), 0, 0);
        probe_value("SP of EL1 written at EL1", EL1, CODE("mov x1, sp\n mov sp, x0\n mov x0, #0"), 0x4321000, 0);
        probe_value("and read at EL2", EL2, CODE("mrs x0, sp_el1"), 0, 0);
    }
    if (home == 3)
        probe("hvc with SP_EL0", EL3 - 1, CODE("hvc #1"), 0, 0);
}

void masks(void)
{
    probe_value("daif", EL1, CODE("mrs x0, daif"), 0, 0);
    probe_value("daifclr, daifset", EL1,
                CODE("msr daifclr, #15\n mrs x0, daif\n msr daifset, #5\n mrs x1, daif\n orr x0, x1, x0, lsl #16"), 0, 0);
    probe_value("msr daif", EL1, CODE("msr daif, x0\n mrs x0, daif"), ~0ul, 0);
    probe_value("msr daif", EL1, CODE("msr daif, x0\n mrs x0, daif"), 0x280, 0);
    probe("svc unmasked", 0x005 | 1ul << 29, CODE("svc #1"), 0, 0);
    probe("svc, some masks", 0x145, CODE("svc #1"), 0, 0);
    probe("svc, D masked, flags", 0x200 | 0x90000000ul, CODE("svc #1"), 0, 0);
    probe_value("daif on entry", EL1,
                /* A vector table of our own in place of the recording one, for one exception. */
                CODE("msr daifclr, #15\n mrs x9, vbar_el1\n adr x10, 2f\n and x10, x10, #~0x7ff\n add x10, x10, #0x800\n"
                     "msr vbar_el1, x10\n isb\n svc #5\n 3: msr vbar_el1, x9\n msr daifset, #15\n isb\n b 4f\n"
                     ".balign 0x800\n 2: nop\n .balign 0x800\n .skip 0x200\n"
                     "mrs x0, daif\n mrs x1, spsr_el1\n orr x0, x0, x1, lsl #16\n eret\n 4: nop"),
                0, 0);
    probe_value("nzcv", EL0, CODE("msr nzcv, x0\n mrs x0, nzcv"), ~0ul, 0);
    /* An exception in a handler: the outer ELR and SPSR are kept by software. */
    probe_through("brk in a handler of svc", EL1,
                  CODE("mrs x9, vbar_el1\n adr x10, 2f\n and x10, x10, #~0x7ff\n add x10, x10, #0x800\n"
                       "msr vbar_el1, x10\n isb\n svc #5\n b 4f\n"
                       ".balign 0x800\n 2: nop\n .balign 0x800\n .skip 0x200\n"
                       "msr vbar_el1, x9\n isb\n mrs x10, elr_el1\n mrs x11, spsr_el1\n brk #0x11\n mrs x12, esr_el1\n"
                       "msr elr_el1, x10\n msr spsr_el1, x11\n lsr x0, x12, #26\n eret\n 4: nop"),
                  0, 0);
}
