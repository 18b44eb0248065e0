/* The console: PL011 (DDI 0183), polled. */
#include "runtime.h"

#define DR 0x00
#define FR 0x18
#define FR_TXFF (1 << 5)

static volatile u32 *uart(u32 offset)
{
    return (volatile u32 *)((u64)UART_BASE + offset);
}

void print_char(char c)
{
    while (*uart(FR) & FR_TXFF) {
    }
    *uart(DR) = c;
}

void print(const char *text)
{
    while (*text)
        print_char(*text++);
}

void print_hex(u64 value, int digits)
{
    int shift = 60;
    if (digits)
        shift = 4 * (digits - 1);
    else
        while (shift > 0 && !(value >> shift))
            shift -= 4;
    for (; shift >= 0; shift -= 4)
        print_char("0123456789abcdef"[(value >> shift) & 15]);
}

void print_decimal(u64 value)
{
    if (value >= 10)
        print_decimal(value / 10);
    print_char('0' + value % 10);
}

void print_field(const char *name, u64 value)
{
    print(" ");
    print(name);
    print("=");
    print_hex(value, 0);
}
