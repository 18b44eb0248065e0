/*
 * The guest that npm start boots when no kernel can be had: says what machine it is on, echoes what is typed, and
 * switches off at 'q'. PL011 (DDI 0183) at 0x09000000, PSCI (DEN0022) by HVC at EL1, by SMC at EL2.
 */
    .set UART, 0x09000000
    .set DR, 0x00
    .set FR, 0x18
    .set FR_RXFE_BIT, 4
    .set SYSTEM_OFF, 0x84000008

    .section .text.start, "ax"
    .globl _start
_start:
    mrs     x0, mpidr_el1
    tst     x0, #0xffffff
    b.ne    park
    adrp    x0, stack_top
    add     x0, x0, :lo12:stack_top
    mov     sp, x0
    adr     x0, banner
    bl      print
    adr     x0, at_el
    bl      print
    mrs     x0, CurrentEL
    lsr     x0, x0, #2
    bl      print_hex
    adr     x0, midr
    bl      print
    mrs     x0, midr_el1
    bl      print_hex
    adr     x0, frequency
    bl      print
    mrs     x0, cntfrq_el0
    bl      print_hex
    adr     x0, help
    bl      print
    mov     x20, #UART
read:
    ldr     w0, [x20, #FR]
    tbnz    w0, #FR_RXFE_BIT, read
    ldr     w0, [x20, #DR]
    and     w0, w0, #0xff
    cmp     w0, #'q'
    b.eq    off
    str     w0, [x20, #DR]
    cmp     w0, #'\r'
    b.ne    read
    mov     w0, #'\n'
    str     w0, [x20, #DR]
    b       read
off:
    adr     x0, bye
    bl      print
    ldr     w0, =SYSTEM_OFF
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.eq    1f
    hvc     #0
1:  smc     #0
park:
    wfi
    b       park

/* Prints the text at x0 up to its zero. */
print:
    mov     x2, #UART
1:  ldrb    w1, [x0], #1
    cbz     w1, 2f
    str     w1, [x2, #DR]
    b       1b
2:  ret

/* Prints x0 in hexadecimal, without leading zeros. */
print_hex:
    mov     x2, #UART
    clz     x3, x0
    bic     x3, x3, #3
    mov     x4, #60
    sub     x4, x4, x3
    cmp     x4, #0
    csel    x4, x4, xzr, ge
1:  lsr     x1, x0, x4
    and     x1, x1, #15
    cmp     x1, #10
    add     x5, x1, #'0'
    add     x1, x1, #('a' - 10)
    csel    x1, x5, x1, lo
    str     w1, [x2, #DR]
    subs    x4, x4, #4
    b.ge    1b
    ret

    .ltorg
banner:     .asciz "trapframe: bare metal on AArch64; this guest is firmware/hello\r\n"
at_el:      .asciz "CurrentEL  "
midr:       .asciz "\r\nMIDR_EL1   0x"
frequency:  .asciz "\r\nCNTFRQ_EL0 0x"
help:       .asciz " Hz\r\nWhat you type is echoed; q switches the machine off.\r\n"
bye:        .asciz "\r\nPSCI SYSTEM_OFF\r\n"

    .bss
    .balign 16
    .skip   1024
stack_top:
