/*
 * The MMU of EL1 on, for guests that are one file (`.include`, with -I firmware/runtime): 4 KiB granule, ranges of 39 bits
 * with blocks of 1 GiB at level 1, walks and memory of attribute 0 cacheable (DDI 0487, D17.2: TCR_EL1, MAIR_EL1, SCTLR_EL1).
 * x1 and x2 are used.
 */
.macro mmu_on table
  adr x1, \table
  msr ttbr0_el1, x1
  ldr x2, =0xb5193519
  msr tcr_el1, x2
  mov x2, #0xff
  msr mair_el1, x2
  isb
  mrs x2, sctlr_el1
  orr x2, x2, #1
  msr sctlr_el1, x2
  isb
.endm

/* A descriptor of a block: normal memory of attribute 0, inner shareable, the access flag set (D8.3.1). */
.equ BLOCK, 0x701
