/*
 * Entered at its first byte, anywhere in RAM, with X0 pointing to the device tree. Position-independent: nothing of it
 * knows where a board has its RAM.
 */
    .section .text.start, "ax"
    .global _start
_start:
    adrp    x1, stack_top
    add     x1, x1, :lo12:stack_top
    mov     sp, x1
    adrp    x1, bss_start
    add     x1, x1, :lo12:bss_start
    adrp    x2, bss_end
    add     x2, x2, :lo12:bss_end
1:  cmp     x1, x2
    b.hs    2f
    stp     xzr, xzr, [x1], #16
    b       1b
2:  bl      main
    b       .

    .section .bss.stack, "aw", %nobits
    .balign 16
    .space 0x4000
stack_top:
