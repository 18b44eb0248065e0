/* A device tree blob, read where it lies (Devicetree Specification v0.4, chapter 5). */
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

/* Of the tree at `blob`: the `index`th register window of the first node with this `compatible`; 0 if there is none. */
int find_reg(const void *blob, const char *compatible, int index, u64 *base, u64 *size);
/* A property of the node at this path, or of the first child of the root that begins with it; length in bytes. */
const void *find_property(const void *blob, const char *path, const char *name, u32 *length);
u32 big_endian(const void *cell);
int same(const char *a, const char *b);
