/* Tables, registers and the command queue. */
#include "its.h"

static u32 write_offset;

void tables_init(void)
{
    for (u64 at = TABLES; at < TABLES_END; at += 8)
        *doubleword(at) = 0;
}

void lpis_enable(u32 cpu, u32 on)
{
    if (on) {
        /* 16 bits of INTID. */
        *doubleword(GICR(cpu) + GICR_PROPBASER) = PROPERTIES | 15;
        *doubleword(GICR(cpu) + GICR_PENDBASER) = PENDING(cpu);
    }
    *word(GICR(cpu) + GICR_CTLR) = on;
}

void its_enable(u32 two_levels)
{
    *word(GITS + GITS_CTLR) = 0;
    *doubleword(GITS + GITS_BASER(0)) = VALID | PAGES_64K | (two_levels ? INDIRECT | LEVEL1 : DEVICES);
    *doubleword(GITS + GITS_BASER(1)) = VALID | PAGES_64K | COLLECTIONS;
    *doubleword(GITS + GITS_CBASER) = VALID | QUEUE;
    *doubleword(GITS + GITS_CWRITER) = 0;
    write_offset = 0;
    *word(GITS + GITS_CTLR) = 1;
}

u64 read_pointer(void)
{
    return *doubleword(GITS + GITS_CREADR);
}

void command(u64 w0, u64 w1, u64 w2, u64 w3)
{
    volatile u64 *at = doubleword(QUEUE + write_offset);
    at[0] = w0;
    at[1] = w1;
    at[2] = w2;
    at[3] = w3;
    asm volatile("dsb sy" ::: "memory");
    write_offset = (write_offset + 32) % QUEUE_SIZE;
    *doubleword(GITS + GITS_CWRITER) = write_offset;
    for (u32 i = 0; i < 1000 && read_pointer() != write_offset; i++) {
    }
}

static void about_event(u32 opcode, u32 device, u64 w1, u64 w2)
{
    command(opcode | (u64)device << 32, w1, w2, 0);
}

void mapd(u32 device, u64 itt, u32 bits, u32 valid)
{
    about_event(0x08, device, bits - 1, itt | (u64)valid << 63);
}

void mapc(u32 collection, u32 cpu, u32 valid)
{
    command(0x09, 0, collection | (u64)cpu << 16 | (u64)valid << 63, 0);
}

void mapti(u32 device, u32 event, u32 intid, u32 collection)
{
    about_event(0x0a, device, event | (u64)intid << 32, collection);
}

void mapi(u32 device, u32 intid, u32 collection)
{
    about_event(0x0b, device, intid, collection);
}

void movi(u32 device, u32 event, u32 collection)
{
    about_event(0x01, device, event, collection);
}

void send(u32 device, u32 event)
{
    about_event(0x03, device, event, 0);
}

void clear(u32 device, u32 event)
{
    about_event(0x04, device, event, 0);
}

void inv(u32 device, u32 event)
{
    about_event(0x0c, device, event, 0);
}

void discard(u32 device, u32 event)
{
    about_event(0x0f, device, event, 0);
}

void sync(u32 cpu)
{
    command(0x05, 0, (u64)cpu << 16, 0);
}

void invall(u32 collection)
{
    command(0x0d, 0, collection, 0);
}

void movall(u32 from, u32 to)
{
    command(0x0e, 0, (u64)from << 16, (u64)to << 16);
}

void configure(u32 intid, u32 priority_and_enable)
{
    *(volatile u8 *)(PROPERTIES + intid - 8192) = priority_and_enable;
    asm volatile("dsb sy" ::: "memory");
}

u32 in_pending_table(u32 cpu, u32 intid)
{
    return *(volatile u8 *)(PENDING(cpu) + intid / 8) >> intid % 8 & 1;
}
