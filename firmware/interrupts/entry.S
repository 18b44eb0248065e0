/* IRQ and FIQ at the level of main, with registers kept on the stack; and where other CPUs begin. */
#include "runtime.h"

    .text

    .macro table el
    .balign 0x800
    .global interrupt_vectors_el\el
interrupt_vectors_el\el:
    .irp offset, 0x000, 0x080, 0x100, 0x180, 0x200
    .balign 0x80
    b       .
    .endr
    .irp kind, 0, 1
    .balign 0x80
    sub     sp, sp, #192
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    mov     x0, #\kind
    b       interrupt_el\el
    .endr
    .balign 0x80
    b       .
    .balign 0x800

interrupt_el\el:
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x30, [sp, #144]
    mrs     x1, elr_el\el
    mrs     x2, spsr_el\el
    stp     x1, x2, [sp, #160]
    bl      interrupt
    ldp     x1, x2, [sp, #160]
    msr     elr_el\el, x1
    msr     spsr_el\el, x2
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldp     x18, x30, [sp, #144]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    add     sp, sp, #192
    eret
    .endm

    table   1
    table   2

/* CPU_ON comes here with its context in x0: the address of the CPU's stack. */
    .global secondary_entry
secondary_entry:
    msr     daifset, #0xf
    msr     spsel, #1
    mov     sp, x0
    bl      install_vectors
    bl      secondary
    b       .

/* u64 call(u64 function, u64 x1, u64 x2, u64 x3): PSCI by the conduit of the level that main runs at. */
    .global call
call:
    adrp    x9, home
    ldr     w9, [x9, :lo12:home]
    cmp     w9, #2
    b.eq    1f
    hvc     #0
    ret
1:  smc     #0
    ret
