/* Worlds in and out at EL3. TPIDR_EL3 has the world that this CPU runs. */
#include "monitor.h"

    .text
    .global run_world
run_world:
    stp     x29, x30, [sp, #-112]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mrs     x1, vbar_el3
    str     x1, [sp, #96]
    adrp    x1, monitor_vectors
    add     x1, x1, :lo12:monitor_vectors
    msr     vbar_el3, x1

enter_world:
    msr     tpidr_el3, x0
    ldr     x1, [x0, #WORLD_ELR]
    msr     elr_el3, x1
    ldr     x1, [x0, #WORLD_SPSR]
    msr     spsr_el3, x1
    ldr     x1, [x0, #WORLD_SCR]
    msr     scr_el3, x1
    ldr     x1, [x0, #WORLD_SP]
    msr     sp_el1, x1
    ldr     x1, [x0, #WORLD_VBAR]
    msr     vbar_el1, x1
    ldr     x1, [x0, #WORLD_SCTLR]
    msr     sctlr_el1, x1
    ldr     x1, [x0, #WORLD_TCR]
    msr     tcr_el1, x1
    ldr     x1, [x0, #WORLD_TTBR]
    msr     ttbr0_el1, x1
    ldr     x1, [x0, #WORLD_MAIR]
    msr     mair_el1, x1
    isb
    .irp n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    ldp     x\n, x3, [x0, #\n * 8]
    .endr
    .irp n, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 30
    ldr     x\n, [x0, #\n * 8]
    .endr
    ldp     x0, x1, [x0]
    eret

leave_world:
    ldr     x1, [sp, #96]
    msr     vbar_el3, x1
    isb
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #112
    ret

    .macro monitor_entry offset
    .balign 0x80
    stp     x0, x1, [sp, #-16]!
    mov     x1, #\offset
    b       save_world
    .endm

    .balign 0x800
monitor_vectors:
    .irp offset, 0x000, 0x080, 0x100, 0x180, 0x200, 0x280, 0x300, 0x380
    monitor_entry \offset
    .endr
    .irp offset, 0x400, 0x480, 0x500, 0x580, 0x600, 0x680, 0x700, 0x780
    monitor_entry \offset
    .endr

save_world:
    mrs     x0, tpidr_el3
    .irp n, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28
    str     x\n, [x0, #\n * 8]
    .endr
    .irp n, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 30
    str     x\n, [x0, #\n * 8]
    .endr
    ldp     x2, x3, [sp], #16
    stp     x2, x3, [x0]
    mrs     x2, elr_el3
    str     x2, [x0, #WORLD_ELR]
    mrs     x2, spsr_el3
    str     x2, [x0, #WORLD_SPSR]
    mrs     x2, scr_el3
    str     x2, [x0, #WORLD_SCR]
    mrs     x2, sp_el1
    str     x2, [x0, #WORLD_SP]
    mrs     x2, vbar_el1
    str     x2, [x0, #WORLD_VBAR]
    mrs     x2, sctlr_el1
    str     x2, [x0, #WORLD_SCTLR]
    mrs     x2, tcr_el1
    str     x2, [x0, #WORLD_TCR]
    mrs     x2, ttbr0_el1
    str     x2, [x0, #WORLD_TTBR]
    mrs     x2, mair_el1
    str     x2, [x0, #WORLD_MAIR]
    bl      monitor
    cbz     x0, leave_world
    b       enter_world

/* Where a CPU goes from the pen: its own stack, then C. */
    .global first_entry
first_entry:
    mrs     x1, mpidr_el1
    and     x1, x1, #0xff
    adrp    x2, cpu_stacks
    add     x2, x2, :lo12:cpu_stacks
    add     x1, x1, #1
    add     x2, x2, x1, lsl #12
    mov     sp, x2
    msr     cptr_el3, xzr
    bl      first_at_el3
/* And back to the pen, which is in flash. */
    mrs     x1, mpidr_el1
    and     x1, x1, #0xff
    ldr     x2, =MAILBOXES
    add     x2, x2, x1, lsl #3
    str     xzr, [x2]
    dsb     sy
    sev
    mov     x3, xzr
    br      x3

    .bss
    .balign 4096
cpu_stacks:
    .skip   4 * 4096
