/*
 * What the CPUs execute first, at the start of flash: CPU 0 copies the monitor, which follows at 4 KiB, to where it is
 * linked and enters it; the others wait in the pen until their mailbox in Secure memory has an address at EL3.
 */
#include "../monitor.h"

    .section .text.start, "ax"
    .global _start
_start:
    mrs     x1, mpidr_el1
    and     x1, x1, #0xff
    ldr     x2, =MAILBOXES
    add     x2, x2, x1, lsl #3
    cbnz    x1, 2f
    ldr     x3, =0x1000
    ldr     x4, =LINKED_AT
    ldr     x5, =LINKED_AT + IMAGE_LIMIT
1:  ldp     x6, x7, [x3], #16
    stp     x6, x7, [x4], #16
    cmp     x4, x5
    b.lo    1b
    ldr     x4, =LINKED_AT
    dsb     sy
    ic      iallu
    isb
    br      x4
2:  wfe
    ldr     x3, [x2]
    cbz     x3, 2b
    br      x3
