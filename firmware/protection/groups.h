/* The groups of checks, one function each. */
#ifndef GROUPS_H
#define GROUPS_H

void codes(void);
void failures(void);
void controls(void);
void combined(void);
void guarded(void);

#endif
