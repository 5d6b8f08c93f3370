# posthorn: see README.md. `make help` lists the targets.

machine := $(patsubst aarch64,arm64,$(shell uname -m))
ARCH   ?= $(machine)
STATIC ?= 0
BUILD  ?= build/$(ARCH)$(if $(filter 1,$(STATIC)),-static)
PREFIX ?= /usr/local
# Where shells look for completion.
BASH_COMPLETION ?= $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETION  ?= $(PREFIX)/share/zsh/site-functions
# And systemd for units.
SYSTEMD_UNITS   ?= $(PREFIX)/lib/systemd/system
IASL   ?= iasl

# Building for the other architecture takes a cross compiler, and unit tests run under emulation.
cross_x86_64 := x86_64-linux-gnu-
cross_arm64  := aarch64-linux-gnu-
CROSS  ?= $(if $(filter-out $(machine),$(ARCH)),$(cross_$(ARCH)))
ifeq ($(origin CC),default)
CC     := $(CROSS)gcc
endif
AR     := $(CROSS)ar

VERSION := 0.1.0

# ---- what is built -----------------------------------------------------------------------------

lib_objects     := lib/log.o lib/ioctl.o lib/file.o lib/cmdline.o
kvm_objects     := kvm/vm.o kvm/ram.o kvm/vcpu.o kvm/irq.o kvm/wire.o kvm/$(ARCH).o
devices_x86_64  := devices/rtc.o devices/power.o
devices_arm64   := devices/pl031.o
devices_objects := devices/bus.o devices/pci.o devices/serial.o $(devices_$(ARCH))
vfio_objects    := $(addprefix vfio/,bdf.o iommu.o iommufd.o type1.o vf_token.o device.o function.o config.o \
                     msix.o bar.o rom.o vga.o irqs.o reset.o)
guest_x86_64    := guest/acpi.o
guest_arm64     := guest/fdt.o
guest_objects   := guest/layout.o guest/image.o guest/image_$(ARCH).o guest/boot_$(ARCH).o \
                   $(guest_$(ARCH))
report_x86_64   := trace_x86_64.o irte_x86_64.o
vmm_objects     := vmm/options.o vmm/commands.o vmm/run_options.o vmm/descriptor.o vmm/run.o \
                   vmm/machine.o vmm/board_$(ARCH).o vmm/seccomp.o vmm/privileges.o vmm/vcpu_loop.o \
                   vmm/console.o vmm/progress.o vmm/relay/relay.o $(addprefix vmm/timeline/,timeline.o command.o) \
                   $(addprefix vmm/host/,sysfs.o resources.o capabilities.o affinity.o idle_$(ARCH).o gnuplot.o lock.o node.o kernel.o devices.o \
                     bind.o owner.o in_use.o variant.o names_$(if $(filter 1,$(STATIC)),none,libpci).o) \
                   $(addprefix vmm/check/,check.o $(ARCH).o cgroup.o function.o registers.o map.o latency.o print.o) \
                   $(addprefix vmm/info/,info.o print.o capabilities.o) \
                   $(addprefix vmm/report/,report.o watch.o verdict.o host_irq.o posting.o \
                     posting_$(ARCH).o $(report_$(ARCH))) \
                   $(addprefix vmm/latency/,latency.o options.o program.o vm.o \
                     instruments.o doorbell.o probe.o kvm_stats.o result.o host.o output.o files.o \
                     run.o read.o json.o stats.o format.o compare.o plot.o ratios.o page.o)

objects := $(addprefix $(BUILD)/,$(lib_objects) $(kvm_objects) $(devices_objects) \
             $(vfio_objects) $(guest_objects) $(vmm_objects))

# Tests link with all of posthorn as an archive, of which the linker takes what is missing: a fake
# that is named here comes before it and so stands in for the real thing.
unit_tests_x86_64 := rtc power layout_x86_64 image_x86_64 acpi boot_x86_64 posting_x86_64 \
                     trace_x86_64 irte_x86_64
unit_tests_arm64  := pl031 layout_arm64 image_arm64 fdt boot_arm64 posting_arm64 arm64
unit_tests := log file progress ram bus pci pci_bars serial serial_threads image routes relay doorbell seccomp \
              options options_latency host_kernel sysfs in_use bind host_irq irq_verdict irq_watch \
              irq_report kvm_stats config config_capabilities config_malformed irqs irqs_failures \
              irqs_relay bar rom vga iommu assigned function_locks reset hot_reset device_events check check_cgroup \
              check_function check_latency affinity timeline info latency_host latency_igb latency_result histogram latency_read \
              latency_json latency_stats \
              latency_format latency_compare latency_plot latency_ratios latency_page latency_files $(unit_tests_$(ARCH))
unit_fakes_image     := fake_ram
unit_fakes_image_$(ARCH) := fake_ram
unit_fakes_boot_$(ARCH) := fake_ram
unit_fakes_sysfs     := host_tree
unit_fakes_in_use    := host_tree
unit_fakes_check     := host_tree
unit_fakes_check_cgroup := host_tree
unit_fakes_check_function := host_tree
unit_fakes_check_latency := host_tree
unit_fakes_bind      := host_tree
$(foreach test,config config_capabilities config_malformed irqs irqs_failures irqs_relay irq_watch bar \
		rom vga assigned function_locks reset info device_events, \
	$(eval unit_fakes_$(test) := fake_vfio fake_kvm fake_devices))
unit_fakes_doorbell  := fake_kvm
unit_fakes_iommu     := fake_iommu
unit_flags_posting_arm64 := -Wl,--wrap=opendir
unit_flags_arm64 := -Wl,--wrap=ioctl_named
$(foreach test,host_irq latency_host posting_arm64, \
	$(eval unit_fakes_$(test) := host_tree) \
	$(eval unit_flags_$(test) += -Wl,--wrap=file_write_text))
$(foreach test,posting_x86_64 trace_x86_64, \
	$(eval unit_fakes_$(test) := host_tree fake_tracefs))
unit_flags_trace_x86_64 := -Wl,--wrap=mkdir,--wrap=rmdir
unit_flags_posting_x86_64 := -Wl,--wrap=mkdir,--wrap=rmdir,--wrap=vfio_region_read
unit_fakes_irte_x86_64 := host_tree
unit_flags_hot_reset := -Wl,--wrap=ioctl_named,--wrap=access
unit_flags_kvm_stats := -Wl,--wrap=ioctl_named
unit_flags_latency_result := -Wl,--wrap=stats_read,--wrap=host_irqs_read
unit_flags_routes    := -Wl,--wrap=ioctl_named
unit_flags_relay     := -Wl,--wrap=ioctl_named,--wrap=pthread_create,--wrap=realloc
unit_flags_host_kernel := -Wl,--wrap=access
unit_flags_sysfs     := -Wl,--wrap=file_write_text
unit_flags_in_use    := -Wl,--wrap=file_write_text
unit_flags_check := -Wl,--wrap=file_write_text,--wrap=ioctl_named,--wrap=host_lock_limit,--wrap=access
unit_flags_check_cgroup := -Wl,--wrap=file_write_text,--wrap=access
unit_flags_check_function := -Wl,--wrap=file_write_text,--wrap=access
unit_flags_check_latency := -Wl,--wrap=file_write_text,--wrap=access
comma := ,
unit_flags_ram := $(addprefix -Wl$(comma)--wrap=,mmap munmap madvise pthread_create syscall)
unit_flags_progress := -Wl,--wrap=isatty,--wrap=clock_gettime,--wrap=log_text
unit_flags_affinity := $(addprefix -Wl$(comma)--wrap=,sched_setaffinity sched_getaffinity getrlimit setrlimit access \
                         file_read_text)
unit_flags_irq_watch := -Wl,--wrap=host_irqs_read,--wrap=calloc
fake_iommu_calls := open close readlink ioctl_named ioctl_grown_named iommu_device_file_find vm_vfio_add
unit_flags_iommu     := $(fake_iommu_calls:%=-Wl,--wrap=%)
unit_flags_file      := -Wl,--wrap=write,--wrap=close
unit_flags_bind      := -Wl,--wrap=file_write_text,--wrap=open,--wrap=chown

kvm_tests_x86_64 := irqfd memslot relay vcpu
kvm_tests := $(kvm_tests_$(ARCH))
payloads_x86_64 := $(addsuffix _x86_64,inhibits pci_ports reset_vector serial_string smi \
                     triple_fault unassigned vga)
payloads  := agent bars cpus edu faults hello hostile latency memory pci_scan pci_view reset \
             serial_echo serial_output stuck unassigned $(payloads_$(ARCH))

unit_programs := $(unit_tests:%=$(BUILD)/tests/unit/%_test)

# ---- how ---------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wmissing-prototypes \
            -Wstrict-prototypes -Wvla -Werror $(if $(findstring clang,$(CC)),-Wthread-safety)
CFLAGS   ?= -O2 -g
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DPOSTHORN_VERSION='"$(VERSION)"'
all_cflags = -std=gnu11 $(WARNINGS) -pthread -fno-common -ffunction-sections -fdata-sections \
             $(CFLAGS) $(CPPFLAGS) -MMD -MP
all_ldflags = -pthread -Wl,--gc-sections $(if $(filter 1,$(STATIC)),-static) $(LDFLAGS)
libs_arm64 := -lfdt -lz
LIBS := -ljansson -lseccomp -lm $(if $(filter 1,$(STATIC)),,-lpci) $(libs_$(ARCH))

.PHONY: all
all: $(BUILD)/posthorn ## build posthorn (STATIC=1: a static program)

$(BUILD)/posthorn: $(BUILD)/vmm/main.o $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(LIBS)

$(BUILD)/posthorn.a: $(objects)
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	@$(CC) $(all_cflags) -c -o $@ $<

# The DSDT as an array, and the offset in it that guest/acpi.c fills in for each VM.
$(BUILD)/guest/dsdt.h: guest/dsdt.asl
	@echo "  IASL  $<"
	@mkdir -p $(@D)
	@$(IASL) -we -so -tc -p $(BUILD)/guest/dsdt $< >$(BUILD)/guest/dsdt.log 2>&1 || \
		{ cat $(BUILD)/guest/dsdt.log; exit 1; }
	@sed 's/^unsigned char/static const &/' $(BUILD)/guest/dsdt.hex >$@
	@sed -n 's/.*PCI0\.M64W",.* 0x8A, \(0x[0-9A-F]*\),.*/#define DSDT_WINDOW64 \1/p' \
		$(BUILD)/guest/dsdt.offset.h >>$@
$(BUILD)/guest/acpi.o: $(BUILD)/guest/dsdt.h

# The names of system calls by their numbers.
$(BUILD)/vmm/syscall_names.h: Makefile
	@mkdir -p $(@D)
	@echo '#include <sys/syscall.h>' | $(CC) $(CPPFLAGS) -E -dM - >$@.macros
	@sed -n -e '/__NR_\(syscalls\|arch_specific\)/d' \
		-e 's/^#define __NR_\([a-z][a-z0-9_]*\) .*/[__NR_\1] = "\1",/p' $@.macros >$@
$(BUILD)/vmm/seccomp.o: $(BUILD)/vmm/syscall_names.h

# ---- the guest ---------------------------------------------------------------------------------

# The tiny guest's initramfs, with drivers of the lab's kernel.
.PHONY: guest
guest: $(BUILD)/guest/guest.cpio.gz $(BUILD)/guest/minimal.cpio.gz

guest_build = guest/linux/build --busybox "$$(scripts/lab.d/root $(ARCH))/bin/busybox"

$(BUILD)/guest/guest.cpio.gz: guest/linux/build guest/linux/init guest/linux/net-up
	@echo "  GUEST $@"
	@mkdir -p $(@D)
	@$(guest_build) $@ "$$(scripts/lab.d/kernel $(ARCH))"

$(BUILD)/guest/minimal.cpio.gz: guest/linux/build
	@echo "  GUEST $@"
	@mkdir -p $(@D)
	@$(guest_build) --minimal $@

# Bare-metal programs: no library, no vector registers (a CPU without hardware virtualization can
# run them through KVM's emulator). x86-64: an ELF image at a fixed address, with PVH's entry; arm64:
# an Image, for any address, which reads the device tree with libfdt.
payload_cflags_x86_64 := -fno-pic -fcf-protection=none -mno-red-zone
payload_cflags_arm64  := -fpie -fvisibility=hidden -mno-outline-atomics
payload_link_x86_64   := -static
payload_link_arm64    := -static-pie -Wl,-z,text,--no-warn-rwx-segments
payload_libs_arm64    := -lfdt
payload_parts_arm64   := gic_arm64.o fdt_arm64.o
payload_kind_x86_64   := elf
payload_kind_arm64    := image

payload_cflags = -std=gnu11 -O2 -g $(WARNINGS) -I. -ffreestanding -fno-stack-protector \
                 -fno-asynchronous-unwind-tables -mgeneral-regs-only $(payload_cflags_$(ARCH)) \
                 -MMD -MP
payload_runtime := $(addprefix $(BUILD)/guest/payload/,start_$(ARCH).o payload.o pci.o \
                     payload_$(ARCH).o $(payload_parts_$(ARCH)))
payload_elfs     := $(payloads:%=$(BUILD)/guest/payload/%.elf)
payload_programs := $(payloads:%=$(BUILD)/guest/payload/%.$(payload_kind_$(ARCH)))

$(BUILD)/guest/payload/%.o: guest/payload/%.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	@$(CC) $(payload_cflags) -c -o $@ $<

$(BUILD)/guest/payload/%.o: guest/payload/%.S
	@echo "  AS    $<"
	@mkdir -p $(@D)
	@$(CC) $(payload_cflags) -c -o $@ $<

$(BUILD)/guest/payload/latency.elf: $(addprefix $(BUILD)/guest/payload/,latency_many.o msix.o source_edu.o \
                     source_e1000e.o source_e1000e_traffic.o e1000e_loopback.o load.o source_igb.o source_igb_traffic.o \
                     source_eventfd.o)

$(BUILD)/guest/payload/inhibits_x86_64.elf: $(BUILD)/guest/payload/source_edu.o

$(BUILD)/guest/payload/hostile.elf: $(addprefix $(BUILD)/guest/payload/,hostile_random.o \
                     hostile_$(ARCH).o)

$(payload_elfs): %.elf: $(payload_runtime) %.o guest/payload/link_$(ARCH).ld
	@echo "  LINK  $@"
	@$(CC) -nostdlib $(payload_link_$(ARCH)) -Wl,-T,guest/payload/link_$(ARCH).ld \
		-Wl,--build-id=none -Wl,-z,noexecstack -o $@ $(filter %.o,$^) \
		$(payload_libs_$(ARCH))

%.image: %.elf
	@echo "  IMAGE $@"
	@$(CROSS)objcopy -O binary $< $@

# To be installed, without what only a debugger wants.
payload_strip = $(if $(filter elf,$(payload_kind_$(ARCH))),$(CROSS)objcopy --strip-all,cp)

# The one that is part of posthorn.
$(BUILD)/vmm/latency/program.bin: $(BUILD)/guest/payload/latency.$(payload_kind_$(ARCH))
	@mkdir -p $(@D)
	@$(payload_strip) $< $@

$(BUILD)/vmm/latency/program.o: vmm/latency/program.S $(BUILD)/vmm/latency/program.bin
	@echo "  AS    $<"
	@$(CC) $(all_cflags) -Wa,-I$(BUILD) -c -o $@ $<

# ---- tests -------------------------------------------------------------------------------------

.SECONDEXPANSION:
$(unit_programs): $(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o \
		$$(foreach fake,$$(unit_fakes_$$*),$(BUILD)/tests/unit/$$(fake).o) $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) $(unit_flags_$*) -o $@ $^ -lcmocka $(LIBS)

$(kvm_tests:%=$(BUILD)/tests/kvm/%_test): %_test: %_test.o $(BUILD)/tests/kvm/guest.o \
		$(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ -lcmocka $(LIBS)

$(BUILD)/tests/kvm/irqs_bench: $(BUILD)/tests/kvm/irqs_bench.o $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -Wl,--wrap=ioctl_named,--wrap=eventfd_signal -o $@ $^ $(LIBS)

$(BUILD)/tests/kvm/pty: $(BUILD)/tests/kvm/pty.o $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ -lutil

# Looks at screenshots.
$(BUILD)/tests/lab/picture: $(BUILD)/tests/lab/picture.o
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^

# Has a physical function whose virtual functions take a token.
$(BUILD)/tests/lab/pf_holder: $(BUILD)/tests/lab/pf_holder.o $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(LIBS)

# The rows of the seccomp tables, for the tests that compare them with what a VM really called.
$(BUILD)/tests/seccomp_rows: $(BUILD)/tests/seccomp_rows.o $(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -o $@ $^ $(LIBS)

# All of posthorn, with the calls that can fail in the hands of tests/fault/fault.c.
fault_calls := ioctl ioctl_named ioctl_grown_named open close read write pread pwrite fopen opendir \
               readlink realpath mmap munmap madvise malloc calloc realloc open_memstream free \
               pthread_create eventfd signalfd epoll_create1 epoll_ctl pipe2 fork tcsetattr \
               irq_gsi_alloc irq_gsi_free machine_cleanup syscall prctl \
               seccomp_api_get seccomp_init seccomp_load

$(BUILD)/tests/fault/posthorn: $(BUILD)/vmm/main.o $(BUILD)/tests/fault/fault.o \
		$(BUILD)/posthorn.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) $(fault_calls:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

.PHONY: fault-programs
fault-programs: $(BUILD)/tests/fault/posthorn

.PHONY: kvm-programs
kvm-programs: $(BUILD)/posthorn $(payload_programs) $(BUILD)/tests/kvm/pty \
		$(BUILD)/tests/seccomp_rows $(BUILD)/tests/lab/picture \
		$(BUILD)/tests/lab/pf_holder $(kvm_tests:%=$(BUILD)/tests/kvm/%_test)

.PHONY: unit-programs
unit-programs: $(unit_programs)

# The unit tests, and what makes each call fail once, with the sanitizers.
# (Under emulation the address sanitizer makes some tests hundreds of times slower.)
SANITIZE := -O1 -g -fsanitize=undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
ifeq ($(CROSS),)
SANITIZE += -fsanitize=address
endif

.PHONY: check
check: ## run every test: style, analysis, unit, fuzzers' inputs, kvm, faults, lab
	@tests/check

.PHONY: sanitized
sanitized:
	@$(MAKE) --no-print-directory unit-programs fault-programs BUILD=build/$(ARCH)-sanitize \
		CFLAGS="$(SANITIZE)" $(if $(CROSS),LDFLAGS=-static-libubsan)

.PHONY: unit
unit: sanitized ## build and run the unit tests only, with the sanitizers
	@tests/run --arch $(ARCH) $(unit_tests:%=build/$(ARCH)-sanitize/tests/unit/%_test)

# The order of locks, and what threads share, where there is more than one thread.
thread_tests := function_locks serial_threads relay ram
.PHONY: thread-tests
thread-tests:
	@$(MAKE) --no-print-directory $(thread_tests:%=build/$(machine)-threads/tests/unit/%_test) \
		ARCH=$(machine) BUILD=build/$(machine)-threads CFLAGS="-O1 -g -fsanitize=thread"

.PHONY: coverage
coverage: ## lines that the unit tests reach, by folder
	@$(MAKE) --no-print-directory unit-programs ARCH=$(machine) CC=clang BUILD=build/$(machine)-coverage \
		CFLAGS="-O1 -g -Wno-gnu -fprofile-instr-generate -fcoverage-mapping"
	@scripts/coverage $(unit_tests:%=build/$(machine)-coverage/tests/unit/%_test)

.PHONY: analysis
analysis: ## look for mistakes with clang-tidy, cppcheck and gcc's analyzer
	@scripts/check-analysis

.PHONY: claims
claims: ## list what is claimed, and the commands that show each
	@scripts/claims list

.PHONY: demo
demo: ## boot guests with an assigned network card in the lab, and show their interrupts
	@$(MAKE) --no-print-directory ARCH=x86_64 all guest
	@$(MAKE) --no-print-directory ARCH=arm64 all guest
	@scripts/demo-run

.PHONY: demo-display
demo-display: ## what a guest's Linux shows on an assigned graphics card, as build/demo/display.png
	@$(MAKE) --no-print-directory ARCH=x86_64 all guest
	@$(MAKE) --no-print-directory ARCH=arm64 all guest
	@scripts/demo-display

.PHONY: large-bars
large-bars: ## what a start takes of the CPU with a BAR of 64 GiB, and with 256 MiB
	@$(MAKE) --no-print-directory ARCH=x86_64 all guest kvm-programs
	@scripts/lab x86_64 --icount --device pci-testdev,membar=256M --device pci-testdev,membar=8G \
		--device pci-testdev,membar=64G -- scripts/lab.d/large-bars

.PHONY: mutations
mutations: all guest kvm-programs ## mistakes in the machine that posts, which its tests must see: takes an hour
	@scripts/mutations

.PHONY: matrix
matrix: ## the lab's core tests on kernels 6.1, 6.12 and 7 and two emulators: takes an hour
	@scripts/matrix

.PHONY: hostile
hostile: ## 10 million operations of a hostile guest: HOSTILE_OPERATIONS=N HOSTILE_SEED=N
	@$(MAKE) --no-print-directory ARCH=x86_64 all guest kvm-programs
	@$(MAKE) --no-print-directory ARCH=arm64 all guest kvm-programs
	@scripts/hostile

.PHONY: soak
soak: ## start, use and stop a VM 1,000 times, and compare the host: SOAK_CYCLES=N SOAK_POSTING=on
	@$(MAKE) --no-print-directory all guest
	@scripts/soak

.PHONY: bench
bench: all guest ## compare with QEMU in the lab's deterministic mode
	@$(MAKE) --no-print-directory STATIC=1 all
	@scripts/bench

.PHONY: bench-latency
bench-latency: ## interrupt latency: bare metal, posthorn and QEMU, in the deterministic mode
	@$(MAKE) --no-print-directory ARCH=x86_64 all guest
	@$(MAKE) --no-print-directory ARCH=arm64 all guest
	@scripts/bench-latency

.PHONY: bench-start
bench-start: all kvm-programs ## what starts of large guests take: needs /dev/kvm, and the lab for QEMU
	@scripts/bench-start

.PHONY: bench-irqs
bench-irqs: $(BUILD)/tests/kvm/irqs_bench ## what many interrupts of a device cost to connect: needs /dev/kvm
	@$<

# ---- fuzzing -----------------------------------------------------------------------------------

# By libFuzzer, which comes with clang, on x86-64. What is particular to arm64 is plain C and is
# fuzzed there too (tests/fuzz/as_arm64.h); its header of libfdt is that of the cross build, the
# library this machine's. A target TARGET_x86_64 or TARGET_arm64 is made of TARGET_fuzz.c.
fuzz_targets_x86_64 := config irqs bar rom vga iommu image_x86_64 acpi serial rtc options latency_read latency_json timeline \
                       host_text_x86_64 irq_evidence_x86_64
fuzz_targets_arm64  := image_arm64 fdt pl031 host_text_arm64
fuzz_x86_64  := $(lib_objects) $(kvm_objects) $(devices_objects) $(vfio_objects) $(guest_objects) \
                $(vmm_objects)
fuzz_arm64   := $(lib_objects) $(devices_objects) $(guest_objects) \
                $(addprefix vmm/report/,posting.o posting_arm64.o host_irq.o)
# What stands in for the rest, and the linker's flags for it.
$(foreach target,config irqs bar vga, \
	$(eval fuzz_parts_$(target) := tests/fuzz/fuzz_host.o tests/fuzz/fuzz_device.o) \
	$(eval fuzz_flags_$(target) := $(addprefix -Wl$(comma)--wrap=,log_write die exit mmap calloc \
		fd_close eventfd_create eventfd_signal eventfd_take eventfd_pending)))
$(foreach target,image_x86_64 image_arm64 acpi, \
	$(eval fuzz_parts_$(target) := tests/unit/fake_ram.o))
fuzz_flags_serial := -Wl,--wrap=eventfd_signal
fuzz_parts_iommu  := tests/unit/fake_iommu.o
fuzz_flags_iommu  := $(fake_iommu_calls:%=-Wl,--wrap=%)
fuzz_flags_timeline := -Wl,--wrap=log_write
fuzz_libs_x86_64 := $(LIBS)
fuzz_libs_arm64  := -l:libfdt.so.1 -lz
fuzz_cflags_arm64 := -include tests/fuzz/as_arm64.h
fuzz_programs := $(fuzz_targets_$(ARCH):%=$(BUILD)/tests/fuzz/%_fuzz)

$(BUILD)/fuzz.a: $(addprefix $(BUILD)/,$(fuzz_$(ARCH)))
	@rm -f $@
	@$(AR) rcs $@ $^

$(fuzz_programs): $(BUILD)/tests/fuzz/%_fuzz: \
		$$(BUILD)/tests/fuzz/$$(subst _$$(ARCH),,$$*)_fuzz.o \
		$$(addprefix $$(BUILD)/,$$(fuzz_parts_$$*)) $$(BUILD)/fuzz.a
	@echo "  LINK  $@"
	@$(CC) $(all_cflags) $(all_ldflags) -fsanitize=fuzzer $(fuzz_flags_$*) -o $@ $^ $(fuzz_libs_$(ARCH))

.PHONY: fuzz-link
fuzz-link: $(fuzz_programs)

FUZZ_SECONDS ?= 60
FUZZ_SANITIZE := -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all \
                 -fsanitize=fuzzer-no-link,address,undefined,float-cast-overflow
FUZZ_COVERAGE := -O1 -g -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping
# Of the architecture $(1), in the directory $(2), with the flags $(3).
fuzz_make = $(MAKE) --no-print-directory fuzz-link ARCH=$(1) CROSS= CC=clang BUILD=$(2)/$(1) \
            CFLAGS="$(3) $(fuzz_cflags_$(1))"

.PHONY: fuzz-programs
fuzz-programs:
	+@$(call fuzz_make,x86_64,build/fuzz,$(FUZZ_SANITIZE))
	+@$(call fuzz_make,arm64,build/fuzz,$(FUZZ_SANITIZE))

.PHONY: fuzz
fuzz: fuzz-programs ## fuzz: FUZZ_SECONDS=60 FUZZ_RUNS=N FUZZ_TARGETS="..." FUZZ_JOBS=N FUZZ_JSON=FILE
	@scripts/fuzz run --seconds $(FUZZ_SECONDS) $(FUZZ_RUNS:%=--runs %) $(FUZZ_JOBS:%=--jobs %) \
		$(FUZZ_JSON:%=--json %) $(FUZZ_TARGETS)

.PHONY: fuzz-replay
fuzz-replay: fuzz-programs ## run the fuzzers' seeds and all inputs that once were findings
	@scripts/fuzz replay $(FUZZ_TARGETS)

.PHONY: fuzz-coverage
fuzz-coverage: ## lines that the fuzzers' inputs reach, by directory
	+@$(call fuzz_make,x86_64,build/fuzz-coverage,$(FUZZ_COVERAGE))
	+@$(call fuzz_make,arm64,build/fuzz-coverage,$(FUZZ_COVERAGE))
	@scripts/fuzz coverage $(FUZZ_TARGETS)

# ---- the rest ----------------------------------------------------------------------------------

$(BUILD)/posthorn.1: docs/posthorn.1.scd
	@echo "  SCDOC $<"
	@mkdir -p $(@D)
	@scdoc <$< >$@

.PHONY: install
install: all $(BUILD)/posthorn.1 ## install below PREFIX (/usr/local), with DESTDIR before it
	install -D -m 755 $(BUILD)/posthorn $(DESTDIR)$(PREFIX)/bin/posthorn
	install -D -m 644 $(BUILD)/posthorn.1 $(DESTDIR)$(PREFIX)/share/man/man1/posthorn.1
	install -D -m 644 completion/posthorn.bash $(DESTDIR)$(BASH_COMPLETION)/posthorn
	install -D -m 644 completion/_posthorn $(DESTDIR)$(ZSH_COMPLETION)/_posthorn
	install -D -m 644 systemd/posthorn@.service $(DESTDIR)$(SYSTEMD_UNITS)/posthorn@.service

# What the nested lab consists of: scripts, what the tiny guest is made from, and bare-metal guests.
lab_files := scripts/lab \
             $(addprefix scripts/lab.d/,build-emulator build-kernel emulator init kernel root) \
             scripts/lab.d/qemu/apply-hooks $(addprefix guest/linux/,build init net-up)
lab_texts := scripts/lab.d/common \
             $(addprefix scripts/lab.d/qemu/,amd_fch.c amd_iommu_gam.c.inc avic.c avic.h devices.mak \
             hooks)

.PHONY: install-lab
install-lab: $(payload_programs) ## install the nested lab as posthorn-lab, below PREFIX
	for file in $(lab_files); do \
		install -D $$file $(DESTDIR)$(PREFIX)/share/posthorn-lab/$$file || exit; \
	done
	for file in $(lab_texts); do \
		install -D -m 644 $$file $(DESTDIR)$(PREFIX)/share/posthorn-lab/$$file || exit; \
	done
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/lib/posthorn-lab
	for file in $(payload_programs); do \
		$(payload_strip) $$file $(DESTDIR)$(PREFIX)/lib/posthorn-lab/$${file##*/} || exit; \
	done
	chmod 644 $(DESTDIR)$(PREFIX)/lib/posthorn-lab/*
	ln -sf ../share/posthorn-lab/scripts/lab $(DESTDIR)$(PREFIX)/bin/posthorn-lab
	help2man --no-info --section=1 --version-string=$(VERSION) --include=docs/posthorn-lab.h2m \
		--name='run a command on a machine with KVM, VFIO, an IOMMU and PCI devices' \
		$(DESTDIR)$(PREFIX)/bin/posthorn-lab | sed 's|$(DESTDIR)||g; /^\.TH/a .ds AD l\n.ad l' \
		>$(DESTDIR)$(PREFIX)/share/man/man1/posthorn-lab.1

.PHONY: dist
dist: ## the source as build/posthorn-VERSION.tar.gz, the same bytes each time
	@scripts/dist $(VERSION)

# For both architectures where that can be, unless one is asked for.
.PHONY: deb
deb: dist ## Debian packages in build/, for x86-64 and arm64, or with ARCH for one of them
	@scripts/deb $(VERSION) $(if $(filter file,$(origin ARCH)),$(sort $(machine) arm64),$(ARCH))

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | \
		expand -t 22

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
