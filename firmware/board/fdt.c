#include "fdt.h"

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

u32 big_endian(const void *cell) {
  const u8 *b = cell;
  return (u32)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
}

int same(const char *a, const char *b) {
  for (; *a && *a == *b; a++, b++) {
  }
  return *a == *b;
}

static u32 length_of(const char *text) {
  u32 length = 0;
  while (text[length]) length++;
  return length;
}

/* Whether the node's name is this, its unit address left out if `wanted` has none. */
static int named(const char *name, const char *wanted) {
  for (; *wanted && *name == *wanted; name++, wanted++) {
  }
  return *wanted == 0 && (*name == 0 || *name == '@');
}

static int in_list(const char *list, u32 length, const char *text) {
  for (u32 at = 0; at < length; at += length_of(list + at) + 1) {
    if (same(list + at, text)) return 1;
  }
  return 0;
}

/* Calls `visit` for each property of the root's children and of the root, whose name is "", until it says 1. */
static int walk(const u8 *blob, int (*visit)(void *, const char *node, const char *name, const void *value, u32 length),
                void *context) {
  const u8 *at = blob + big_endian(blob + 8);
  const char *strings = (const char *)blob + big_endian(blob + 12);
  const char *node = "";
  int depth = 0;
  for (;;) {
    u32 token = big_endian(at);
    at += 4;
    if (token == BEGIN_NODE) {
      if (++depth == 2) node = (const char *)at;
      at += (length_of((const char *)at) + 4) & ~3u;
    } else if (token == END_NODE) {
      depth--;
    } else if (token == PROP) {
      u32 length = big_endian(at);
      const char *name = strings + big_endian(at + 4);
      if (depth <= 2 && visit(context, depth == 1 ? "" : node, name, at + 8, length)) return 1;
      at += 8 + ((length + 3) & ~3u);
    } else if (token != NOP) {
      return 0;
    }
  }
}

struct search {
  const char *wanted, *property, *node;
  const void *value;
  u32 length;
};

static int visit_compatible(void *context, const char *node, const char *name, const void *value, u32 length) {
  struct search *search = context;
  if (!same(name, "compatible") || !in_list(value, length, search->wanted)) return 0;
  search->node = node;
  return 1;
}

static int visit_property(void *context, const char *node, const char *name, const void *value, u32 length) {
  struct search *search = context;
  int here = search->node ? node == search->node : named(node, search->wanted);
  if (!here || !same(name, search->property)) return 0;
  search->value = value;
  search->length = length;
  return 1;
}

const void *find_property(const void *blob, const char *path, const char *name, u32 *length) {
  struct search search = {path + 1, name, 0, 0, 0};
  if (!walk(blob, visit_property, &search)) return 0;
  *length = search.length;
  return search.value;
}

int find_reg(const void *blob, const char *compatible, int index, u64 *base, u64 *size) {
  struct search search = {compatible, "reg", 0, 0, 0};
  if (!walk(blob, visit_compatible, &search) || !walk(blob, visit_property, &search)) return 0;
  const u8 *reg = (const u8 *)search.value + 16 * index;
  if (16u * (index + 1) > search.length) return 0;
  *base = (u64)big_endian(reg) << 32 | big_endian(reg + 4);
  *size = (u64)big_endian(reg + 8) << 32 | big_endian(reg + 12);
  return 1;
}
