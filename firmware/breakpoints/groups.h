/* The groups of checks about a guest's own debug registers. */
#ifndef GROUPS_H
#define GROUPS_H

#include "runtime.h"

#define BIT(n) (1ul << (n))
#define MDSCR_SS BIT(0)
#define MDSCR_TDCC BIT(12)
#define MDSCR_KDE BIT(13)
#define MDSCR_MDE BIT(15)
#define MDCR_TDE BIT(8)
#define HCR_TGE BIT(27)
#define SPSR_SS BIT(21)
#define D_CLEAR ~0x200ul

/* DBGBCR/DBGWCR: E, PMC/PAC for EL0 only (2), EL1 only (1), both (3), BAS. */
#define CONTROL(privilege, bas) (1 | (u64)(privilege) << 1 | (u64)(bas) << 5)
#define HMC BIT(13)
#define SSC(n) ((u64)(n) << 14)
#define LINK(n) ((u64)(n) << 16)

/* RAM that is neither image nor stack. */
#define DATA_ADDRESS 0x41000000ul

void breakpoints(void);
void breakpoint_states(void);
void linked_points(void);
void watchpoints(void);
void watched_accesses(void);
void watched_maintenance(void);
void software_step(void);
void debug_registers(void);
void debug_to_el2(void);

#endif
