/*
 * Every semihosting operation of AArch64 (Arm "Semihosting for AArch32 and AArch64", 2.0), with arguments that are
 * right and wrong; what they gave is printed on the UART. Files are made in the directory the host offers. Ends by
 * SYS_EXIT with status 42.
 */
#include "runtime.h"

enum {
    OPEN = 0x01, CLOSE = 0x02, WRITEC = 0x03, WRITE0 = 0x04, WRITE = 0x05, READ = 0x06, ISERROR = 0x08, ISTTY = 0x09,
    SEEK = 0x0a, FLEN = 0x0c, TMPNAM = 0x0d, REMOVE = 0x0e, RENAME = 0x0f, CLOCK = 0x10, TIME = 0x11, ERRNO = 0x13,
    GET_CMDLINE = 0x15, HEAPINFO = 0x16, EXIT = 0x18, ELAPSED = 0x30, TICKFREQ = 0x31,
};

static u64 call(u64 operation, const void *argument) {
    register u64 x0 asm("x0") = operation;
    register const void *x1 asm("x1") = argument;
    asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    return x0;
}

static u64 call4(u64 operation, u64 a, u64 b, u64 c, u64 d) {
    volatile u64 block[4] = {a, b, c, d};
    return call(operation, (const void *)block);
}

static u64 length(const char *text) {
    u64 n = 0;
    while (text[n]) n++;
    return n;
}

static u64 open(const char *name, u64 mode) { return call4(OPEN, (u64)name, mode, length(name), 0); }

/* "name = value", values that are negative as such. */
static void line(const char *name, u64 value) {
    print(name);
    print(" = ");
    if ((long)value < 0) {
        print("-");
        value = -value;
    }
    print_decimal(value);
    print("\n");
}

static void failure(const char *name, u64 value) {
    line(name, value);
    line("  errno", call(ERRNO, 0));
}

static char buffer[256];

static void contents(const char *name, u64 count) {
    print(name);
    print(" \"");
    for (u64 i = 0; i < count; i++) print_char(buffer[i] == '\n' ? '/' : buffer[i]);
    print("\"\n");
}

static void files(void) {
    u64 file = open("first.txt", 4);
    line("open w is a handle", file != 0 && file != (u64)-1);
    line("write", call4(WRITE, file, (u64) "hello, world\n", 13, 0));
    line("write nothing", call4(WRITE, file, (u64) "", 0, 0));
    line("flen", call4(FLEN, file, 0, 0, 0));
    line("istty of a file", call4(ISTTY, file, 0, 0, 0));
    line("seek", call4(SEEK, file, 7, 0, 0));
    line("write in the middle", call4(WRITE, file, (u64) "there", 5, 0));
    line("read of what is open to write", call4(READ, file, (u64)buffer, 4, 0));
    line("close", call4(CLOSE, file, 0, 0, 0));
    failure("close again", call4(CLOSE, file, 0, 0, 0));

    file = open("first.txt", 0);
    line("read short", call4(READ, file, (u64)buffer, 5, 0));
    contents("read", 5);
    line("read to the end", call4(READ, file, (u64)buffer, 100, 0));
    contents("read", 8);
    line("read at the end", call4(READ, file, (u64)buffer, 10, 0));
    line("seek to 7", call4(SEEK, file, 7, 0, 0));
    line("read of 5", call4(READ, file, (u64)buffer, 5, 0));
    contents("read", 5);
    line("write to what is open to read", call4(WRITE, file, (u64) "xyz", 3, 0));
    line("flen", call4(FLEN, file, 0, 0, 0));
    line("close", call4(CLOSE, file, 0, 0, 0));

    file = open("first.txt", 8);
    line("append", call4(WRITE, file, (u64) "more\n", 5, 0));
    line("flen", call4(FLEN, file, 0, 0, 0));
    call4(CLOSE, file, 0, 0, 0);
    file = open("first.txt", 2);
    line("r+ write", call4(WRITE, file, (u64) "HELLO", 5, 0));
    line("r+ read", call4(READ, file, (u64)buffer, 200, 0));
    contents("read", 13);
    call4(CLOSE, file, 0, 0, 0);

    failure("open of none", open("nowhere.txt", 0));
    failure("open of none to change", open("nowhere.txt", 2));
    failure("open in no directory", open("nowhere/x.txt", 4));
    failure("open with mode 12", open("first.txt", 12));
    line("rename", call4(RENAME, (u64) "first.txt", 9, (u64) "second.txt", 10));
    failure("open of the old name", open("first.txt", 0));
    file = open("second.txt", 1);
    line("flen of the new name", call4(FLEN, file, 0, 0, 0));
    call4(CLOSE, file, 0, 0, 0);
    file = open("gone.txt", 7);
    line("w+ write", call4(WRITE, file, (u64) "abc", 3, 0));
    line("w+ seek", call4(SEEK, file, 1, 0, 0));
    line("w+ read", call4(READ, file, (u64)buffer, 2, 0));
    contents("read", 2);
    call4(CLOSE, file, 0, 0, 0);
    line("remove", call4(REMOVE, (u64) "gone.txt", 8, 0, 0));
    failure("remove again", call4(REMOVE, (u64) "gone.txt", 8, 0, 0));
    failure("rename of none", call4(RENAME, (u64) "gone.txt", 8, (u64) "x", 1));

    failure("write to no handle", call4(WRITE, 77, (u64) "x", 1, 0));
    failure("read from no handle", call4(READ, 77, (u64)buffer, 1, 0));
    failure("seek of no handle", call4(SEEK, 77, 0, 0, 0));
    failure("flen of no handle", call4(FLEN, 77, 0, 0, 0));
    failure("istty of no handle", call4(ISTTY, 77, 0, 0, 0));

    u64 one = open("second.txt", 0), two = open("second.txt", 0);
    line("two handles differ", one != two);
    call4(READ, one, (u64)buffer, 5, 0);
    line("and have positions of their own", call4(READ, two, (u64)buffer, 5, 0));
    contents("read", 5);
    call4(CLOSE, one, 0, 0, 0);
    call4(CLOSE, two, 0, 0, 0);
}

static void special(void) {
    u64 out = open(":tt", 4), error = open(":tt", 8), in = open(":tt", 0);
    line("standard streams differ", in != out && out != error && in != error);
    line("istty", call4(ISTTY, out, 0, 0, 0));
    line("write to standard output", call4(WRITE, out, (u64) "to standard output\n", 19, 0));
    line("write to standard error", call4(WRITE, error, (u64) "to standard error\n", 18, 0));
    call4(CLOSE, in, 0, 0, 0);
    call(WRITEC, "!");
    call(WRITE0, "a string of some length, so that it is more than one piece of memory, and then the end\n");

    u64 features = open(":semihosting-features", 0);
    line("features flen", call4(FLEN, features, 0, 0, 0));
    line("features istty", call4(ISTTY, features, 0, 0, 0));
    line("features read", call4(READ, features, (u64)buffer, 16, 0));
    contents("features", 4);
    line("features byte 0", (u8)buffer[4]);
    line("features seek", call4(SEEK, features, 4, 0, 0));
    line("features read", call4(READ, features, (u64)buffer, 1, 0));
    line("features write", call4(WRITE, features, (u64) "x", 1, 0));
    line("features close", call4(CLOSE, features, 0, 0, 0));
    failure("features open to write", open(":semihosting-features", 4));
}

static void values(void) {
    line("iserror of 0", call4(ISERROR, 0, 0, 0, 0));
    line("iserror of 5", call4(ISERROR, 5, 0, 0, 0));
    line("iserror of -1", call4(ISERROR, (u64)-1, 0, 0, 0) != 0);
    line("iserror of 0x80000000", call4(ISERROR, 0x80000000, 0, 0, 0) != 0);

    u64 before, after;
    line("tickfreq", call(TICKFREQ, 0));
    line("elapsed", call(ELAPSED, &before));
    for (volatile int i = 0; i < 1000; i++) continue;
    call(ELAPSED, &after);
    line("time passes", after > before);
    line("clock is small", call(CLOCK, 0) < 6000);
    line("it is after 2024 began", call(TIME, 0) >= 1704067200);

    line("tmpnam", call4(TMPNAM, (u64)buffer, 7, 64, 0));
    line("tmpnam is a string", length(buffer) > 0 && length(buffer) < 64);
    line("tmpnam without room", call4(TMPNAM, (u64)buffer, 7, 1, 0));

    volatile u64 command[2] = {(u64)buffer, sizeof(buffer)};
    line("get_cmdline", call(GET_CMDLINE, (const void *)command));
    contents("command line", command[1]);
    line("its length", command[1] == length(buffer));
    command[1] = 2;
    line("get_cmdline without room", call(GET_CMDLINE, (const void *)command));

    extern char text_start, image_end;
    u64 info[4] = {0, 0, 0, 0};
    call4(HEAPINFO, (u64)info, 0, 0, 0);
    line("heap is in RAM", info[0] >= 0x40000000 && info[1] <= 0x48000000 && info[0] < info[1]);
    line("heap is large", info[1] - info[0] > 0x2000000);
    line("heap is not the program", info[0] >= (u64)&image_end || info[1] <= (u64)&text_start);
    line("stack begins where the heap ends", info[2] == info[1]);
}

void main(void *device_tree) {
    (void)device_tree;
    files();
    special();
    values();
    u64 reason[2] = {0x20026, 42};
    call(EXIT, reason);
    print("still here\n");
}
