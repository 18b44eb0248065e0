/* As much of a C library as GDB's test programs ask of one: what they print goes to the UART, files there are none. */
#include <stdarg.h>
#include <stddef.h>

#define UART (*(volatile unsigned *)0x09000000)

extern char __heap[];
void semihosting_exit(long status);

void *stdin, *stdout, *stderr;
char **environ;
static int error;
int *__errno_location(void) { return &error; }

void *memcpy(void *to, const void *from, size_t n) {
  char *t = to;
  const char *f = from;
  while (n--) *t++ = *f++;
  return to;
}
void *memmove(void *to, const void *from, size_t n) {
  if (to <= from) return memcpy(to, from, n);
  while (n--) ((char *)to)[n] = ((const char *)from)[n];
  return to;
}
void *memset(void *to, int value, size_t n) {
  for (size_t i = 0; i < n; i++) ((char *)to)[i] = (char)value;
  return to;
}
int memcmp(const void *a, const void *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int difference = ((const unsigned char *)a)[i] - ((const unsigned char *)b)[i];
    if (difference) return difference;
  }
  return 0;
}
size_t strlen(const char *s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}
char *strcpy(char *to, const char *from) { return memcpy(to, from, strlen(from) + 1); }
char *strncpy(char *to, const char *from, size_t n) {
  size_t length = strlen(from);
  memset(to, 0, n);
  return memcpy(to, from, length < n ? length : n);
}
char *strcat(char *to, const char *from) {
  strcpy(to + strlen(to), from);
  return to;
}
int strncmp(const char *a, const char *b, size_t n) {
  for (; n > 0; n--, a++, b++)
    if (*a != *b || *a == 0) return (unsigned char)*a - (unsigned char)*b;
  return 0;
}
int strcmp(const char *a, const char *b) { return strncmp(a, b, ~(size_t)0); }
char *strchr(const char *s, int c) {
  for (;; s++) {
    if (*s == (char)c) return (char *)s;
    if (*s == 0) return 0;
  }
}
int atoi(const char *s) {
  int value = 0, negative = *s == '-';
  for (s += negative; *s >= '0' && *s <= '9'; s++) value = 10 * value + *s - '0';
  return negative ? -value : value;
}

long strtol(const char *s, char **end, int base) {
  (void)base;
  const char *last = s;
  while (*last == '-' || (*last >= '0' && *last <= '9')) last++;
  if (end) *end = (char *)last;
  return atoi(s);
}

/* Memory is taken and never given back; the size stands before the block. */
static char *top;
void *malloc(size_t size) {
  if (top == 0) top = __heap;
  size_t *block = (size_t *)top;
  top += (size + 31) & ~(size_t)15;
  block[0] = size;
  return block + 2;
}
void free(void *block) { (void)block; }
void *calloc(size_t n, size_t size) { return memset(malloc(n * size), 0, n * size); }
void *realloc(void *block, size_t size) {
  void *larger = malloc(size);
  if (block != 0) {
    size_t old = ((size_t *)block)[-2];
    memcpy(larger, block, old < size ? old : size);
  }
  return larger;
}
char *strdup(const char *s) { return strcpy(malloc(strlen(s) + 1), s); }

int putchar(int c) {
  UART = (unsigned char)c;
  return c;
}
int puts(const char *s) {
  while (*s) putchar(*s++);
  return putchar('\n');
}
int fputs(const char *s, void *file) {
  (void)file;
  while (*s) putchar(*s++);
  return 0;
}
int fputc(int c, void *file) { return (void)file, putchar(c); }
int putc(int c, void *file) { return (void)file, putchar(c); }
size_t fwrite(const void *data, size_t size, size_t n, void *file) {
  (void)file;
  for (size_t i = 0; i < size * n; i++) putchar(((const char *)data)[i]);
  return n;
}
/* There is no input. */
long read(int fd, void *data, size_t n) { return (void)fd, (void)data, (void)n, 0; }
int fileno(void *file) { return (void)file, 1; }
int isatty(int fd) { return (void)fd, 0; }
long write(int fd, const void *data, size_t n) { return fd < 0 ? -1 : (long)fwrite(data, 1, n, 0); }

static char *number(char *end, unsigned long value, unsigned base) {
  *end = 0;
  do *--end = "0123456789abcdef"[value % base];
  while ((value /= base) != 0);
  return end;
}

/* %d %i %u %x %p %c %s %f (its whole part) with l and h; a width is passed over. */
static int format(void (*put)(int c, void *where), void *where, const char *text, va_list list) {
  int count = 0;
  for (; *text; text++) {
    char buffer[32];
    const char *word = buffer;
    if (*text != '%') {
      put(*text, where);
      count++;
      continue;
    }
    int wide = 0;
    for (text++; strchr("0123456789.-+ #lhz", *text) && *text; text++) wide |= *text == 'l' || *text == 'z';
    switch (*text) {
      case 'd':
      case 'i': {
        long value = wide ? va_arg(list, long) : va_arg(list, int);
        char *digits = number(buffer + 31, value < 0 ? -(unsigned long)value : (unsigned long)value, 10);
        if (value < 0) *--digits = '-';
        word = digits;
        break;
      }
      case 'u':
      case 'x':
      case 'X':
        word = number(buffer + 31, wide ? va_arg(list, unsigned long) : va_arg(list, unsigned), *text == 'u' ? 10 : 16);
        break;
      case 'p':
        word = number(buffer + 31, (unsigned long)va_arg(list, void *), 16);
        break;
      case 'e':
      case 'g':
      case 'f':
        word = number(buffer + 31, (unsigned long)va_arg(list, double), 10);
        break;
      case 's':
        word = va_arg(list, const char *);
        break;
      case 'c':
        buffer[0] = (char)va_arg(list, int);
        buffer[1] = 0;
        break;
      default:
        buffer[0] = *text;
        buffer[1] = 0;
    }
    for (word = word ? word : "(null)"; *word; word++, count++) put(*word, where);
  }
  return count;
}
static void toUart(int c, void *where) {
  (void)where;
  putchar(c);
}
static void toBuffer(int c, void *where) { *(*(char **)where)++ = (char)c; }
int vprintf(const char *text, va_list list) { return format(toUart, 0, text, list); }
int vfprintf(void *file, const char *text, va_list list) { return (void)file, vprintf(text, list); }
#define WITH_LIST(call)  \
  va_list list;          \
  va_start(list, text);  \
  int count = call;      \
  va_end(list);          \
  return count
int printf(const char *text, ...) { WITH_LIST(vprintf(text, list)); }
int fprintf(void *file, const char *text, ...) {
  (void)file;
  WITH_LIST(vprintf(text, list));
}
int vsprintf(char *to, const char *text, va_list list) {
  int count = format(toBuffer, &to, text, list);
  *to = 0;
  return count;
}
int sprintf(char *to, const char *text, ...) { WITH_LIST(vsprintf(to, text, list)); }
int snprintf(char *to, size_t n, const char *text, ...) {
  (void)n;
  WITH_LIST(vsprintf(to, text, list));
}

void exit(int status) {
  for (;;) semihosting_exit(status);
}
void _exit(int status) { exit(status); }
void abort(void) { exit(134); }
void __assert_fail(const char *what, const char *file, unsigned line, const char *function) {
  printf("%s:%u: %s: %s\n", file, line, function, what);
  abort();
}
int atexit(void (*call)(void)) { return (void)call, 0; }
int fflush(void *file) { return (void)file, 0; }
void setbuf(void *file, char *buffer) { (void)file, (void)buffer; }
int setvbuf(void *file, char *buffer, int mode, size_t size) { return (void)file, (void)buffer, (void)mode, (void)size, 0; }
void *fopen(const char *name, const char *mode) { return (void)name, (void)mode, (void *)0; }
int open(const char *name, int flags, ...) { return (void)name, (void)flags, -1; }
int close(int fd) { return (void)fd, -1; }
int fclose(void *file) { return (void)file, 0; }
int getpid(void) { return 1; }
/*
 * In virtual time, which goes on only while instructions are executed: nothing here would wake a WFI. An eighth of what is
 * asked for, because tests have ten seconds of real time for it on machines of any speed.
 */
static void wait(unsigned long seconds, unsigned long microseconds) {
  unsigned long frequency, start, now;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  asm volatile("mrs %0, cntvct_el0" : "=r"(start));
  unsigned long ticks = (seconds * frequency + microseconds * (frequency / 1000000)) / 8;
  do asm volatile("mrs %0, cntvct_el0" : "=r"(now));
  while (now - start < ticks);
}
unsigned sleep(unsigned seconds) { return wait(seconds, 0), 0; }
int usleep(unsigned time) { return wait(0, time), 0; }
unsigned alarm(unsigned seconds) { return (void)seconds, 0; }
void *signal(int number_, void *handler) { return (void)number_, (void)handler, (void *)0; }
char *getenv(const char *name) { return (void)name, (char *)0; }
int abs(int value) { return value < 0 ? -value : value; }
static unsigned long seed = 1;
int rand(void) { return (int)((seed = seed * 1103515245 + 12345) >> 16 & 0x7fffffff); }
void srand(unsigned value) { seed = value; }
