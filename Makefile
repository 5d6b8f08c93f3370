# posthorn: see README.md. `make help` lists the targets.

ARCH   ?= x86_64
STATIC ?= 0
BUILD  ?= build/$(ARCH)$(if $(filter 1,$(STATIC)),-static)
PREFIX ?= /usr/local
CC     ?= gcc
IASL   ?= iasl

VERSION := 0.1.0

# ---- what is built -----------------------------------------------------------------------------

lib_objects     := lib/log.o lib/ioctl.o lib/file.o
kvm_objects     := kvm/vm.o kvm/vcpu.o kvm/irq.o kvm/$(ARCH).o
devices_objects := devices/bus.o devices/pci.o devices/serial.o devices/rtc.o devices/power.o
vfio_objects    := vfio/host_pci.o vfio/iommu.o vfio/device.o vfio/pci.o vfio/config.o vfio/bar.o \
                   vfio/msi.o
guest_objects   := guest/layout.o guest/image.o guest/acpi.o guest/boot_$(ARCH).o
vmm_objects     := vmm/main.o vmm/options.o vmm/commands.o vmm/run.o vmm/machine.o \
                   vmm/vcpu_loop.o vmm/console.o

objects := $(addprefix $(BUILD)/,$(lib_objects) $(kvm_objects) $(devices_objects) \
             $(vfio_objects) $(guest_objects) $(vmm_objects))

# ---- how ---------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wmissing-prototypes \
            -Wstrict-prototypes -Wvla -Werror
CFLAGS   ?= -O2 -g
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DPOSTHORN_VERSION='"$(VERSION)"'
all_cflags = -std=gnu11 $(WARNINGS) -pthread -fno-common -ffunction-sections -fdata-sections \
             $(CFLAGS) $(CPPFLAGS) -MMD -MP
all_ldflags = -pthread -Wl,--gc-sections $(LDFLAGS)
LIBS := -ljansson -lpci
ifeq ($(STATIC),1)
all_ldflags += -static
LIBS += -lz -lresolv
endif

.PHONY: all
all: $(BUILD)/posthorn ## build posthorn (ARCH=x86_64, STATIC=1 for a static program)

$(BUILD)/posthorn: $(objects)
	@echo "  LINK  $@"
	@$(CC) $(all_ldflags) -o $@ $^ $(LIBS)

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

.PHONY: clean
clean: ## remove everything that was built
	rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
