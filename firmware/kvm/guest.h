/* The guest's ways to the host and to the CPU. */
#include "board.h"

typedef unsigned long u64;
typedef unsigned int u32;

#define read_sysreg(name)                             \
  ({                                                  \
    u64 value_;                                       \
    asm volatile("mrs %0, " #name : "=r"(value_));    \
    value_;                                           \
  })
#define write_sysreg(name, value) asm volatile("msr " #name ", %0" : : "r"((u64)(value)))

static inline u32 get(u64 address) {
  u32 value;
  asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}

static inline void put(u64 address, u32 value) {
  asm volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

static inline void command(u32 what) {
  put(COMMAND, what);
}

/* SMCCC: a call by HVC, which is KVM's own. */
static inline u64 hvc(u64 function, u64 a, u64 b, u64 c) {
  register u64 x0 asm("x0") = function;
  register u64 x1 asm("x1") = a;
  register u64 x2 asm("x2") = b;
  register u64 x3 asm("x3") = c;
  asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory", "cc");
  return x0;
}

/* console.c */
void text(const char *string);
/* Decimal. */
void number(u64 value);
/* With a space before it. */
void hex(u64 value);
void line(void);
void show(const char *what, u64 value);

/* interrupts.c */
extern volatile u32 taken;
extern volatile u32 count;
void interrupts(void);
void own_interface(void);
void power(void);

u64 run_stepped(void);
extern volatile u64 watched;
