/*
 * What the test guests share: the console, running code at an exception level ("probe"), and what the vectors recorded.
 * Every check prints one line; the text of the whole run is the result.
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#define SCTLR_EL1_OFF 0x30d00800
#define SCTLR_EL2_OFF 0x30c50830
#define SCTLR_EL3_OFF 0x30c50830
#define HCR_RW 0x80000000
#define CPTR_EL2_OPEN 0x33ff
/* RW, HCE, RES1, NS */
#define SCR_OPEN 0x531

#define UART_BASE 0x09000000

#define EC_SVC64 0x15
#define EC_HVC64 0x16
#define EC_SMC64 0x17
/* Immediates of the exception that ends a probe, and of its way from one level up to the next. */
#define PROBE_END 0xfff0
#define PROBE_FORWARD 0xfff1
#define MAX_EXCEPTIONS 16

#ifndef __ASSEMBLER__

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

/* --- console --- */

void print(const char *text);
void print_char(char c);
/* `digits` hexadecimal digits, or as many as it needs for 0. */
void print_hex(u64 value, int digits);
void print_decimal(u64 value);
/* " name=value" */
void print_field(const char *name, u64 value);

/* --- exceptions --- */

struct exception {
    u32 el;
    u32 vector;
    u64 esr;
    u64 elr;
    u64 spsr;
    u64 far;
    u64 hpfar;
    u64 unused[2];
};

/* x0 to x3 of the probe when it ended, and its PSTATE. */
struct results {
    u64 x[4];
    u64 pstate;
};

extern struct exception exceptions[MAX_EXCEPTIONS];
extern struct results probe_results;
extern u32 exception_count;
extern u32 continue_after_exception;
/* The exception level of main. */
extern u32 home;

/* PSTATE for a level: its own stack pointer, everything masked. */
#define EL0 0x3c0
#define EL1 0x3c5
#define EL2 0x3c9
#define EL3 0x3cd
#define MASKED 0x3c0

/* Instructions to run at some level, where EL0 may fetch; ends with the SVC that ends the probe. */
#define CODE(instructions)                                                                                             \
    ({                                                                                                                 \
        void *address;                                                                                                 \
        asm volatile(".pushsection .probes, \"ax\"\n\t.balign 16\n.Lprobe%=:\n\t" instructions                         \
                     "\n\tsvc #0xfff0\n\t.popsection\n\tadrp %0, .Lprobe%=\n\tadd %0, %0, :lo12:.Lprobe%="             \
                     : "=r"(address));                                                                                 \
        address;                                                                                                       \
    })

/* Runs code at the level in `pstate` with x0 and x1 given; the records are left to be looked at. */
void run(u64 pstate, const void *code, u64 x0, u64 x1);
/* The same, and prints a line: the exceptions it took, or "ok". */
void probe(const char *name, u64 pstate, const void *code, u64 x0, u64 x1);
/* The same, with x0 as the code left it. */
void probe_value(const char *name, u64 pstate, const void *code, u64 x0, u64 x1);
/* Goes on behind faulting instructions until the code ends itself. */
void probe_through(const char *name, u64 pstate, const void *code, u64 x0, u64 x1);
/* Prints what the last probe recorded; ELR relative to `code` where it is near. */
void print_exceptions(const void *code);

/* Name of the level in a PSTATE value: " at EL1". */
void print_level(u64 pstate);

void main(void *device_tree);
void power_off(void) __attribute__((noreturn));

#define read_register(name)                                                                                            \
    ({                                                                                                                 \
        u64 value;                                                                                                     \
        asm volatile("mrs %0, " #name : "=r"(value)::"memory");                                                        \
        value;                                                                                                         \
    })
#define write_register(name, value) asm volatile("msr " #name ", %0\n\tisb" ::"r"((u64)(value)) : "memory")

#endif
#endif
