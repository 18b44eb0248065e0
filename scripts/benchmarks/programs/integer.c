/*
 * Integer and pointer compute, the kind of work a CoreMark does: linked lists, integer matrices, a state machine over
 * text, and CRCs. usage: integer [list|matrix|state|crc|sort|all] ROUNDS. Prints a checksum per part.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t seed = 12345;

static uint32_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed;
}

/* ---- lists: find, reverse, merge sort by either key ---- */

struct node {
    struct node *next;
    int16_t key, order;
};

enum { NODES = 400 };

static struct node *reverse(struct node *list) {
    struct node *reversed = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static int by_key(const struct node *a, const struct node *b) { return a->key - b->key; }
static int by_order(const struct node *a, const struct node *b) { return a->order - b->order; }

static struct node *sort_list(struct node *list, int (*compare)(const struct node *, const struct node *)) {
    if (!list || !list->next) return list;
    struct node *slow = list, *fast = list->next;
    while (fast && fast->next) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct node *right = slow->next;
    slow->next = NULL;
    struct node *left = sort_list(list, compare);
    right = sort_list(right, compare);
    struct node head, *tail = &head;
    while (left && right) {
        struct node **least = compare(left, right) <= 0 ? &left : &right;
        tail->next = *least;
        tail = *least;
        *least = (*least)->next;
    }
    tail->next = left ? left : right;
    return head.next;
}

static uint32_t list_part(int rounds) {
    static struct node nodes[NODES];
    struct node *list = NULL;
    for (int i = 0; i < NODES; i++) {
        nodes[i] = (struct node){list, (int16_t)(next_random() & 0x7fff), (int16_t)i};
        list = &nodes[i];
    }
    uint32_t sum = 0;
    for (int r = 0; r < rounds * 40; r++) {
        int16_t wanted = nodes[(unsigned)r % NODES].key;
        for (int i = 0; i < 8; i++) {
            struct node *at = list;
            uint32_t steps = 0;
            while (at && at->key != wanted) at = at->next, steps++;
            sum += steps;
            list = reverse(list);
        }
        list = sort_list(list, r & 1 ? by_order : by_key);
        sum = sum * 31 + (uint32_t)list->key;
    }
    return sum;
}

/* ---- matrices of 16-bit values ---- */

enum { N = 40 };

static uint32_t matrix_part(int rounds) {
    static int16_t a[N][N], b[N][N];
    static int32_t c[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) a[i][j] = (int16_t)next_random(), b[i][j] = (int16_t)next_random();
    uint32_t sum = 0;
    for (int r = 0; r < rounds * 30; r++) {
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int32_t cell = 0;
                for (int k = 0; k < N; k++) cell += a[i][k] * b[k][j];
                c[i][j] = cell;
            }
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int32_t bits = ((c[i][j] >> 2) & 0xf) * ((c[i][j] >> 5) & 0x7f);
                sum = (sum << 1 | sum >> 31) + (uint32_t)(bits > 500 ? 10 : bits);
                a[i][j] = (int16_t)(a[i][j] + (c[i][j] >> 16) + r);
            }
    }
    return sum;
}

/* ---- a scanner for numbers ---- */

enum state { START, SIGN, INT, DOT, FRACTION, EXPONENT, EXPONENT_SIGN, SCIENTIFIC, INVALID, STATES };

static enum state scan(const char **at) {
    enum state state = START;
    const char *p = *at;
    for (; *p && state != INVALID; p++) {
        if (*p == ',') {
            p++;
            break;
        }
        int digit = *p >= '0' && *p <= '9';
        switch (state) {
        case START: state = digit ? INT : *p == '+' || *p == '-' ? SIGN : *p == '.' ? DOT : INVALID; break;
        case SIGN: state = digit ? INT : *p == '.' ? DOT : INVALID; break;
        case INT: state = digit ? INT : *p == '.' ? FRACTION : *p == 'e' ? EXPONENT : INVALID; break;
        case DOT: state = digit ? FRACTION : INVALID; break;
        case FRACTION: state = digit ? FRACTION : *p == 'e' ? EXPONENT : INVALID; break;
        case EXPONENT: state = *p == '+' || *p == '-' ? EXPONENT_SIGN : digit ? SCIENTIFIC : INVALID; break;
        case EXPONENT_SIGN:
        case SCIENTIFIC: state = digit ? SCIENTIFIC : INVALID; break;
        default: break;
        }
    }
    while (state == INVALID && *p && *p++ != ',') {
    }
    *at = p;
    return state;
}

static uint32_t state_part(int rounds) {
    static const char *const words[] = {"5012", "-874", "+122", "35.54400", ".1234500", "-110.700", "+0.64400",
                                        "5.500e+3", "-.123e-2", "-87e+832", "+0.6e-12", "T0.3e-1F", "-T.T++Tq", "1T3.4e4z"};
    static char text[8192];
    uint32_t counts[STATES] = {0}, sum = 0;
    size_t length = 0;
    while (length < sizeof text - 16) {
        const char *word = words[next_random() % 14];
        size_t size = strlen(word);
        memcpy(text + length, word, size);
        text[length + size] = ',';
        length += size + 1;
    }
    for (int r = 0; r < rounds * 60; r++) {
        for (const char *p = text; *p;) counts[scan(&p)]++;
        text[(unsigned)r * 7919u % length] ^= (char)(r & 1);
        sum = sum * 33 + counts[INT] + counts[INVALID];
    }
    return sum;
}

/* ---- CRC: bit by bit, and by table ---- */

static uint32_t crc_part(int rounds) {
    static uint8_t data[4096];
    static uint32_t table[256];
    for (unsigned i = 0; i < sizeof data; i++) data[i] = (uint8_t)next_random();
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    uint32_t crc32 = ~0u, crc16 = 0;
    for (int r = 0; r < rounds * 40; r++) {
        for (unsigned i = 0; i < sizeof data; i++) crc32 = table[(crc32 ^ data[i]) & 0xff] ^ crc32 >> 8;
        for (unsigned i = 0; i < 1024; i++) {
            uint32_t byte = data[i];
            for (int k = 0; k < 8; k++, byte >>= 1) {
                uint32_t carry = (byte ^ crc16) & 1;
                crc16 >>= 1;
                if (carry) crc16 ^= 0xa001;
            }
        }
        data[(unsigned)r & 4095] ^= (uint8_t)crc16;
    }
    return crc32 ^ crc16;
}

/* ---- quicksort through a function pointer, binary search, a hash table ---- */

static int compare_words(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint32_t sort_part(int rounds) {
    enum { COUNT = 20000, BUCKETS = 1 << 15 };
    static uint32_t values[COUNT], sorted[COUNT], table[BUCKETS];
    uint32_t sum = 0;
    for (int r = 0; r < rounds / 4 + 1; r++) {
        memset(table, 0, sizeof table);
        for (int i = 0; i < COUNT; i++) sorted[i] = values[i] = next_random() | 1;
        qsort(sorted, COUNT, sizeof sorted[0], compare_words);
        for (int i = 0; i < COUNT; i++) {
            uint32_t at = values[i] * 2654435761u >> 17;
            while (table[at] && table[at] != values[i]) at = (at + 1) & (BUCKETS - 1);
            table[at] = values[i];
            uint32_t *found = bsearch(&values[i], sorted, COUNT, sizeof sorted[0], compare_words);
            sum = sum * 5 + at + (uint32_t)(found - sorted);
        }
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        uint32_t (*run)(int);
    } parts[] = {{"list", list_part}, {"matrix", matrix_part}, {"state", state_part}, {"crc", crc_part}, {"sort", sort_part}};
    const char *which = argc > 1 ? argv[1] : "all";
    int rounds = argc > 2 ? atoi(argv[2]) : 10;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strcmp(which, "all") || !strcmp(which, parts[i].name)) printf("%s %08x\n", parts[i].name, parts[i].run(rounds));
    return 0;
}
