/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before everything else (-include) when sources of arm64 are compiled for x86-64, where
 * the fuzzer runs: they are plain C, which asks for the architecture in guest/layout.h and the
 * like. The system's headers, which do need to know the processor, come first.
 */
#ifndef POSTHORN_TESTS_FUZZ_AS_ARM64_H
#define POSTHORN_TESTS_FUZZ_AS_ARM64_H

#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libfdt.h>
#include <limits.h>
#include <linux/kvm.h>
#include <linux/pci_regs.h>
#include <linux/serial_reg.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#undef __x86_64__
#define __aarch64__ 1

#endif
