// The guest's first instructions, for both of its vCPUs, and its vectors. Linked and loaded at the start of RAM.
#include "board.h"

.section .text.start, "ax"
.globl _start
_start:
  mov x19, x0                       // CPU_ON's context: 0 for the first
  mrs x1, mpidr_el1
  and x1, x1, #0xff
  ldr x2, =RAM + RAM_SIZE
  sub x2, x2, x1, lsl #16
  mov sp, x2
  ldr x2, =vectors
  msr vbar_el1, x2
  mov x2, #3 << 20
  msr cpacr_el1, x2                 // FP and SIMD
  isb
  mov x0, x19
  cbnz x1, second
  bl guest_main
  b .
second:
  bl second_main
  b .

// Saves what a C function may change, passes kind, ESR, ELR, FAR; returns to where the function says.
.macro vector kind
.balign 128
  sub sp, sp, #192
  stp x0, x1, [sp]
  mov x0, #\kind
  b common
.endm

.balign 2048
vectors:
  vector 0
  vector 1
  vector 2
  vector 3
  vector 4
  vector 5
  vector 6
  vector 7
  vector 8
  vector 9
  vector 10
  vector 11
  vector 12
  vector 13
  vector 14
  vector 15

common:
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x30, [sp, #144]
  mrs x1, esr_el1
  mrs x2, elr_el1
  mrs x3, far_el1
  mov x4, sp
  bl guest_exception
  msr elr_el1, x0
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x8, x9, [sp, #64]
  ldp x10, x11, [sp, #80]
  ldp x12, x13, [sp, #96]
  ldp x14, x15, [sp, #112]
  ldp x16, x17, [sp, #128]
  ldp x18, x30, [sp, #144]
  ldp x0, x1, [sp]
  add sp, sp, #192
  eret

// Four instructions for the host to step through, to stop at and to watch.
.globl stepped
stepped:
  add x0, x0, #1
  add x0, x0, #2
  str x0, [x1]
  add x0, x0, #3
  ret

.section .text.pointers, "ax"
.globl break_pointer
break_pointer:
  .quad stepped + 4
  .quad watched
