/* The groups of checks, one function each. */
#ifndef GROUPS_H
#define GROUPS_H

void generation(void);
void undefined(void);
void alignment(void);
void external_aborts(void);
void returns(void);
void stacks(void);
void masks(void);
void user_controls(void);
void floating_point(void);
void hypervisor_traps(void);
void routing(void);
void virtual_interrupts(void);
void error_synchronization(void);
void monitor_traps(void);
void debug(void);

/* PSTATE of each level up to home. */
extern const unsigned long levels[4];
#define FOR_EACH_LEVEL(pstate)                                                                                         \
    for (u64 level_ = 0, pstate = levels[0]; level_ <= home; pstate = levels[++level_ & 3])

#endif
