/* The groups of checks, one function each. */
#ifndef GROUPS_H
#define GROUPS_H

void granules(void);
void ranges(void);
void permissions(void);
void identifiers(void);
void maintenance(void);
void address_translation(void);
void crossings(void);
void cache_operations(void);
void changing_code(void);
void extensions(void);
void stage2(void);
void syndromes(void);
void hypervisor_regime(void);
void host_regime(void);
void monitor_regime(void);

#endif
