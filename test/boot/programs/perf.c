/* Counters by perf_event_open: cycles and instructions of a loop, at EL0 alone and with the kernel's, and samples. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_event(uint64_t config, uint64_t period, int user, int kernel)
{
    struct perf_event_attr attr = {0};
    attr.size = sizeof(attr);
    attr.type = PERF_TYPE_HARDWARE;
    attr.config = config;
    attr.disabled = 1;
    attr.exclude_user = !user;
    attr.exclude_kernel = !kernel;
    attr.exclude_hv = 1;
    attr.sample_period = period;
    attr.wakeup_events = period != 0;
    int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    if (fd < 0)
        printf("perf_event_open: %s\n", strerror(errno));
    return fd;
}

/* Two instructions a round. */
static void loop(uint64_t rounds)
{
    asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(rounds) : : "cc");
}

static uint64_t count(int fd, void (*work)(uint64_t), uint64_t argument)
{
    uint64_t value = 0;
    ioctl(fd, PERF_EVENT_IOC_RESET, 0);
    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0);
    work(argument);
    ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
    if (read(fd, &value, sizeof(value)) != sizeof(value))
        printf("read: %s\n", strerror(errno));
    return value;
}

static void calls(uint64_t n)
{
    while (n--)
        syscall(SYS_getppid);
}

static volatile int overflows;
static void overflow(int signal)
{
    (void)signal;
    overflows++;
}

static void say(const char *what, uint64_t value, uint64_t low, uint64_t high)
{
    if (value >= low && value <= high)
        printf("%s: as expected\n", what);
    else
        printf("%s: %lu, not %lu to %lu\n", what, value, low, high);
}

int main(void)
{
    setvbuf(stdout, 0, _IONBF, 0);
    int user = open_event(PERF_COUNT_HW_INSTRUCTIONS, 0, 1, 0);
    int kernel = open_event(PERF_COUNT_HW_INSTRUCTIONS, 0, 0, 1);
    int cycles = open_event(PERF_COUNT_HW_CPU_CYCLES, 0, 1, 0);
    say("instructions of the loop", count(user, loop, 1000000), 2000000, 2000400);
    say("cycles of the loop", count(cycles, loop, 1000000), 2000000, 2000400);
    uint64_t quiet = count(kernel, loop, 1);
    say("the kernel's for 1000 system calls", count(kernel, calls, 1000) - quiet, 20000, 2000000);
    say("the loop's in the kernel", count(kernel, loop, 1000000), 0, 400000);
    say("the same of the user", count(user, calls, 1000), 5000, 100000);

    signal(SIGIO, overflow);
    int sampled = open_event(PERF_COUNT_HW_INSTRUCTIONS, 100000, 1, 0);
    void *ring = mmap(0, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, sampled, 0);
    if (ring == MAP_FAILED)
        printf("mmap: %s\n", strerror(errno));
    fcntl(sampled, F_SETOWN, getpid());
    fcntl(sampled, F_SETFL, O_ASYNC);
    fcntl(sampled, F_SETSIG, 0);
    count(sampled, loop, 1000000);
    say("overflows every 100000", overflows, 18, 21);
    return 0;
}
