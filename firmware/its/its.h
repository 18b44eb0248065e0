/* GICv3 ITS and LPIs (IHI 0069, chapter 5): registers, tables in memory, commands. */
#ifndef ITS_H
#define ITS_H

#include "gic.h"

#define GITS 0x08080000ul
#define GITS_CTLR 0x0000
#define GITS_TYPER 0x0008
#define GITS_CBASER 0x0080
#define GITS_CWRITER 0x0088
#define GITS_CREADR 0x0090
#define GITS_BASER(n) (0x0100 + 8 * (n))
#define GITS_PIDR2 0xffe8
#define GITS_TRANSLATER 0x10040

#define GICD_TYPER 0x0004
#define GICR_CTLR 0x0000
#define GICR_PROPBASER 0x0070
#define GICR_PENDBASER 0x0078

#define VALID BIT(63)
#define INDIRECT BIT(62)
#define PAGES_64K (2ul << 8)

/* Tables: a page of 64 KiB each. */
#define PAGE 0x10000ul
#define TABLES 0x44000000ul
#define PROPERTIES TABLES
#define PENDING(cpu) (TABLES + PAGE * (1 + (cpu)))
#define QUEUE (TABLES + PAGE * 5)
#define DEVICES (TABLES + PAGE * 6)
#define COLLECTIONS (TABLES + PAGE * 7)
#define LEVEL1 (TABLES + PAGE * 8)
#define LEVEL2 (TABLES + PAGE * 9)
#define ITT(n) (TABLES + PAGE * (10 + (n)))
#define TABLES_END ITT(4)
/* Of the smallest size: 128 commands. */
#define QUEUE_SIZE 0x1000u

static inline volatile u64 *doubleword(u64 address)
{
    return (volatile u64 *)address;
}

void tables_init(void);
/* With flat tables, or the device table in two levels. */
void its_enable(u32 two_levels);
void lpis_enable(u32 cpu, u32 on);

/* A command of four doublewords, and until it is done with. */
void command(u64 w0, u64 w1, u64 w2, u64 w3);
u64 read_pointer(void);

void mapd(u32 device, u64 itt, u32 bits, u32 valid);
void mapc(u32 collection, u32 cpu, u32 valid);
void mapti(u32 device, u32 event, u32 intid, u32 collection);
void mapi(u32 device, u32 intid, u32 collection);
void movi(u32 device, u32 event, u32 collection);
void movall(u32 from, u32 to);
void send(u32 device, u32 event);
void clear(u32 device, u32 event);
void discard(u32 device, u32 event);
void inv(u32 device, u32 event);
void invall(u32 collection);
void sync(u32 cpu);

#define ON 1
/* An LPI's byte of the configuration table: its priority, and ON or 0. The ITS has to be told. */
void configure(u32 intid, u32 priority_and_enable);
/* Its bit in a pending table: what is there is sure only of LPIs that cannot be delivered. */
u32 in_pending_table(u32 cpu, u32 intid);

#endif
