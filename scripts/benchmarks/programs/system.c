/*
 * What a kernel is asked for: system calls, small reads, processes, page faults, pipes, signals.
 * usage: system [getpid|read|proc|sysfs|fork|exec|fault|cow|pipe|signal] COUNT.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[1 << 16];

static long getpid_calls(int count) {
    long sum = 0;
    for (int i = 0; i < count; i++) sum += syscall(SYS_getppid);
    return sum;
}

static long reads(int count) {
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);
    long sum = 0;
    for (int i = 0; i < count; i++) {
        sum += read(zero, buffer, 64);
        sum += write(null, buffer, 64);
        struct stat status;
        if (!(i & 3)) sum += stat("/bin/busybox", &status) == 0;
    }
    return sum;
}

static long read_file(const char *path) {
    int file = open(path, O_RDONLY | O_NONBLOCK);
    if (file < 0) return 0;
    long sum = read(file, buffer, sizeof buffer);
    close(file);
    return sum > 0;
}

static long proc(int count) {
    static const char *const files[] = {"/proc/self/stat", "/proc/self/status", "/proc/meminfo", "/proc/self/maps",
                                        "/proc/stat",      "/proc/loadavg",     "/proc/mounts",  "/proc/vmstat"};
    long sum = 0;
    for (int i = 0; i < count; i++) sum += read_file(files[(unsigned)i % 8]);
    return sum;
}

/* Reads every attribute below a directory, two links deep: what a system manager does at start. */
static long read_tree(const char *path, int depth) {
    DIR *directory = opendir(path);
    if (!directory) return 0;
    long sum = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        char name[512];
        if (entry->d_name[0] == '.') continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR && depth > 0) sum += read_tree(name, depth - 1);
        else if (entry->d_type == DT_REG) sum += read_file(name);
    }
    closedir(directory);
    return sum;
}

static long sysfs(int count) {
    static const char *const trees[] = {"/sys/class/tty", "/sys/devices/platform", "/sys/kernel/mm", "/sys/devices/system",
                                        "/sys/devices/virtual/tty"};
    long sum = 0;
    for (int i = 0; i < count; i++) sum += read_tree(trees[(unsigned)i % 5], 2);
    return sum > 0;
}

static long forks(int count) {
    long sum = 0;
    for (int i = 0; i < count; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) _exit(i & 63);
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status);
    }
    return sum;
}

static long execs(int count) {
    volatile long sum = 0;
    for (volatile int i = 0; i < count; i++) {
        int status = 0;
        pid_t child = vfork();
        if (child == 0) {
            execl("/bin/busybox", "busybox", "true", (char *)NULL);
            _exit(127);
        }
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status);
    }
    return sum;
}

static long faults(int count) {
    enum { SIZE = 4 << 20 };
    long sum = 0;
    for (int i = 0; i < count; i++) {
        uint8_t *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        madvise(memory, SIZE, MADV_NOHUGEPAGE);
        for (size_t at = 0; at < SIZE; at += 4096) memory[at] = (uint8_t)i;
        for (size_t at = 0; at < SIZE; at += 4096) sum += memory[at];
        munmap(memory, SIZE);
    }
    return sum;
}

static long copy_on_write(int count) {
    enum { SIZE = 1 << 20 };
    static uint8_t memory[SIZE];
    memset(memory, 1, SIZE);
    long sum = 0;
    for (int i = 0; i < count; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            for (size_t at = 0; at < SIZE; at += 4096) memory[at]++;
            _exit(memory[4096]);
        }
        waitpid(child, &status, 0);
        sum += WEXITSTATUS(status);
    }
    return sum;
}

static long pipes(int count) {
    int there[2], back[2];
    if (pipe(there) || pipe(back)) return -1;
    pid_t child = fork();
    char byte = 1;
    if (child == 0) {
        for (int i = 0; i < count; i++)
            if (read(there[0], &byte, 1) != 1 || write(back[1], &byte, 1) != 1) _exit(1);
        _exit(0);
    }
    long sum = 0;
    for (int i = 0; i < count; i++) sum += write(there[1], &byte, 1) + read(back[0], &byte, 1);
    waitpid(child, NULL, 0);
    return sum;
}

static volatile sig_atomic_t signals_seen;
static void on_signal(int number) { signals_seen += number == SIGUSR1; }

static long signals(int count) {
    signal(SIGUSR1, on_signal);
    for (int i = 0; i < count; i++) raise(SIGUSR1);
    return signals_seen;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        long (*run)(int);
    } parts[] = {{"getpid", getpid_calls}, {"read", reads},   {"proc", proc},         {"sysfs", sysfs}, {"fork", forks},
                 {"exec", execs},          {"fault", faults}, {"cow", copy_on_write}, {"pipe", pipes},  {"signal", signals}};
    if (argc < 3) return 2;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strcmp(argv[1], parts[i].name)) printf("%s %ld\n", parts[i].name, parts[i].run(atoi(argv[2])));
    return 0;
}
