/* Entry of both vCPUs and the vectors: EL1, MMU off, a stack each (DDI 0487, D1.3.1 "Exception entry"). */
        .section .text.start, "ax"
        .global _start
_start: adr     x1, vectors
        msr     vbar_el1, x1
        mov     x1, #(3 << 20)
        msr     cpacr_el1, x1
        isb
        adrp    x1, stacks
        mrs     x0, mpidr_el1
        and     x0, x0, #0xff
        add     x2, x0, #1
        add     x1, x1, x2, lsl #12
        mov     sp, x1
        cbnz    x0, 1f
        bl      main
1:      bl      worker
        b       .

        .text
        .global start_second
start_second:
        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, _start
        mov     x3, #0
        hvc     #0
        ret

        .global power_off
power_off:
        ldr     w0, =0x84000008
        hvc     #0
        b       .

/* Only SVC comes here: its handler gets the immediate. */
        .balign 2048
vectors:
        .space  0x200
        stp     x29, x30, [sp, #-32]!
        mov     x29, sp
        str     x0, [sp, #16]
        mrs     x0, esr_el1
        and     x0, x0, #0xffff
        bl      on_svc
        ldr     x0, [sp, #16]
        ldp     x29, x30, [sp], #32
        eret

        .bss
        .balign 4096
stacks: .space  2 * 4096
