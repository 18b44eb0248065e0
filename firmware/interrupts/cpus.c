/* PSCI (DEN 0022), and four CPUs at once: locks, counters, events, interrupts between them. */
#include "gic.h"

#define PSCI_VERSION 0x84000000
#define CPU_OFF 0x84000002
#define CPU_ON 0xc4000003
#define AFFINITY_INFO 0xc4000004
#define MIGRATE_INFO_TYPE 0x84000006
#define SYSTEM_OFF 0x84000008
#define SYSTEM_RESET 0x84000009
#define PSCI_FEATURES 0x8400000a

#define MAX_CPUS 4
#define STACK 0x2000
static u8 stacks[MAX_CPUS][STACK] __attribute__((aligned(16)));

static void (*volatile job_of[MAX_CPUS])(u32 cpu);
static volatile u32 arrived[MAX_CPUS];
static u32 running = 1;

u32 cpu_count(void)
{
    u32 cpu = 0;
    while (!(*word(GICR(cpu) + GICR_TYPER) >> 4 & 1))
        cpu++;
    return cpu + 1;
}

static void send_event(void)
{
    asm volatile("dsb sy\n\tsev" ::: "memory");
}

static void wait_for_event(void)
{
    asm volatile("wfe" ::: "memory");
}

void secondary(void)
{
    u32 cpu = read_register(mpidr_el1) & 0xff;
    gic_init_cpu(cpu);
    arrived[cpu] = 1;
    send_event();
    for (;;) {
        while (!job_of[cpu])
            wait_for_event();
        job_of[cpu](cpu);
        job_of[cpu] = 0;
        send_event();
    }
}

static u64 turn_on(u32 cpu)
{
    extern char secondary_entry[];
    return call(CPU_ON, cpu, (u64)secondary_entry, (u64)&stacks[cpu][STACK]);
}

static void wait_for(volatile u32 *flag)
{
    while (!*flag)
        wait_for_event();
}

void start_cpus(void)
{
    for (u32 cpu = 1; cpu < cpu_count(); cpu++) {
        note("on", turn_on(cpu));
        wait_for(&arrived[cpu]);
        note("info", call(AFFINITY_INFO, cpu, 0, 0));
        running++;
    }
    print_events("CPU_ON");
}

void on_all_cpus(void (*job)(u32 cpu))
{
    for (u32 cpu = 1; cpu < running; cpu++)
        job_of[cpu] = job;
    send_event();
    job(0);
    for (u32 cpu = 1; cpu < running; cpu++)
        while (job_of[cpu])
            wait_for_event();
}

void power(void)
{
    static const u32 functions[] = {
        0x84000000, 0x84000001, 0xc4000001, 0x84000002, 0x84000003, 0xc4000003, 0x84000004, 0xc4000004, 0x84000006,
        0x84000008, 0x84000009, 0x8400000a, 0x80000000, 0x840000ff,
    };
    note("version", call(PSCI_VERSION, 0, 0, 0));
    note("migration", call(MIGRATE_INFO_TYPE, 0, 0, 0));
    print_events("PSCI");
    for (u32 i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        u32 result = call(PSCI_FEATURES, functions[i], 0, 0);
        /* What the features are is up to the implementation, whether the function is there is not. */
        note("function", functions[i]);
        note("present", result != -1u);
        print_events("PSCI_FEATURES");
    }
    note("of itself", (u32)call(AFFINITY_INFO, 0, 0, 0));
    note("of no CPU", (u32)call(AFFINITY_INFO, 0x77, 0, 0));
    for (u32 cpu = 1; cpu < cpu_count(); cpu++)
        note("of one not started", (u32)call(AFFINITY_INFO, cpu, 0, 0));
    print_events("AFFINITY_INFO");
    note("itself", (u32)call(CPU_ON, 0, 0x40080000, 0));
    note("no CPU", (u32)call(CPU_ON, 0x77, 0x40080000, 0));
    note("unknown function", (u32)call(0x8400001f, 0, 0, 0));
    print_events("errors");
}

/* --- jobs --- */

#define ROUNDS 2000
static volatile u64 counter, atomic_counter, errors;
static volatile u32 lock;
/* For jobs in which CPUs wait for each other. */
static volatile u32 ball, barrier[8];

static void acquire(void)
{
    u32 seen, failed;
    asm volatile("sevl\n1: wfe\n2: ldaxr %w0, [%2]\n\tcbnz %w0, 1b\n\tstxr %w1, %w3, [%2]\n\tcbnz %w1, 2b"
                 : "=&r"(seen), "=&r"(failed)
                 : "r"(&lock), "r"(1)
                 : "memory");
}

static void release(void)
{
    asm volatile("stlr wzr, [%0]" ::"r"(&lock) : "memory");
}

static void under_lock(u32 cpu)
{
    (void)cpu;
    for (u32 i = 0; i < ROUNDS; i++) {
        acquire();
        counter = counter + 1;
        release();
    }
}

static void add_exclusively(volatile u64 *to, u64 amount)
{
    u64 value, failed;
    asm volatile("1: ldxr %0, [%2]\n\tadd %0, %0, %3\n\tstxr %w1, %0, [%2]\n\tcbnz %w1, 1b"
                 : "=&r"(value), "=&r"(failed)
                 : "r"(to), "r"(amount)
                 : "memory");
}

static void exclusives(u32 cpu)
{
    for (u32 i = 0; i < 5 * ROUNDS; i++)
        add_exclusively(&atomic_counter, cpu + 1);
}

static void pairs(u32 cpu)
{
    static volatile u64 two[2] __attribute__((aligned(16)));
    for (u32 i = 0; i < ROUNDS; i++) {
        u64 a, b, failed;
        asm volatile("1: ldxp %0, %1, [%3]\n\tadd %0, %0, #1\n\tadd %1, %1, #1\n\tstxp %w2, %0, %1, [%3]\n\tcbnz %w2, 1b"
                     : "=&r"(a), "=&r"(b), "=&r"(failed)
                     : "r"(two)
                     : "memory");
        if (a != b)
            add_exclusively(&errors, 1);
    }
    (void)cpu;
    add_exclusively(&atomic_counter, two[0] != two[1]);
}

static void single_instructions(u32 cpu)
{
    (void)cpu;
    for (u32 i = 0; i < 5 * ROUNDS; i++)
        asm volatile("ldadd %0, xzr, [%1]" ::"r"(1ul), "r"(&atomic_counter) : "memory");
}

static void compare_and_swap(u32 cpu)
{
    (void)cpu;
    for (u32 i = 0; i < ROUNDS; i++) {
        u64 old = atomic_counter, seen;
        for (;;) {
            seen = old;
            asm volatile("casal %0, %2, [%1]" : "+r"(seen) : "r"(&atomic_counter), "r"(old + 1) : "memory");
            if (seen == old)
                break;
            old = seen;
        }
    }
}

static void ping_pong(u32 cpu)
{
    for (u32 i = 0; i < 50; i++) {
        while (ball % running != cpu)
            wait_for_event();
        ball = ball + 1;
        send_event();
    }
}

/* Everyone waits for everyone, with WFE alone. */
static void meet(u32 which)
{
    u32 value, failed;
    asm volatile("1: ldaxr %w0, [%2]\n\tadd %w0, %w0, #1\n\tstlxr %w1, %w0, [%2]\n\tcbnz %w1, 1b"
                 : "=&r"(value), "=&r"(failed)
                 : "r"(&barrier[which])
                 : "memory");
    send_event();
    while (barrier[which] < running)
        wait_for_event();
}

static volatile u32 received[MAX_CPUS];

static void receive(u32 is_fiq)
{
    (void)is_fiq;
    u32 cpu = read_register(mpidr_el1) & 0xff;
    u32 intid = acknowledge();
    if (intid < SPURIOUS) {
        received[cpu] |= 1u << intid;
        end(intid);
    }
}

static void cross_interrupts(u32 cpu)
{
    for (u32 intid = 8; intid < 12; intid++)
        enable(cpu, intid);
    meet(0);
    if (cpu == 0) {
        /* To all but this one; to CPU 2 and this one; to all CPUs of the list. */
        write_register(icc_sgi1r_el1, BIT(40) | 8ul << 24);
        write_register(icc_sgi1r_el1, 9ul << 24 | 5);
        write_register(icc_sgi1r_el1, 10ul << 24 | 0xf);
    }
    if (cpu == 3)
        write_register(icc_sgi1r_el1, 11ul << 24 | 1);
    u32 expected = (cpu == 0 ? 0xe00u : cpu == 2 ? 0x700u : 0x500u);
    while (received[cpu] != expected)
        take_interrupts();
    meet(1);
}

#define SHARED 61

static void routed(u32 cpu)
{
    if (cpu != 3)
        return;
    *word(GICD + GICD_ISPENDR + SHARED / 32 * 4) = 1u << SHARED % 32;
    while (!received[3])
        take_interrupts();
}

static void receive_shared(u32 is_fiq)
{
    (void)is_fiq;
    u32 intid = acknowledge();
    received[read_register(mpidr_el1) & 0xff] = intid;
    if (intid < SPURIOUS)
        end(intid);
}

static void go_off(u32 cpu)
{
    job_of[cpu] = 0;
    arrived[cpu] = 0;
    send_event();
    call(CPU_OFF, 0, 0, 0);
}

static void total(const char *name, u64 value)
{
    print(name);
    print(": ");
    print_decimal(value);
    print("\n");
}

void multiprocessing(void)
{
    start_cpus();
    if (running < 4)
        return;
    note("already on", (u32)turn_on(2));
    print_events("CPU_ON");
    on_all_cpus(under_lock);
    total("counter under a lock", counter);
    on_all_cpus(exclusives);
    total("counter by ldxr and stxr", atomic_counter);
    atomic_counter = 0;
    on_all_cpus(pairs);
    total("pairs torn", errors + atomic_counter);
    if ((read_register(id_aa64isar0_el1) >> 20 & 15) == 2) {
        on_all_cpus(single_instructions);
        total("counter by ldadd", atomic_counter);
        atomic_counter = 0;
        on_all_cpus(compare_and_swap);
        total("counter by cas", atomic_counter);
    }
    on_all_cpus(ping_pong);
    total("turns of the ball", ball);
    on_interrupt = receive;
    on_all_cpus(cross_interrupts);
    for (u32 cpu = 0; cpu < running; cpu++)
        note("received", received[cpu]);
    print_events("SGIs between CPUs");
    on_interrupt = receive_shared;
    for (u32 cpu = 0; cpu < running; cpu++)
        received[cpu] = 0;
    *(volatile u64 *)(GICD + GICD_IROUTER + 8 * SHARED) = 3;
    *word(GICD + GICD_ICFGR + SHARED / 16 * 4) = 2u << SHARED % 16 * 2;
    enable(0, SHARED);
    on_all_cpus(routed);
    for (u32 cpu = 0; cpu < running; cpu++)
        note("received", received[cpu]);
    print_events("SPI routed to CPU 3");

    /* One goes and comes back. */
    job_of[2] = go_off;
    send_event();
    while (call(AFFINITY_INFO, 2, 0, 0) != 1) {
    }
    note("off, info", call(AFFINITY_INFO, 2, 0, 0));
    note("on", turn_on(2));
    wait_for(&arrived[2]);
    note("info", call(AFFINITY_INFO, 2, 0, 0));
    print_events("CPU_OFF");
    counter = 0;
    on_all_cpus(under_lock);
    total("counter under a lock", counter);
}
