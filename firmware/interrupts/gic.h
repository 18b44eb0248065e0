/* GICv3 (IHI 0069) and the other CPUs, as far as the tests need them. */
#ifndef GIC_H
#define GIC_H

#include "runtime.h"

#define BIT(n) (1ul << (n))

#define GICD 0x08000000ul
#define GICD_CTLR 0x0000
#define GICD_IGROUPR 0x0080
#define GICD_ISENABLER 0x0100
#define GICD_ICENABLER 0x0180
#define GICD_ISPENDR 0x0200
#define GICD_ICPENDR 0x0280
#define GICD_ISACTIVER 0x0300
#define GICD_ICACTIVER 0x0380
#define GICD_IPRIORITYR 0x0400
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000
#define GICD_PIDR2 0xffe8

#define GICR(cpu) (0x080a0000ul + (cpu) * 0x20000ul)
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
/* The frame of SGIs and PPIs; offsets as in the distributor. */
#define SGI_FRAME 0x10000

#define SPURIOUS 1023

static inline volatile u32 *word(u64 address)
{
    return (volatile u32 *)address;
}

void gic_init(void);
/* This CPU's redistributor and interface. */
void gic_init_cpu(u32 cpu);
void enable(u32 cpu, u32 intid);
void disable(u32 cpu, u32 intid);
void set_priority(u32 cpu, u32 intid, u32 priority);
u32 is_pending(u32 cpu, u32 intid);
u32 is_active(u32 cpu, u32 intid);

static inline u32 acknowledge(void)
{
    return read_register(icc_iar1_el1);
}

static inline void end(u32 intid)
{
    write_register(icc_eoir1_el1, intid);
}

/* An SGI to this CPU alone. */
void send_to_self(u32 intid);

/* What happens at an interrupt; the events it notes are printed by `print_events`. */
extern void (*on_interrupt)(u32 is_fiq);
void note(const char *what, u64 value);
void print_events(const char *name);

static inline void unmask(void)
{
    asm volatile("msr daifclr, #3\n\tisb" ::: "memory");
}

static inline void mask(void)
{
    asm volatile("msr daifset, #3\n\tisb" ::: "memory");
}

/* Until something is pending; interrupts are masked, and stay pending. */
static inline void wait_for_interrupt(void)
{
    asm volatile("dsb sy\n\twfi" ::: "memory");
}

/* Waits, and takes what is pending: an interrupt that comes before the WFI ends it. */
static inline void take_interrupts(void)
{
    wait_for_interrupt();
    unmask();
    mask();
}

u64 call(u64 function, u64 x1, u64 x2, u64 x3);
void install_vectors(void);
u32 cpu_count(void);
/* Starts all other CPUs; has `job` done on all of them and on this one, and waits for the last. */
void start_cpus(void);
void on_all_cpus(void (*job)(u32 cpu));

void interrupts(void);
void timers(void);
void power(void);
void multiprocessing(void);
void virtual_interface(void);

#endif
