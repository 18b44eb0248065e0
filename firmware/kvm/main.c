/*
 * The host's side of a KVM guest: a static program on Linux that makes a machine of two vCPUs with a GICv3 by
 * /dev/kvm, runs guest.c in it and prints every exit. Interfaces: Linux, Documentation/virt/kvm/api.rst and
 * devices/arm-vgic-v3.rst.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "board.h"

#define CPUS 2

extern const char guest_image[], guest_image_end[];
asm(".section .rodata\n.balign 8\n.globl guest_image, guest_image_end\nguest_image: .incbin \"guest.bin\"\nguest_image_end:\n.previous\n");

static int kvm, vm, gic, vcpus[CPUS];
static struct kvm_run *runs[CPUS];
static char *ram;
static int steps;

static int call(int fd, unsigned long request, void *argument, const char *what) {
  int result = ioctl(fd, request, argument);
  if (result < 0) {
    printf("kvm: %s: %s\n", what, strerror(errno));
    exit(1);
  }
  return result;
}

static void *memory(int slot, uint64_t address, uint64_t size, uint32_t flags) {
  void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct kvm_userspace_memory_region region = {slot, flags, address, size, (uint64_t)bytes};
  call(vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
  return bytes;
}

static void gic_attribute(uint32_t group, uint64_t attribute, void *value) {
  struct kvm_device_attr attr = {0, group, attribute, (uint64_t)value};
  call(gic, KVM_SET_DEVICE_ATTR, &attr, "KVM_SET_DEVICE_ATTR of the GIC");
}

static void create(void) {
  kvm = open("/dev/kvm", O_RDWR);
  if (kvm < 0) {
    printf("kvm: /dev/kvm: %s\n", strerror(errno));
    exit(1);
  }
  printf("kvm: API version %d\n", ioctl(kvm, KVM_GET_API_VERSION, 0));
  vm = call(kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM");
  ram = memory(0, RAM, RAM_SIZE, 0);
  memory(1, LOGGED, LOGGED_SIZE, KVM_MEM_LOG_DIRTY_PAGES);
  uint64_t *read_only = memory(2, READ_ONLY, READ_ONLY_SIZE, KVM_MEM_READONLY);
  read_only[1] = 0x1234567;
  memcpy(ram, guest_image, guest_image_end - guest_image);

  struct kvm_create_device device = {KVM_DEV_TYPE_ARM_VGIC_V3, 0, 0};
  call(vm, KVM_CREATE_DEVICE, &device, "KVM_CREATE_DEVICE");
  gic = device.fd;
  struct kvm_vcpu_init init;
  call(vm, KVM_ARM_PREFERRED_TARGET, &init, "KVM_ARM_PREFERRED_TARGET");
  int size = call(kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
  for (int i = 0; i < CPUS; i++) {
    vcpus[i] = call(vm, KVM_CREATE_VCPU, (void *)(long)i, "KVM_CREATE_VCPU");
    init.features[0] = 1 << KVM_ARM_VCPU_PSCI_0_2;
    if (i > 0) init.features[0] |= 1 << KVM_ARM_VCPU_POWER_OFF;
    call(vcpus[i], KVM_ARM_VCPU_INIT, &init, "KVM_ARM_VCPU_INIT");
    runs[i] = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpus[i], 0);
  }
  uint32_t lines = 64;
  uint64_t distributor = DISTRIBUTOR, redistributors = REDISTRIBUTORS;
  gic_attribute(KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &lines);
  gic_attribute(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &distributor);
  gic_attribute(KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &redistributors);
  gic_attribute(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
}

/* A core register of a vCPU by its place in struct kvm_regs. */
#define CORE(field) \
  (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | (offsetof(struct kvm_regs, field) / sizeof(uint32_t)))

static uint64_t get_register(int cpu, uint64_t id) {
  uint64_t value = 0;
  struct kvm_one_reg reg = {id, (uint64_t)&value};
  call(vcpus[cpu], KVM_GET_ONE_REG, &reg, "KVM_GET_ONE_REG");
  return value;
}

static void set_register(int cpu, uint64_t id, uint64_t value) {
  struct kvm_one_reg reg = {id, (uint64_t)&value};
  call(vcpus[cpu], KVM_SET_ONE_REG, &reg, "KVM_SET_ONE_REG");
}

static void host_line(int level) {
  struct kvm_irq_level irq = {{(KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT) | HOST_SPI}, level};
  call(vm, KVM_IRQ_LINE, &irq, "KVM_IRQ_LINE");
}

static void debug(int cpu, struct kvm_guest_debug *request) {
  call(vcpus[cpu], KVM_SET_GUEST_DEBUG, request, "KVM_SET_GUEST_DEBUG");
}

/* Byte address select 0xf, E, any EL below 2: DBGBCR and DBGWCR as the guest's debugger would have them. */
static void guest_command(int cpu, uint32_t what) {
  struct kvm_guest_debug request = {.control = KVM_GUESTDBG_ENABLE};
  uint64_t dirty = 0;
  struct kvm_dirty_log log = {.slot = 1, .dirty_bitmap = &dirty};
  switch (what) {
    case COMMAND_DIRTY:
      call(vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
      printf("kvm: dirty pages 0x%lx\n", dirty);
      return;
    case COMMAND_RAISE:
    case COMMAND_LOWER:
      host_line(what == COMMAND_RAISE);
      return;
    case COMMAND_STEP:
      request.control |= KVM_GUESTDBG_SINGLESTEP;
      break;
    case COMMAND_BREAK:
      request.control |= KVM_GUESTDBG_USE_HW;
      request.arch.dbg_bcr[0] = 0x1e7;
      memcpy(&request.arch.dbg_bvr[0], ram + BREAK_POINTER, 8);
      break;
    case COMMAND_WATCH:
      request.control |= KVM_GUESTDBG_USE_HW;
      request.arch.dbg_wcr[0] = 0x1ff7;
      memcpy(&request.arch.dbg_wvr[0], ram + WATCH_POINTER, 8);
      break;
  }
  steps = 0;
  debug(cpu, &request);
}

static void mmio(int cpu, struct kvm_run *run) {
  uint64_t address = run->mmio.phys_addr, value = 0;
  if (!run->mmio.is_write) {
    uint64_t pattern = PATTERN;
    memcpy(run->mmio.data, (char *)&pattern + (address & 7), run->mmio.len);
    return;
  }
  memcpy(&value, run->mmio.data, run->mmio.len);
  if (address == CONSOLE)
    putchar(value);
  else if (address == COMMAND)
    guest_command(cpu, value);
  else
    printf("kvm: write of %u bytes at 0x%lx: 0x%lx\n", run->mmio.len, address, value);
}

/* A few steps are watched, then the guest goes on by itself. */
static void debug_exit(int cpu, struct kvm_run *run) {
  uint64_t pc = get_register(cpu, CORE(regs.pc)), target;
  memcpy(&target, ram + BREAK_POINTER, 8);
  int class = run->debug.arch.hsr >> 26;
  long offset = pc - (target - 4);
  int near = offset >= 0 && offset < 20;
  if (near) printf("kvm: debug exit 0x%x at stepped+%ld, x0 0x%lx\n", class, offset, get_register(cpu, CORE(regs.regs[0])));
  if ((class == 0x32 && near && offset < 16) || (class == 0x32 && !near && ++steps < 100)) return;
  struct kvm_guest_debug none = {.control = 0};
  debug(cpu, &none);
  if (class != 0x32) set_register(cpu, CORE(regs.regs[0]), get_register(cpu, CORE(regs.regs[0])) + 0x1000);
}

static void *run_vcpu(void *argument) {
  int cpu = (long)argument;
  struct kvm_run *run = runs[cpu];
  for (;;) {
    if (ioctl(vcpus[cpu], KVM_RUN, 0) < 0 && errno != EINTR) {
      printf("kvm: KVM_RUN of vCPU %d: %s, pc 0x%lx\n", cpu, strerror(errno), get_register(cpu, CORE(regs.pc)));
      exit(1);
    }
    switch (run->exit_reason) {
      case KVM_EXIT_MMIO:
        mmio(cpu, run);
        break;
      case KVM_EXIT_DEBUG:
        debug_exit(cpu, run);
        break;
      case KVM_EXIT_SYSTEM_EVENT:
        printf("kvm: system event %u\n", run->system_event.type);
        exit(run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN ? 0 : 1);
      case KVM_EXIT_INTR:
        break;
      default:
        printf("kvm: exit %u of vCPU %d at 0x%lx\n", run->exit_reason, cpu, get_register(cpu, CORE(regs.pc)));
        exit(1);
    }
  }
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  create();
  set_register(0, CORE(regs.pc), RAM);
  set_register(0, CORE(regs.regs[0]), 0);
  /* Nothing is run when a signal would be waiting: the caller is told at once. */
  runs[0]->immediate_exit = 1;
  printf("kvm: immediate exit %d\n", ioctl(vcpus[0], KVM_RUN, 0) < 0 ? errno : 0);
  runs[0]->immediate_exit = 0;
  pthread_t second;
  pthread_create(&second, NULL, run_vcpu, (void *)1);
  run_vcpu(0);
}
