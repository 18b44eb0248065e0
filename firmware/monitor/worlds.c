/* Two worlds that call each other through the monitor; Group 0 interrupts that EL3 takes; PSCI that it answers. */
#include "monitor.h"

#define SMC_SWITCH 0xc3000001
#define SMC_END 0xc3000002
#define PSCI_VERSION 0x84000000
#define PSCI_CPU_OFF 0x84000002
#define PSCI_CPU_ON 0xc4000003
#define PSCI_AFFINITY_INFO 0xc4000004
#define PSCI_SYSTEM_OFF 0x84000008
#define NOT_SUPPORTED (-1l)
#define ALREADY_ON (-4l)
#define INVALID (-2l)
#define CPUS 2

extern char first_entry[];

static struct world secure, normal, second;
static u8 secure_stack[0x1000] __attribute__((aligned(16)));
static u8 normal_stack[0x1000] __attribute__((aligned(16)));
static u8 second_stack[0x1000] __attribute__((aligned(16)));
u64 fiqs_taken;
static volatile u64 second_came;
static u64 starts[CPUS][2];

static u64 smc(u64 function, u64 x1, u64 x2, u64 x3)
{
    register u64 r0 asm("x0") = function;
    register u64 r1 asm("x1") = x1;
    register u64 r2 asm("x2") = x2;
    register u64 r3 asm("x3") = x3;
    asm volatile("smc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
    return r0;
}

/* Secure EL1: adds up what it is given. */
static void secure_world(u64 given)
{
    u64 sum = 0;
    for (;;) {
        sum += given;
        given = smc(SMC_SWITCH, sum, 0, 0);
    }
}

static void normal_world(void)
{
    for (u64 i = 1; i <= 4; i++) {
        print("the Secure world has");
        print_field("", smc(SMC_SWITCH, i * 0x10, 0, 0));
        print_field("VBAR_EL1", read_register(vbar_el1));
        print("\n");
    }
    /* Group 0: the Secure world's, whatever masks there are here. */
    for (u32 i = 0; i < 3; i++) {
        smc(SMC_SWITCH, 0, 40, 0);
        print_field("FIQs taken at EL3", fiqs_taken);
    }
    print("\n");
    print_field("PSCI_VERSION", smc(PSCI_VERSION, 0, 0, 0));
    print_field("unknown", smc(0x84000055, 0, 0, 0));
    print_field("AFFINITY_INFO 1", smc(PSCI_AFFINITY_INFO, 1, 0, 0));
    print_field("CPU_ON 7", smc(PSCI_CPU_ON, 7, 0, 0));
    print("\n");
    smc(SMC_END, 0, 0, 0);
}

static void begin(struct world *world, void (*entry)(), u64 scr, u64 pstate, u8 *stack)
{
    world->elr = (u64)entry;
    world->spsr = pstate;
    world->scr = scr;
    world->sp = (u64)stack + 0x1000;
    world->sctlr = SCTLR_EL1_OFF;
}

void worlds(void)
{
    begin(&secure, secure_world, SCR_SECURE | SCR_FIQ, EL1, secure_stack);
    begin(&normal, normal_world, SCR_SECURE | SCR_NS | SCR_FIQ, EL1, normal_stack);
    secure.vbar = 0x5800;
    normal.vbar = 0x7000;
    run_world(&normal);
    print_field("the Non-secure world ended with", normal.x[0]);
    print("\n");
}

static struct world *psci_call(struct world *world)
{
    u64 target = world->x[1];
    volatile u64 *mailboxes = (volatile u64 *)MAILBOXES;
    switch (world->x[0]) {
    case PSCI_VERSION:
        world->x[0] = 0x10001;
        break;
    case PSCI_AFFINITY_INFO:
        world->x[0] = target >= CPUS ? (u64)INVALID : target != 0 && !mailboxes[target];
        break;
    case PSCI_CPU_ON:
        if (target >= CPUS) {
            world->x[0] = (u64)INVALID;
        } else if (target == 0 || mailboxes[target]) {
            world->x[0] = (u64)ALREADY_ON;
        } else {
            starts[target][0] = world->x[2];
            starts[target][1] = world->x[3];
            mailboxes[target] = (u64)first_entry;
            asm volatile("dsb sy\n\tsev" ::: "memory");
            world->x[0] = 0;
        }
        break;
    case PSCI_CPU_OFF:
        return 0;
    case PSCI_SYSTEM_OFF:
        *word(SECURE_GPIO + 0x400) = 1;
        *word(SECURE_GPIO + 4) = 1;
        for (;;)
            asm volatile("wfi");
    default:
        world->x[0] = (u64)NOT_SUPPORTED;
    }
    return world;
}

struct world *monitor(struct world *world, u64 vector)
{
    if (vector == 0x500) {
        u32 intid = read_register(icc_iar0_el1);
        fiqs_taken++;
        write_register(icc_eoir0_el1, intid);
        return world;
    }
    if (vector != 0x400) {
        print_field("monitor: vector", vector);
        print_field("esr", read_register(esr_el3));
        print_field("elr", world->elr);
        print("\n");
        return 0;
    }
    if (world->x[0] == SMC_END)
        return 0;
    if (world->x[0] != SMC_SWITCH)
        return psci_call(world);
    if (world->x[2])
        *word(GICD + GICD_ISPENDR + 4) = BIT(world->x[2] - 32);
    struct world *other = world == &secure ? &normal : &secure;
    other->x[0] = world->x[1];
    return other;
}

/* Non-secure EL2 of the second CPU: two CPUs take turns. */
static void second_cpu(u64 context)
{
    u64 el;
    asm volatile("mrs %0, CurrentEL" : "=r"(el));
    second_came = context + (el >> 2) + ((read_register(mpidr_el1) & 0xff) << 8);
    asm volatile("dsb sy\n\tsev" ::: "memory");
    smc(PSCI_CPU_OFF, 0, 0, 0);
}

void first_at_el3(void)
{
    u32 cpu = read_register(mpidr_el1) & 0xff;
    write_register(sp_el2, second_stack + sizeof(second_stack));
    write_register(hcr_el2, HCR_RW);
    write_register(sctlr_el2, SCTLR_EL2_OFF);
    write_register(cptr_el2, CPTR_EL2_OPEN);
    begin(&second, (void (*)())starts[cpu][0], SCR_SECURE | SCR_NS | BIT(8), EL2, second_stack);
    second.x[0] = starts[cpu][1];
    run_world(&second);
}

static void starter(void)
{
    for (u64 round = 1; round <= 2; round++) {
        second_came = 0;
        print_field("CPU_ON 1", smc(PSCI_CPU_ON, 1, (u64)second_cpu, round << 16));
        while (!second_came)
            asm volatile("wfe");
        print_field("it said", second_came);
        while (smc(PSCI_AFFINITY_INFO, 1, 0, 0) == 0)
            asm volatile("wfe");
        print(" and is off\n");
    }
    smc(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void psci(void)
{
    begin(&normal, starter, SCR_SECURE | SCR_NS | SCR_FIQ, EL1, normal_stack);
    run_world(&normal);
}
