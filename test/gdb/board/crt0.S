/* Where programs of GDB's testsuite begin: EL1, MMU off, floating point allowed, addresses with tags as Linux has them
   (TCR_EL1.TBI0), .bss as the machine left it: zero. */
        .section .text.start, "ax"
        .global _start
_start: mov     x1, #(3 << 20)
        msr     cpacr_el1, x1
        mov     x1, #(1 << 37)
        msr     tcr_el1, x1
        isb
        ldr     x1, =__stack
        mov     sp, x1
        mov     x29, #0
        mov     x30, #0
        ldr     x0, =starts
        ldr     w1, [x0]
        add     w1, w1, #1
        str     w1, [x0]
        ldr     x0, =argc_value
        ldr     w0, [x0]
        ldr     x1, =argv_value
        ldr     x2, =environment
        bl      main
        bl      exit

/* SYS_EXIT with a block of reason and status (Semihosting for AArch32 and AArch64, 6.8). */
        .global semihosting_exit
semihosting_exit:
        ldr     x1, =exit_block
        ldr     x2, =0x20026
        stp     x2, x0, [x1]
        mov     w0, #0x18
        hlt     #0xf000
        b       .

/* What AAPCS64 has callees keep, in the jmp_buf of the C library whose headers the programs are compiled with. */
        .global _setjmp, setjmp
_setjmp:
setjmp: stp     x19, x20, [x0]
        stp     x21, x22, [x0, #16]
        stp     x23, x24, [x0, #32]
        stp     x25, x26, [x0, #48]
        stp     x27, x28, [x0, #64]
        stp     x29, x30, [x0, #80]
        mov     x1, sp
        str     x1, [x0, #96]
        mov     w0, #0
        ret
        .global _longjmp, longjmp
_longjmp:
longjmp:
        ldp     x19, x20, [x0]
        ldp     x21, x22, [x0, #16]
        ldp     x23, x24, [x0, #32]
        ldp     x25, x26, [x0, #48]
        ldp     x27, x28, [x0, #64]
        ldp     x29, x30, [x0, #80]
        ldr     x2, [x0, #96]
        mov     sp, x2
        cmp     w1, #0
        csinc   w0, w1, wzr, ne
        ret

        .data
        .balign 8
exit_block: .quad 0, 0
argc_value: .word 1
/* Tests look for memory that differs from the file once a program has begun. */
starts: .word 0
        .balign 8
argv_value: .quad name, 0
environment: .quad 0
name:   .asciz  "program"
