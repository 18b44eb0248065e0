/* The keys, and where they are enabled. */
#ifndef KEYS_H
#define KEYS_H

#include "runtime.h"

#ifndef BIT
#define BIT(n) (1ul << (n))
#endif

#define EnDB BIT(13)
#define EnDA BIT(27)
#define EnIB BIT(30)
#define EnIA BIT(31)
#define ALL_KEYS (EnIA | EnIB | EnDA | EnDB)

#define HCR_APK BIT(40)
#define HCR_API BIT(41)
#define SCR_APK BIT(16)
#define SCR_API BIT(17)

/* Values of no meaning, the same in every run. */
u64 arbitrary(void);
/* Gives all keys such values. */
void set_keys(void);
/* Lets the levels below use keys, and enables those of `keys` for EL1&0, EL2 and EL3 where there are such levels. */
void enable_keys(u64 keys);

#endif
