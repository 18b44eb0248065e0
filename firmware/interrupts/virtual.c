/* The virtual CPU interface: list registers of EL2, and what EL1 sees of them (IHI 0069, chapter 6). */
#include "gic.h"

#define ICH_EN 1
#define PENDING (1ul << 62)
#define ACTIVE (2ul << 62)
#define GROUP1 (1ul << 60)
#define HARDWARE (1ul << 61)
#define LR(intid, priority) (GROUP1 | (u64)(priority) << 48 | (intid))
#define IMO BIT(4)
#define FMO BIT(3)
/* Interrupts unmasked. */
#define EL1_OPEN (EL1 & ~0xc0ul)

static void print_state(const char *name)
{
    print(name);
    print_field("lr0", read_register(ich_lr0_el2));
    print_field("lr1", read_register(ich_lr1_el2));
    print_field("misr", read_register(ich_misr_el2));
    print_field("eisr", read_register(ich_eisr_el2));
    print_field("elrsr", read_register(ich_elrsr_el2) & 3);
    print("\n");
}

void virtual_interface(void)
{
    extern char vectors_el1[], vectors_el2[];
    /* The recording vectors again. */
    write_register(vbar_el1, vectors_el1);
    write_register(vbar_el2, vectors_el2);
    write_register(hcr_el2, HCR_RW | IMO | FMO);
    write_register(ich_vmcr_el2, 0xfful << 24 | 2);
    write_register(ich_lr1_el2, 0);
    write_register(ich_lr0_el2, LR(45, 0xa0) | PENDING);
    probe("list register, interface off", EL1_OPEN, CODE("nop\n nop"), 0, 0);
    write_register(ich_hcr_el2, ICH_EN);
    probe("list register, masked", EL1, CODE("nop\n nop"), 0, 0);
    probe("list register", EL1_OPEN, CODE("nop\n nop"), 0, 0);
    probe("list register", EL0 & ~0xc0ul, CODE("nop\n nop"), 0, 0);
    probe_value("isr_el1", EL1, CODE("mrs x0, isr_el1"), 0, 0);
    probe_value("hppir", EL1, CODE("mrs x0, icc_hppir1_el1"), 0, 0);
    probe_value("iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    print_state("acknowledged");
    probe_value("rpr", EL1, CODE("mrs x0, icc_rpr_el1"), 0, 0);
    probe_value("iar again", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), 45, 0);
    print_state("ended");
    /* Two, by priority; one asks for maintenance at its end. */
    write_register(ich_lr0_el2, LR(50, 0xb0) | PENDING);
    write_register(ich_lr1_el2, LR(51, 0x50) | PENDING | BIT(41));
    probe_value("two, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("less urgent, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), 51, 0);
    print_state("maintenance at the end");
    write_register(ich_lr1_el2, 0);
    probe_value("pmr hides it", EL1, CODE("mov x1, #0xa0\n msr icc_pmr_el1, x1\n mrs x0, icc_iar1_el1\n mov x1, #0xff\n msr icc_pmr_el1, x1"), 0, 0);
    probe_value("iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("pending and active", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_hppir1_el1"), 50, 0);
    print_state("all ended");
    print_field("vmcr", read_register(ich_vmcr_el2));
    print_field("ap1r0", read_register(ich_ap1r0_el2));
    print("\n");
    /* Underflow and no-pending conditions, and traps. */
    write_register(ich_hcr_el2, ICH_EN | BIT(1) | BIT(3));
    print_state("underflow, none pending");
    write_register(ich_hcr_el2, ICH_EN | BIT(10));
    probe("ICH_HCR_EL2.TC, pmr", EL1, CODE("mrs x0, icc_pmr_el1"), 0, 0);
    write_register(ich_hcr_el2, ICH_EN | BIT(12));
    probe("ICH_HCR_EL2.TALL1, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe("ICH_HCR_EL2.TALL1, iar0", EL1, CODE("mrs x0, icc_iar0_el1"), 0, 0);
    write_register(ich_hcr_el2, ICH_EN);
    probe("sgi1r", EL1, CODE("msr icc_sgi1r_el1, x0"), 0, 0);
    probe("ich_hcr_el2", EL1, CODE("mrs x0, ich_hcr_el2"), 0, 0);
    /* A list register tied to a physical interrupt: its end ends both. */
    install_vectors();
    send_to_self(6);
    enable(0, 6);
    write_register(icc_ctlr_el1, 2);
    u32 intid = acknowledge();
    end(intid);
    enable(0, 27);
    *word(GICR(0) + SGI_FRAME + GICD_ISPENDR) = 1u << 27;
    write_register(icc_dir_el1, 6);
    u32 timer = acknowledge();
    end(timer);
    print_field("physical", timer);
    print_field("active", is_active(0, 27));
    write_register(vbar_el1, vectors_el1);
    write_register(vbar_el2, vectors_el2);
    write_register(hcr_el2, HCR_RW | IMO | FMO);
    write_register(ich_lr0_el2, LR(27, 0x80) | PENDING | HARDWARE | 27ul << 32);
    print("\n");
    probe_value("tied, iar", EL1, CODE("mrs x0, icc_iar1_el1"), 0, 0);
    probe_value("tied, eoi", EL1, CODE("msr icc_eoir1_el1, x0\n mrs x0, icc_rpr_el1"), 27, 0);
    print_field("active", is_active(0, 27));
    print_state(" tied, ended");
    write_register(ich_hcr_el2, 0);
    write_register(icc_ctlr_el1, 0);
    disable(0, 27);
    disable(0, 6);
    install_vectors();
}
