/*
 * Vectors that record every exception and then end the probe or go on with the next instruction (DDI 0487, D1.3.1
 * "Exception entry"). They use no stack: probes run with bad ones on purpose.
 */
#include "runtime.h"

/* Where registers of the interrupted code are kept, per level: x0 to x7 and x30. */
    .bss
    .balign 64
saved_el1: .skip 80
saved_el2: .skip 80
saved_el3: .skip 80

    .text

    .macro entry el, offset
    .balign 0x80
    msr     tpidr_el\el, x0
    adrp    x0, saved_el\el
    add     x0, x0, :lo12:saved_el\el
    str     x1, [x0, #8]
    mov     x1, #\offset
    b       record_el\el
    .endm

    .macro table el
    .balign 0x800
    .global vectors_el\el
vectors_el\el:
    .irp offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
    entry   \el, \offset
    .endr
    .irp offset, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
    entry   \el, \offset
    .endr

record_el\el:
    stp     x2, x3, [x0, #16]
    stp     x4, x5, [x0, #32]
    stp     x6, x7, [x0, #48]
    mrs     x2, tpidr_el\el
    str     x2, [x0]
    mrs     x2, esr_el\el
    /* The end of a probe: SVC, HVC or SMC with one of the two numbers. */
    tst     x1, #0x180
    b.ne    1f
    lsr     w3, w2, #26
    sub     w3, w3, #EC_SVC64
    cmp     w3, #EC_SMC64 - EC_SVC64
    b.hi    1f
    and     w3, w2, #0xffff
    mov     w4, #PROBE_END
    cmp     w3, w4
    b.eq    keep_results_el\el
    mov     w4, #PROBE_FORWARD
    cmp     w3, w4
    b.eq    leave_el\el

1:  adrp    x3, exception_count
    ldr     w4, [x3, :lo12:exception_count]
    cmp     w4, #MAX_EXCEPTIONS
    b.hs    keep_results_el\el
    adrp    x5, exceptions
    add     x5, x5, :lo12:exceptions
    add     x5, x5, x4, lsl #6
    add     w4, w4, #1
    str     w4, [x3, :lo12:exception_count]
    mov     w6, #\el
    stp     w6, w1, [x5]
    str     x2, [x5, #8]
    mrs     x6, elr_el\el
    mrs     x7, spsr_el\el
    stp     x6, x7, [x5, #16]
    mrs     x6, far_el\el
    str     x6, [x5, #32]
    .if \el == 2
    mrs     x6, hpfar_el2
    str     x6, [x5, #40]
    .endif

    /* Continue behind the instruction, or is this the end? */
    adrp    x3, continue_after_exception
    ldr     w3, [x3, :lo12:continue_after_exception]
    cbz     w3, keep_results_el\el
    tst     x1, #0x180
    b.eq    2f
    orr     x7, x7, #0x3c0
    msr     spsr_el\el, x7
    b       resume_el\el
2:  lsr     w3, w2, #26
    /* The preferred return address of these is the next instruction already; a trapped SMC is not executed. */
    cmp     w3, #EC_SVC64
    b.eq    resume_el\el
    cmp     w3, #EC_HVC64
    b.eq    resume_el\el
    .if \el == 3
    cmp     w3, #EC_SMC64
    b.eq    resume_el\el
    .endif
    mrs     x6, elr_el\el
    add     x6, x6, #4
    msr     elr_el\el, x6
resume_el\el:
    ldp     x2, x3, [x0, #16]
    ldp     x4, x5, [x0, #32]
    ldp     x6, x7, [x0, #48]
    ldr     x1, [x0, #8]
    ldr     x0, [x0]
    eret

keep_results_el\el:
    adrp    x3, probe_results
    add     x3, x3, :lo12:probe_results
    ldp     x4, x5, [x0]
    stp     x4, x5, [x3]
    ldp     x4, x5, [x0, #16]
    stp     x4, x5, [x3, #16]
    mrs     x4, spsr_el\el
    str     x4, [x3, #32]
leave_el\el:
    adrp    x3, home
    ldr     w3, [x3, :lo12:home]
    cmp     w3, #\el
    b.eq    come_home
    .if \el == 1
    cmp     w3, #2
    b.hi    3f
    hvc     #PROBE_FORWARD
    .endif
3:  smc     #PROBE_FORWARD
    .endm

    table   1
    table   2
    table   3

    .bss
    .balign 64
    .global exceptions
exceptions:
    .skip   64 * MAX_EXCEPTIONS
    .global probe_results
probe_results:
    .skip   40
    .global exception_count
exception_count:
    .skip   4
    .global continue_after_exception
continue_after_exception:
    .skip   4
