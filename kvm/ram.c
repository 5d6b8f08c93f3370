/* SPDX-License-Identifier: BSD-2-Clause */
#include "kvm/ram.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/util.h"

#define STACK_SIZE (128 * KIB)

/* What a thread takes at once: small enough for progress to be seen, and for all to end together.
 */
#define CHUNK (32 * MIB)

static void *pages_map(size_t size, const struct ram_config *config, char why[WHY_SIZE])
{
	uint64_t huge = config->huge_page_size;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *hva;

	/* MAP_HUGETLB reserves now, so that a pool that is too small is found out here. */
	flags |= huge ? MAP_HUGETLB | (__builtin_ctzll(huge) << MAP_HUGE_SHIFT) : MAP_NORESERVE;
	/* NOLINTNEXTLINE(clang-analyzer-unix.StdCLibraryFunctions): @size is not 0 */
	hva = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (hva != MAP_FAILED)
		return hva;
	if (huge)
		refuse(why, -errno,
		       "hugepages=%s: cannot reserve %zu MiB of %llu MiB pages: %s; needed: echo "
		       "%zu >/sys/kernel/mm/hugepages/hugepages-%llukB/nr_hugepages (or more, if "
		       "others use them; posthorn check tells)%s",
		       huge == GIB ? "1G" : "on", (size_t)(size / MIB),
		       (unsigned long long)(huge / MIB), strerror(errno), (size_t)(size / huge),
		       (unsigned long long)(huge / KIB),
		       huge == GIB ? ", early: memory is soon in smaller pieces; or boot the host "
				     "with hugepagesz=1G hugepages=N"
				   : "");
	else
		refuse(why, -errno, "cannot map %zu MiB of guest memory: %s", (size_t)(size / MIB),
		       strerror(errno));
	return NULL;
}

/* Before the first page is there: it is the kernel that takes pages from the node. */
static int node_bind(void *hva, size_t size, const struct ram_config *config, char why[WHY_SIZE])
{
	unsigned long nodes[RAM_NODES_MAX / (8 * sizeof(long))] = { 0 };

	nodes[config->node / (8 * sizeof(long))] = 1UL << (config->node % (8 * sizeof(long)));
	/* Of the number of bits the kernel takes one away. */
	if (syscall(SYS_mbind, hva, size, MPOL_BIND, nodes, RAM_NODES_MAX + 1, 0) == 0)
		return 0;
	return refuse(why, -errno, "node=%u: mbind: %s%s", config->node, strerror(errno),
		      errno == EPERM	? "; a container forbids it (docker run --cap-add SYS_NICE)"
		      : errno == EINVAL ? "; the node has no memory that this process may use "
					  "(cpuset.mems)"
					: "; leave node= out");
}

/* What the threads share. */
struct prefault {
	char *hva;
	size_t size, chunk;
	atomic_size_t next; /* what no thread has taken yet */
	atomic_size_t done;
	atomic_int error; /* errno of one that failed */
};

/* Returns whether there was a piece that nobody had taken, and that could be had. */
static bool piece_populate(struct prefault *prefault)
{
	size_t at = atomic_fetch_add(&prefault->next, prefault->chunk), size;

	if (at >= prefault->size || atomic_load(&prefault->error))
		return false;
	size = min(prefault->chunk, prefault->size - at);
	if (madvise(prefault->hva + at, size, MADV_POPULATE_WRITE) < 0) {
		atomic_store(&prefault->error, errno);
		return false;
	}
	atomic_fetch_add(&prefault->done, size);
	return true;
}

static void *populate_thread(void *opaque)
{
	pthread_setname_np(pthread_self(), "prefault");
	while (piece_populate(opaque))
		;
	return NULL;
}

/* This thread does as much as the others: so one less. 0 or -errno. */
static int threads_start(struct prefault *prefault, unsigned int count, pthread_t *threads,
			 unsigned int *started)
{
	pthread_attr_t attributes;
	int error = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	for (*started = 0; *started + 1 < count && !error; *started += !error)
		error = pthread_create(&threads[*started], &attributes, populate_thread, prefault);
	pthread_attr_destroy(&attributes);
	return -error;
}

/*
 * The pages of a pool are reserved, but a control group may not let this process have them, which
 * is found when they are used: by then a failed access could only end the VM.
 */
static int populate_refuse(const struct ram_config *config, size_t size, int error,
			   char why[WHY_SIZE])
{
	unsigned long long mib = size / MIB, huge = config->huge_page_size;
	const char *pages = huge == GIB ? "1G" : "on";

	if (!huge)
		return refuse(why, -error,
			      "prefault=%u: %llu MiB of guest memory cannot be had: %s; use less "
			      "--memory",
			      config->prefault, mib, strerror(error));
	if (config->has_node)
		return refuse(why, -error,
			      "hugepages=%s: %llu MiB of %llu MiB pages are reserved, but cannot "
			      "be had of NUMA node %u: %s; most likely they are of other nodes: "
			      "echo %llu >/sys/devices/system/node/node%u/hugepages/"
			      "hugepages-%llukB/nr_hugepages",
			      pages, mib, huge / MIB, config->node, strerror(error), size / huge,
			      config->node, huge / KIB);
	return refuse(why, -error,
		      "hugepages=%s: %llu MiB of %llu MiB pages are reserved, but cannot be had: "
		      "%s; most likely a control group forbids it (hugetlb.%s.max): posthorn check "
		      "--memory %lluM,hugepages=%s",
		      pages, mib, huge / MIB, strerror(error), huge == GIB ? "1GB" : "2MB", mib,
		      pages);
}

static int populate(void *hva, size_t size, const struct ram_config *config, char why[WHY_SIZE])
{
	struct prefault prefault = { .hva = hva,
				     .size = size,
				     .chunk = max(CHUNK, config->huge_page_size) };
	pthread_t threads[RAM_THREADS_MAX];
	unsigned int started;
	int start_error, error;

	start_error =
		threads_start(&prefault, min(config->prefault, RAM_THREADS_MAX), threads, &started);
	if (start_error)
		atomic_store(&prefault.next, size);
	while (piece_populate(&prefault))
		if (config->progress)
			config->progress(config->opaque, atomic_load(&prefault.done), size);
	while (started)
		pthread_join(threads[--started], NULL);
	error = atomic_load(&prefault.error);
	if (error)
		return populate_refuse(config, size, error, why);
	if (start_error)
		return refuse(why, start_error, "prefault=%u: cannot start its threads: %s%s",
			      config->prefault, strerror(-start_error), error_remedy(-start_error));
	return 0;
}

void *ram_map(size_t size, const struct ram_config *config, char why[WHY_SIZE])
{
	void *hva = pages_map(size, config, why);
	int error = 0;

	if (!hva)
		return NULL;
	if (config->has_node)
		error = node_bind(hva, size, config, why);
	/* Two are advice: a kernel without them runs the guest all the same. */
	madvise(hva, size, MADV_DONTDUMP);
	if (!config->huge_page_size)
		madvise(hva, size, MADV_HUGEPAGE);
	if (!error && (config->prefault || config->huge_page_size))
		error = populate(hva, size, config, why);
	if (!error)
		return hva;
	munmap(hva, size);
	return NULL;
}
