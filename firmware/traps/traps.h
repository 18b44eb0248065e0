/* Every trap control against every system register and instruction below EL2. */
#ifndef TRAPS_H
#define TRAPS_H

#include "runtime.h"

#define BIT(n) (1ul << (n))

/* MSR with Rt 0: the encoding's place in the word; MRS is bit 21 besides. */
#define REGISTER(op0, op1, crn, crm, op2)                                                                              \
    (0xd5000000u | (op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)
#define INSTRUCTION(op1, crn, crm, op2) REGISTER(1, op1, crn, crm, op2)
#define IS_INSTRUCTION(word) (((word) >> 19 & 3) == 1)

struct named_encoding {
    const char *name;
    u32 word;
};

extern const struct named_encoding encodings[];
extern const u32 encoding_count;

/* Controls with which EL1 cannot be entered, and which trap what the vectors of EL1 need. */
enum { ONLY_EL0 = 1, ONLY_EL1 = 2 };

/* Trap controls by name: each set apart from everything else, and taken back. */
struct setting {
    const char *name;
    void (*apply)(u64 value);
    u64 value;
    /* Lowest home level that has the control. */
    u8 home;
    u8 only;
};

extern const struct setting settings[];
extern const u32 setting_count;

#endif
