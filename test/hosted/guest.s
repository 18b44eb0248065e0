// A guest for guest.test.ts: devices without a syndrome, aborts, firmware calls, timer and SGI through hosted EL2.
// Results go to `results`, eight bytes each. guest.hex holds its words:
//   aarch64-linux-gnu-as guest.s -o guest.o && aarch64-linux-gnu-objcopy -O binary guest.o guest.bin
//   od -An -v -tx4 -w4 guest.bin | tr -d ' ' > guest.hex

        .macro store value
        str     \value, [x28], #8
        .endm
        .equ    UART, 0x09000000
        .equ    GICD, 0x08000000
        .equ    GICR, 0x080a0000

start:  mov     x27, x0
        adr     x28, results
        store   x27                     // 0: device tree
        mrs     x0, CurrentEL
        store   x0                      // 1
        adr     x0, vectors
        msr     vbar_el1, x0
        adr     x0, stack
        mov     sp, x0

// Loads and stores that have no syndrome: PL011's UARTPeriphID0 to 3 at 0xFE0.
        mov     x11, #UART
        add     x11, x11, #0xfe0
        ldp     w0, w1, [x11]
        store   x0                      // 2
        store   x1                      // 3
        ldr     w0, [x11], #4
        ldr     w1, [x11, #4]!
        store   x0                      // 4
        store   x1                      // 5
        mov     x12, #UART
        sub     x11, x11, x12
        store   x11                     // 6: 0xfe8
        mov     x0, #3 << 20
        msr     cpacr_el1, x0
        isb
        add     x11, x12, #0xfe0
        ldp     s0, s1, [x11]
        fmov    w0, s1
        store   x0                      // 7
        mov     w0, #0x12
        mov     w1, #0x34
        add     x11, x12, #0x24         // UARTIBRD, UARTFBRD
        stp     w0, w1, [x11]
        ldr     w0, [x11]
        ldr     w1, [x11, #4]
        store   x0                      // 8
        store   x1                      // 9

// Nothing at 0x0B000000: the vector stores ESR, FAR, ELR relative to `fault`.
        mov     x11, #0x0b000000
fault:  ldr     w0, [x11]
        ldxr    w0, [x12]

// Firmware.
        mov     x0, #0x84000000
        hvc     #0
        store   x0                      // PSCI_VERSION
        mov     x0, #0x80000000
        smc     #0
        store   x0                      // SMCCC_VERSION
        mov     x0, #0x1234
        hvc     #0
        store   x0

// GIC: the virtual timer's PPI, then an SGI from the other vCPU.
        mov     x11, #GICD
        mov     w0, #0x12
        str     w0, [x11]
        ldr     x11, =GICR
        bl      redistributor
        msr     daifclr, #2
        mov     x0, #1000
        msr     cntv_tval_el0, x0
        mov     x0, #1
        msr     cntv_ctl_el0, x0
        isb
        bl      await                   // INTID 27, priority

        ldr     x0, =0xc4000003
        mov     x1, #1
        adr     x2, second
        mov     x3, #0x55
        hvc     #0
        store   x0                      // CPU_ON
        bl      await                   // INTID 3, priority
1:      ldr     x0, =0xc4000004
        mov     x1, #1
        mov     x2, #0
        hvc     #0
        cmp     x0, #1                  // OFF again
        b.ne    1b
        adr     x1, seen
        ldp     x0, x1, [x1]
        store   x0                      // context
        store   x1                      // MPIDR_EL1
        mov     x0, #0x84000000
        add     x0, x0, #8
        hvc     #0
        b       .

// Waits for an interrupt to be served; the look and the wait are one by the mask.
await:  adr     x0, served
1:      msr     daifset, #2
        ldr     x1, [x0]
        cbnz    x1, 2f
        wfi
        msr     daifclr, #2
        isb
        b       1b
2:      str     xzr, [x0]
        msr     daifclr, #2
        ret

// Brings up the redistributor at x11 and this PE's interface; PPI 27 and the SGIs on.
redistributor:
        add     x11, x11, #0x10, lsl #12
        mov     w0, #-1
        str     w0, [x11, #0x80]
        mov     w0, #0x0800ffff
        str     w0, [x11, #0x100]
        mov     x0, #0xf0
        msr     s3_0_c4_c6_0, x0        // ICC_PMR_EL1
        mov     x0, #1
        msr     s3_0_c12_c12_7, x0      // ICC_IGRPEN1_EL1
        isb
        ret

second: adr     x1, seen
        mrs     x2, mpidr_el1
        stp     x0, x2, [x1]
        ldr     x0, =0x03000001         // SGI 3 to Aff0 0
        msr     s3_0_c12_c11_5, x0      // ICC_SGI1R_EL1
        mov     x0, #0x84000000
        add     x0, x0, #2
        hvc     #0
        b       .

        .ltorg
        .balign 0x800
vectors:
        .org    vectors + 0x200
        mrs     x0, esr_el1
        store   x0
        mrs     x0, far_el1
        store   x0
        mrs     x0, elr_el1
        add     x1, x0, #4
        msr     elr_el1, x1
        adr     x1, fault
        sub     x0, x0, x1
        store   x0
        eret
        .org    vectors + 0x280
        stp     x0, x1, [sp, #-16]!
        mrs     x0, s3_0_c12_c12_0      // ICC_IAR1_EL1
        store   x0
        mrs     x1, s3_0_c12_c11_3      // ICC_RPR_EL1
        store   x1
        msr     cntv_ctl_el0, xzr
        isb
        msr     s3_0_c12_c12_1, x0      // ICC_EOIR1_EL1
        adr     x0, served
        mov     x1, #1
        str     x1, [x0]
        ldp     x0, x1, [sp], #16
        eret
        .balign 16
served: .quad   0
        .balign 16
seen:   .quad   0, 0
        .balign 16
results: .fill  64, 8, 0
        .fill   32, 8, 0
stack:  .quad   0
