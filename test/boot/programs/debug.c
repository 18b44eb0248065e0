/*
 * A debugger of its own child: hardware breakpoint, watchpoints and single steps by ptrace (NT_ARM_HW_BREAK,
 * NT_ARM_HW_WATCH), as the kernel's hw_breakpoint makes them of DBGBCR, DBGWCR and MDSCR_EL1.SS.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

struct registers {
    uint64_t x[31], sp, pc, pstate;
};

/* struct user_hwdebug_state of the kernel's asm/ptrace.h */
struct debug_state {
    uint32_t info, pad;
    struct {
        uint64_t address;
        uint32_t control, pad;
    } slots[16];
};

static volatile uint64_t watched[4] __attribute__((aligned(32)));

__attribute__((noinline)) static int target(int x)
{
    asm volatile("" : "+r"(x));
    return x + 1;
}

static void child(void)
{
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    int sum = 0;
    for (int i = 0; i < 3; i++)
        sum += target(i);
    watched[0] = 1;
    watched[1] = 2;
    watched[2] = watched[1] + sum;
    ((volatile uint8_t *)watched)[13] = 7;
    raise(SIGUSR1);
    for (int i = 0; i < 3; i++)
        sum += target(i);
    _exit(sum);
}

static void set(pid_t pid, int type, uint64_t address, uint32_t control)
{
    struct debug_state state = {0};
    state.slots[0].address = address;
    state.slots[0].control = control;
    struct iovec io = {&state, offsetof(struct debug_state, slots) + sizeof(state.slots[0])};
    if (ptrace(PTRACE_SETREGSET, pid, type, &io))
        printf("SETREGSET: %s\n", strerror(errno));
}

static uint64_t pc_of(pid_t pid)
{
    struct registers registers;
    struct iovec io = {&registers, sizeof(registers)};
    ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io);
    return registers.pc;
}

/* Lets the child go on; prints why it stopped. Returns 0 when it has ended. */
static int go(pid_t pid, int request, int quiet)
{
    int status;
    ptrace(request, pid, 0, 0);
    waitpid(pid, &status, 0);
    if (WIFEXITED(status)) {
        printf("exit %d\n", WEXITSTATUS(status));
        return 0;
    }
    siginfo_t info;
    ptrace(PTRACE_GETSIGINFO, pid, 0, &info);
    if (quiet)
        return WSTOPSIG(status);
    printf("signal %d code %d", WSTOPSIG(status), info.si_code);
    if (info.si_addr == (void *)target)
        printf(" at target");
    else if (info.si_addr >= (void *)watched && info.si_addr < (void *)(watched + 4))
        printf(" at watched+%ld", (long)((char *)info.si_addr - (char *)watched));
    printf(" pc %s\n", pc_of(pid) == (uint64_t)target ? "target" : "elsewhere");
    return WSTOPSIG(status);
}

/* Control words: E, PMC or PAC = EL0, BAS, LSC. */
#define BREAK (1 | 2 << 1 | 0xf << 5)
#define WATCH(lsc, bas) (1 | 2 << 1 | (lsc) << 3 | (bas) << 5)

int main(void)
{
    struct debug_state state = {0};
    struct iovec io = {&state, sizeof(state)};
    int status;
    setvbuf(stdout, 0, _IONBF, 0);
    pid_t pid = fork();
    if (pid == 0)
        child();
    waitpid(pid, &status, 0);
    ptrace(PTRACE_GETREGSET, pid, NT_ARM_HW_BREAK, &io);
    printf("breakpoints %d\n", state.info & 0xff);
    io.iov_len = sizeof(state);
    ptrace(PTRACE_GETREGSET, pid, NT_ARM_HW_WATCH, &io);
    printf("watchpoints %d\n", state.info & 0xff);

    set(pid, NT_ARM_HW_BREAK, (uint64_t)target, BREAK);
    for (int i = 0; i < 3; i++)
        go(pid, PTRACE_CONT, 0);
    set(pid, NT_ARM_HW_BREAK, (uint64_t)target, 0);
    set(pid, NT_ARM_HW_WATCH, (uint64_t)(watched + 1), WATCH(2, 0xff));
    go(pid, PTRACE_CONT, 0);
    go(pid, PTRACE_CONT, 0);
    set(pid, NT_ARM_HW_WATCH, (uint64_t)(watched + 1), WATCH(1, 0xff));
    go(pid, PTRACE_CONT, 0);
    set(pid, NT_ARM_HW_WATCH, 0, 0);

    /* Steps to the next call of the function, which the breakpoint would have stopped at. */
    int steps = 0;
    while (pc_of(pid) != (uint64_t)target && steps < 10000 && go(pid, PTRACE_SINGLESTEP, 1) == SIGTRAP)
        steps++;
    printf("stepped to target: %s\n", steps > 10 && steps < 10000 ? "yes" : "no");
    set(pid, NT_ARM_HW_BREAK, (uint64_t)target, BREAK);
    go(pid, PTRACE_CONT, 0);
    set(pid, NT_ARM_HW_BREAK, (uint64_t)target, 0);
    go(pid, PTRACE_CONT, 0);
    return 0;
}
