/* Where a physical IRQ and FIQ go, and whether PSTATE masks them there; both groups of the physical interface. */
#include "groups.h"

#define SGI1 4
#define SGI0 5

static void one_target(const char *name, u64 pstate)
{
    run(pstate, CODE("nop\n nop"), 0, 0);
    print(name);
    if (exception_count) {
        print(" EL");
        print_decimal(exceptions[0].el);
        print("+");
        print_hex(exceptions[0].vector, 3);
    } else {
        print(" pending");
    }
}

static void targets(const char *name)
{
    print(name);
    print_field(", HCR_EL2", read_register(hcr_el2));
    print(":");
    for (u64 masked = 0; masked < 2; masked++) {
        u64 mask = masked ? 0 : 0xc0;
        one_target(masked ? "; masked: EL0" : " EL0", EL0 & ~mask);
        if (!(read_register(hcr_el2) & TGE))
            one_target(", EL1", EL1 & ~mask);
        one_target(", EL2", EL2 & ~mask);
    }
    print("\n");
}

void physical_routing(void)
{
    extern char vectors_el1[], vectors_el2[];
    u64 with_e2h = (read_register(id_aa64mmfr1_el1) >> 8 & 15) != 0;
    write_register(vbar_el1, vectors_el1);
    write_register(vbar_el2, vectors_el2);
    write_register(icc_igrpen0_el1, 1);
    enable(0, SGI1);
    enable(0, SGI0);
    *word(GICR(0) + SGI_FRAME + GICD_IGROUPR) = ~(1u << SGI0);
    for (u64 fiq = 0; fiq < 2; fiq++) {
        u64 frame = GICR(0) + SGI_FRAME;
        *word(frame + GICD_ISPENDR) = 1u << (fiq ? SGI0 : SGI1);
        for (u64 setting = 0; setting < 16; setting++) {
            u64 hcr = (setting & 1 ? IMO : 0) | (setting & 2 ? FMO : 0) | (setting & 4 ? TGE : 0) |
                      (setting & 8 ? E2H : 0);
            if (setting & 8 && !with_e2h)
                continue;
            /* With E2H the trap register of EL2 has another form, that of CPACR_EL1. */
            write_register(hcr_el2, HCR_RW | hcr);
            write_register(cptr_el2, hcr & E2H ? 3ul << 20 : CPTR_EL2_OPEN);
            targets(fiq ? "FIQ" : "IRQ");
        }
        write_register(hcr_el2, HCR_RW);
        write_register(cptr_el2, CPTR_EL2_OPEN);
        *word(frame + GICD_ICPENDR) = 1u << (fiq ? SGI0 : SGI1);
    }
    /* A pending interrupt ends WFI although it is masked, and although another level is to take it. */
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = 1u << SGI1;
    probe("wfi at EL1, masked", EL1, CODE("wfi\n nop"), 0, 0);
    probe_value("isr_el1", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    write_register(hcr_el2, HCR_RW | IMO);
    probe("wfi, IRQ of EL2", EL1, CODE("wfi\n nop"), 0, 0);
    probe_value("isr_el1, IMO", EL2, CODE("mrs x0, isr_el1"), 0, 0);
    /* And it is not trapped: only what would wait is. */
    write_register(hcr_el2, HCR_RW | TWI);
    probe("wfi, trapped", EL1, CODE("wfi\n nop"), 0, 0);
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI1;
    probe("wfi, trapped, nothing pending", EL1, CODE("wfi\n nop"), 0, 0);
    write_register(hcr_el2, HCR_RW);
}

static void pend(u32 intid)
{
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = 1u << intid;
}

void physical_groups(void)
{
    set_priority(0, SGI1, 0x80);
    set_priority(0, SGI0, 0x80);
    for (u64 setting = 0; setting < 4; setting++) {
        write_register(icc_igrpen0_el1, setting & 1);
        write_register(icc_igrpen1_el1, setting >> 1);
        pend(SGI0);
        pend(SGI1);
        note("groups", setting);
        note("isr", read_register(isr_el1));
        note("hppir0", read_register(icc_hppir0_el1));
        note("hppir1", read_register(icc_hppir1_el1));
        u32 first = read_register(icc_iar0_el1);
        note("iar0", first);
        u32 second = acknowledge();
        note("iar1", second);
        note("ap0r0", read_register(icc_ap0r0_el1));
        note("ap1r0", read_register(icc_ap1r0_el1));
        note("rpr", read_register(icc_rpr_el1));
        if (first < SPURIOUS)
            write_register(icc_eoir0_el1, first);
        if (second < SPURIOUS)
            end(second);
        note("active", is_active(0, SGI0) << 1 | is_active(0, SGI1));
        print_events("two groups");
    }
    write_register(icc_igrpen0_el1, 1);
    write_register(icc_igrpen1_el1, 1);
    /* Preemption across the groups, by either binary point and by the common one. */
    for (u64 bpr = 0; bpr < 8; bpr++) {
        for (u64 common = 0; common < 2; common++) {
            *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI0 | 1u << SGI1;
            write_register(icc_ctlr_el1, common);
            write_register(icc_bpr0_el1, bpr);
            write_register(icc_bpr1_el1, 7 - bpr);
            note("bpr0", read_register(icc_bpr0_el1));
            note("bpr1", read_register(icc_bpr1_el1));
            note("ctlr", read_register(icc_ctlr_el1) & 3);
            set_priority(0, SGI1, 0x80);
            set_priority(0, SGI0, 0x60);
            pend(SGI1);
            note("iar1", acknowledge());
            note("ap1r0", read_register(icc_ap1r0_el1));
            pend(SGI0);
            note("isr", read_register(isr_el1));
            note("iar0", read_register(icc_iar0_el1));
            note("ap0r0", read_register(icc_ap0r0_el1));
            note("rpr", read_register(icc_rpr_el1));
            if (is_active(0, SGI0))
                write_register(icc_eoir0_el1, SGI0);
            end(SGI1);
            note("rpr", read_register(icc_rpr_el1));
            print_events("binary points");
        }
    }
    write_register(icc_ctlr_el1, 0);
    write_register(icc_bpr0_el1, 0);
    write_register(icc_bpr1_el1, 0);
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI0 | 1u << SGI1;
    /* Ends by the wrong register, of the wrong number, twice. */
    pend(SGI1);
    note("iar1", acknowledge());
    write_register(icc_eoir0_el1, SGI1);
    note("eoir0, active", is_active(0, SGI1));
    note("rpr", read_register(icc_rpr_el1));
    end(SGI0);
    note("other, active", is_active(0, SGI1));
    note("rpr", read_register(icc_rpr_el1));
    end(SGI1);
    note("active", is_active(0, SGI1));
    *word(GICR(0) + SGI_FRAME + GICD_ICACTIVER) = 1u << SGI1;
    note("rpr", read_register(icc_rpr_el1));
    print_events("ends");
    /* SGIs by each of the three registers: of which group they are is the receiver's. */
    write_register(icc_sgi0r_el1, 1 | (u64)SGI0 << 24);
    note("sgi0r, group 0", is_pending(0, SGI0));
    write_register(icc_sgi0r_el1, 1 | (u64)SGI1 << 24);
    note("sgi0r, group 1", is_pending(0, SGI1));
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI0 | 1u << SGI1;
    write_register(icc_sgi1r_el1, 1 | (u64)SGI0 << 24);
    note("sgi1r, group 0", is_pending(0, SGI0));
    write_register(icc_sgi1r_el1, 1 | (u64)SGI1 << 24);
    note("sgi1r, group 1", is_pending(0, SGI1));
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI0 | 1u << SGI1;
    write_register(icc_asgi1r_el1, 1 | (u64)SGI0 << 24);
    note("asgi1r, group 0", is_pending(0, SGI0));
    write_register(icc_asgi1r_el1, 1 | (u64)SGI1 << 24);
    note("asgi1r, group 1", is_pending(0, SGI1));
    *word(GICR(0) + SGI_FRAME + GICD_ICPENDR) = 1u << SGI0 | 1u << SGI1;
    print_events("sgi registers");
}
