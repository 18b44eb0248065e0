/*
 * Entry of the test guests at EL1, EL2 or EL3, known state for every level below, and running pieces of code at them
 * (DDI 0487, D1.3 "Exceptions"). The level of entry is "home": main runs there, and every probe ends there.
 */
#include "runtime.h"

    .section .text.start, "ax"
    .global _start
_start:
    msr     daifset, #0xf
    msr     spsel, #1
    mov     x19, x0
    adrp    x1, boot_stack_end
    add     x1, x1, :lo12:boot_stack_end
    mov     sp, x1

    adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b

2:  mrs     x1, CurrentEL
    lsr     x1, x1, #2
    adrp    x2, home
    str     w1, [x2, :lo12:home]

    adrp    x2, vectors_el1
    add     x2, x2, :lo12:vectors_el1
    msr     vbar_el1, x2
    ldr     x3, =SCTLR_EL1_OFF
    msr     sctlr_el1, x3
    mov     x3, #(3 << 20)
    msr     cpacr_el1, x3
    cmp     x1, #2
    b.lo    3f
    adrp    x2, vectors_el2
    add     x2, x2, :lo12:vectors_el2
    msr     vbar_el2, x2
    ldr     x3, =SCTLR_EL2_OFF
    msr     sctlr_el2, x3
    mov     x3, #HCR_RW
    msr     hcr_el2, x3
    mov     x3, #CPTR_EL2_OPEN
    msr     cptr_el2, x3
    msr     vttbr_el2, xzr
    msr     cntvoff_el2, xzr
    mov     x3, #3
    msr     cnthctl_el2, x3
    mrs     x3, midr_el1
    msr     vpidr_el2, x3
    mrs     x3, mpidr_el1
    msr     vmpidr_el2, x3
    b.eq    3f
    adrp    x2, vectors_el3
    add     x2, x2, :lo12:vectors_el3
    msr     vbar_el3, x2
    ldr     x3, =SCTLR_EL3_OFF
    msr     sctlr_el3, x3
    ldr     x3, =SCR_OPEN
    msr     scr_el3, x3
    msr     cptr_el3, xzr
    msr     mdcr_el3, xzr
3:  isb
    mov     x0, x19
    bl      main
    b       power_off

    .text

/*
 * u64 enter(u64 spsr, const void *code, u64 x0, u64 x1, u64 x2, u64 x3): runs `code` at the level of `spsr` until an
 * exception (or the code's own SVC #PROBE_END) brings the machine home.
 */
    .global enter
enter:
    adrp    x9, home_context
    add     x9, x9, :lo12:home_context
    stp     x19, x20, [x9, #0]
    stp     x21, x22, [x9, #16]
    stp     x23, x24, [x9, #32]
    stp     x25, x26, [x9, #48]
    stp     x27, x28, [x9, #64]
    stp     x29, x30, [x9, #80]
    mov     x10, sp
    str     x10, [x9, #96]
    adrp    x10, home
    ldr     w10, [x10, :lo12:home]
    cmp     w10, #2
    b.eq    2f
    b.hi    3f
    msr     spsr_el1, x0
    msr     elr_el1, x1
    b       4f
2:  msr     spsr_el2, x0
    msr     elr_el2, x1
    b       4f
3:  msr     spsr_el3, x0
    msr     elr_el3, x1
4:  isb
    mov     x0, x2
    mov     x1, x3
    mov     x2, x4
    mov     x3, x5
    eret

/* Behind an exception that reached home: back out of `enter`. */
    .global come_home
come_home:
    adrp    x9, home_context
    add     x9, x9, :lo12:home_context
    ldp     x19, x20, [x9, #0]
    ldp     x21, x22, [x9, #16]
    ldp     x23, x24, [x9, #32]
    ldp     x25, x26, [x9, #48]
    ldp     x27, x28, [x9, #64]
    ldp     x29, x30, [x9, #80]
    ldr     x10, [x9, #96]
    mov     sp, x10
    /* A probe at home may have come with PSTATE.PAN, where there is one. */
    mrs     x10, id_aa64mmfr1_el1
    tst     x10, #0xf00000
    b.eq    1f
    msr     pan, #0
1:  ret

    .global power_off
power_off:
    ldr     w0, =0x84000008
    adrp    x1, home
    ldr     w1, [x1, :lo12:home]
    cmp     w1, #2
    b.hs    1f
    hvc     #0
1:  b.hi    2f
    smc     #0
    /* No firmware is above EL3: an end-of-transmission character on the console is the sign for who runs the test. */
2:  ldr     x1, =UART_BASE
    mov     w0, #4
    str     w0, [x1]
3:  wfi
    b       3b

    .bss
    .balign 16
home_context:
    .skip   112
    .global home
home:
    .skip   16
boot_stack:
    .skip   0x4000
boot_stack_end:
