/* Probes: code that runs at a given exception level, and what came of it, one line each. */
#include "runtime.h"

u64 enter(u64 pstate, const void *code, u64 x0, u64 x1, u64 x2, u64 x3);

static int class_of(const struct exception *e)
{
    return (e->esr >> 26) & 0x3f;
}

/* Whether the class writes FAR_ELx (DDI 0487, FAR_EL1). */
static int has_far(const struct exception *e)
{
    switch (class_of(e)) {
    case 0x20: case 0x21: case 0x24: case 0x25:
        /* FnV */
        return !((e->esr & 0x3f) == 0x10 && (e->esr >> 10 & 1));
    case 0x22: case 0x34: case 0x35:
        return 1;
    default:
        return 0;
    }
}

/* Whether HPFAR_EL2 holds the address: translation, access flag and address size faults of stage 2, and its walks. */
static int has_hpfar(const struct exception *e)
{
    if (e->el != 2 || (class_of(e) != 0x20 && class_of(e) != 0x24))
        return 0;
    if (e->esr >> 7 & 1)
        return 1;
    return (e->esr & 0x3f) < 0x0c;
}

static void print_address(const char *name, u64 value, u64 base)
{
    if (value - base < 0x1000) {
        print(" ");
        print(name);
        print("=+");
        print_hex(value - base, 0);
    } else {
        print_field(name, value);
    }
}

void print_level(u64 pstate)
{
    print(" at EL");
    print_decimal(pstate >> 2 & 3);
}

void print_exceptions(const void *code)
{
    for (u32 i = 0; i < exception_count; i++) {
        const struct exception *e = &exceptions[i];
        print(i ? "; EL" : " EL");
        print_decimal(e->el);
        print("+");
        print_hex(e->vector, 3);
        if ((e->vector & 0x180) == 0 || (e->vector & 0x180) == 0x180)
            print_field("esr", e->esr);
        print_address("elr", e->elr, (u64)code);
        print_field("spsr", e->spsr);
        if ((e->vector & 0x180) == 0 && has_far(e))
            print_address("far", e->far, (u64)code);
        if ((e->vector & 0x180) == 0 && has_hpfar(e))
            print_field("hpfar", e->hpfar);
    }
}

void run(u64 pstate, const void *code, u64 x0, u64 x1)
{
    exception_count = 0;
    enter(pstate, code, x0, x1, 0, 0);
}

static void begin(const char *name, u64 pstate)
{
    print(name);
    print_level(pstate);
    print(":");
}

void probe(const char *name, u64 pstate, const void *code, u64 x0, u64 x1)
{
    run(pstate, code, x0, x1);
    begin(name, pstate);
    if (exception_count == 0)
        print(" ok");
    print_exceptions(code);
    print("\n");
}

void probe_value(const char *name, u64 pstate, const void *code, u64 x0, u64 x1)
{
    run(pstate, code, x0, x1);
    begin(name, pstate);
    if (exception_count == 0)
        print_field("x0", probe_results.x[0]);
    print_exceptions(code);
    print("\n");
}

void probe_through(const char *name, u64 pstate, const void *code, u64 x0, u64 x1)
{
    continue_after_exception = 1;
    run(pstate, code, x0, x1);
    continue_after_exception = 0;
    begin(name, pstate);
    if (exception_count == 0)
        print(" ok");
    print_exceptions(code);
    print_field("x0", probe_results.x[0]);
    print("\n");
}
