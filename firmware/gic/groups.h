/* The groups of checks about the GIC's interfaces to software at EL1 and EL2. */
#ifndef GROUPS_H
#define GROUPS_H

#include "gic.h"

#define IMO BIT(4)
#define FMO BIT(3)
#define AMO BIT(5)
#define TWI BIT(13)
#define TGE BIT(27)
#define E2H BIT(34)

#define ICH_EN 1ul
#define PENDING (1ul << 62)
#define ACTIVE (2ul << 62)
#define HARDWARE (1ul << 61)
#define GROUP1 (1ul << 60)
#define EOI_ASKED BIT(41)
#define LR(intid, priority) ((u64)(priority) << 48 | (intid))
#define LR1(intid, priority) (GROUP1 | LR(intid, priority))

#define VENG0 BIT(0)
#define VENG1 BIT(1)
#define VCBPR BIT(4)
#define VEOIM BIT(9)
#define VBPR0(n) ((u64)(n) << 21)
#define VBPR1(n) ((u64)(n) << 18)
#define VPMR(n) ((u64)(n) << 24)
/* Both groups, nothing masked. */
#define VMCR_OPEN (VENG0 | VENG1 | VPMR(0xf8))

void set_list_registers(u64 lr0, u64 lr1, u64 lr2, u64 lr3);
/* The virtual interface as it is after reset, on, with what is in VMCR. */
void begin_virtual(u64 vmcr);
void end_virtual(void);
/* What EL2 sees of it: one line. */
void print_virtual(const char *name);

void machine_control(void);
void virtual_priorities(void);
void virtual_ends(void);
void list_register_corners(void);
void maintenance_interrupts(void);
void interface_traps(void);
void physical_routing(void);
void physical_groups(void);

#endif
