/* The board that the host program (main.c) makes and its guest (guest.c) finds: addresses, and a protocol of both. */
#define RAM 0x40000000UL
#define RAM_SIZE 0x200000UL
/* Whose written pages the host asks for. */
#define LOGGED 0x41000000UL
#define LOGGED_SIZE 0x10000UL
#define READ_ONLY 0x42000000UL
/* Whole pages of any host. */
#define READ_ONLY_SIZE 0x10000UL
#define DISTRIBUTOR 0x08000000UL
#define REDISTRIBUTORS 0x080a0000UL
/* No memory: every access comes to the host. */
#define CONSOLE 0x09000000UL
#define SCRATCH 0x09010000UL
#define COMMAND 0x09020000UL

/* What a word written to COMMAND asks of the host. */
#define COMMAND_DIRTY 1
#define COMMAND_RAISE 2
#define COMMAND_LOWER 3
#define COMMAND_STEP 4
#define COMMAND_BREAK 5
#define COMMAND_WATCH 6

/* An SPI that is the host's to raise. */
#define HOST_SPI 40
/* What reads of SCRATCH give. */
#define PATTERN 0xf1e2d3c4b5a69788UL
/* Where COMMAND_BREAK and COMMAND_WATCH act: their addresses, at these offsets of RAM (start.S). */
#define BREAK_POINTER 0x2000
#define WATCH_POINTER 0x2008
