/* The board of the Secure world, and worlds: what the monitor keeps of each and switches between. */
#ifndef MONITOR_H
#define MONITOR_H

#define LINKED_AT 0x40200000
#define IMAGE_LIMIT 0x80000
#define SECURE_RAM 0x0e000000
#define SECURE_UART 0x09040000
#define SECURE_GPIO 0x090b0000
/* An address at EL3 for each CPU in the pen. */
#define MAILBOXES SECURE_RAM

/* x0 to x30, ELR, SPSR, SCR, SP_EL1, VBAR_EL1, SCTLR_EL1, TCR_EL1, TTBR0_EL1, MAIR_EL1: 8 bytes each */
#define WORLD_ELR 248
#define WORLD_SPSR 256
#define WORLD_SCR 264
#define WORLD_SP 272
#define WORLD_VBAR 280
#define WORLD_SCTLR 288
#define WORLD_TCR 296
#define WORLD_TTBR 304
#define WORLD_MAIR 312

/* SCR_EL3: RW, HCE, RES1; and NS, IRQ, FIQ, ST. */
#define SCR_SECURE 0x530
#define SCR_NS 1
#define SCR_IRQ 2
#define SCR_FIQ 4
#define SCR_ST 0x800

#ifndef __ASSEMBLER__
#include "../interrupts/gic.h"

struct world {
    u64 x[31];
    u64 elr, spsr, scr, sp, vbar, sctlr, tcr, ttbr, mair;
};

/* Enters a world; comes back when a handler answers with no world. */
void run_world(struct world *world);
/* Why EL3 was entered from a world: the vector's offset. The world to go on with, or 0 for the end. */
struct world *monitor(struct world *world, u64 vector);
void first_at_el3(void);

extern u64 fiqs_taken;

void gic_views(void);
void groups(void);
void secure_memory(void);
void secure_timer(void);
void worlds(void);
void psci(void);
#endif
#endif
