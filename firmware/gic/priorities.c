/* Which virtual interrupt is signalled: groups, priorities, masks, binary points, what is active. */
#include "groups.h"

/* Interrupts unmasked. */
#define EL1_OPEN (EL1 & ~0xc0ul)

static void print_offers(const char *name)
{
    static const char *const names[] = {"isr", "hppir0", "hppir1", "rpr"};
    const void *const codes[] = {CODE("mrs x0, isr_el1"), CODE("mrs x0, icc_hppir0_el1"),
                                 CODE("mrs x0, icc_hppir1_el1"), CODE("mrs x0, icc_rpr_el1")};
    print(name);
    for (u32 i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        run(EL1, codes[i], 0, 0);
        print_field(names[i], probe_results.x[0]);
    }
    print("\n");
}

static const char *const enabled[] = {"no group", "group 0", "group 1", "both groups"};

static void two_interrupts(u64 lr0, u64 lr1)
{
    print_field("lr0", lr0);
    print_field("lr1", lr1);
    print("\n");
    for (u64 groups = 0; groups < 4; groups++) {
        begin_virtual(groups | VPMR(0xf8));
        set_list_registers(lr0, lr1, 0, 0);
        print_offers(enabled[groups]);
        probe("  taken", EL1_OPEN, CODE("nop\n nop"), 0, 0);
        probe_value("  iar0", EL1, CODE("mrs x0, icc_iar0_el1"), 0, 0);
        probe_value("  iar1", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
        probe_value("  iar0", EL1, CODE("mrs x0, icc_iar0_el1"), 0, 0);
        print_virtual("  then");
    }
}

/* Whether one of priority `second` preempts one of `first`, for each binary point. */
static void preemption(u64 first_lr, u64 second_lr, u64 vmcr)
{
    print_field("first", first_lr);
    print_field("second", second_lr);
    print_field("vmcr", vmcr);
    for (u64 bpr = 0; bpr < 8; bpr++) {
        begin_virtual(VMCR_OPEN | vmcr | VBPR0(bpr) | VBPR1(bpr));
        set_list_registers(first_lr, 0, 0, 0);
        run(EL1, CODE("mrs x0, icc_iar0_el1\n mrs x0, icc_iar1_el1"), 0, 0);
        set_list_registers(read_register(ich_lr0_el2), second_lr, 0, 0);
        run(EL1, CODE("mrs x0, isr_el1"), 0, 0);
        print_field("isr", probe_results.x[0]);
        print_field("ap", read_register(ich_ap0r0_el2) << 32 | read_register(ich_ap1r0_el2));
    }
    print("\n");
}

void virtual_priorities(void)
{
    two_interrupts(LR1(40, 0x80) | PENDING, LR1(41, 0x40) | PENDING);
    two_interrupts(LR(40, 0x80) | PENDING, LR1(41, 0x40) | PENDING);
    two_interrupts(LR1(40, 0x80) | PENDING, LR(41, 0x40) | PENDING);
    two_interrupts(LR(40, 0x80) | PENDING, LR(41, 0x80) | PENDING);
    two_interrupts(LR1(40, 0x80) | PENDING, LR(41, 0x80) | PENDING);
    two_interrupts(LR1(40, 0x80) | PENDING | ACTIVE, LR1(41, 0xa0) | PENDING);
    two_interrupts(LR1(40, 0x80) | ACTIVE, LR1(41, 0xf0) | PENDING);
    two_interrupts(LR1(40, 0xf0) | PENDING, LR(41, 0xe8) | PENDING);
    for (u64 mask = 0; mask < 0x100; mask += 0x10) {
        begin_virtual(VENG1 | VPMR(mask));
        set_list_registers(LR1(40, 0x80) | PENDING, LR1(41, 0x70) | PENDING, 0, 0);
        print_field("pmr", mask);
        print_offers("");
    }
    preemption(LR1(40, 0x80) | PENDING, LR1(41, 0x78) | PENDING, 0);
    preemption(LR1(40, 0x80) | PENDING, LR1(41, 0x40) | PENDING, 0);
    preemption(LR1(40, 0xf0) | PENDING, LR1(41, 0x08) | PENDING, 0);
    preemption(LR(40, 0x80) | PENDING, LR(41, 0x70) | PENDING, 0);
    preemption(LR1(40, 0x80) | PENDING, LR(41, 0x70) | PENDING, 0);
    preemption(LR(40, 0x80) | PENDING, LR1(41, 0x70) | PENDING, 0);
    preemption(LR1(40, 0x80) | PENDING, LR1(41, 0x78) | PENDING, VCBPR);
    preemption(LR1(40, 0xc0) | PENDING, LR1(41, 0x80) | PENDING, VCBPR);
    /* Active priorities as a hypervisor restores them. */
    for (u64 bit = 0; bit < 32; bit += 5) {
        begin_virtual(VMCR_OPEN);
        write_register(ich_ap1r0_el2, BIT(bit) | BIT(31));
        set_list_registers(LR1(41, 0x50) | PENDING, 0, 0, 0);
        print_field("ap1r0", BIT(bit) | BIT(31));
        print_offers("");
    }
    begin_virtual(VMCR_OPEN);
    write_register(ich_ap0r0_el2, BIT(4));
    write_register(ich_ap1r0_el2, BIT(2));
    print_offers("both groups active");
    probe_value("ap0r0", EL1, CODE("mrs x0, icc_ap0r0_el1"), 0, 0);
    probe_value("ap1r0", EL1, CODE("mrs x0, icc_ap1r0_el1"), 0, 0);
    probe("ap1r0, written", EL1, CODE("msr icc_ap1r0_el1, x0"), 0x10, 0);
    print_offers("then");
    /* Both kinds at once, at the levels that they may interrupt. */
    begin_virtual(VMCR_OPEN);
    set_list_registers(LR1(40, 0x80) | PENDING, LR(41, 0x80) | PENDING, 0, 0);
    probe("at EL1", EL1_OPEN, CODE("nop\n nop"), 0, 0);
    probe("at EL0", EL0 & ~0xc0ul, CODE("nop\n nop"), 0, 0);
    probe("IRQ alone unmasked", EL1 & ~0x80ul, CODE("nop\n nop"), 0, 0);
    probe("FIQ alone unmasked", EL1 & ~0x40ul, CODE("nop\n nop"), 0, 0);
    probe_value("isr_el1", EL2, CODE("mrs x0, isr_el1"), 0, 0);
    probe("at EL2", EL2 & ~0xc0ul, CODE("nop\n nop"), 0, 0);
    probe("wfi", EL1, CODE("wfi\n nop"), 0, 0);
    end_virtual();
}
