/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/bind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "vfio/sysfs.h"
#include "vmm/commands.h"
#include "vmm/host/in_use.h"

/* What a function had before host_pci_bind(); "" for none. */
struct former {
	char driver[32], override[64];
};

static int exit_code_explain(int error, const char *action, const char *path)
{
	if (error == -EACCES || error == -EPERM)
		log_error("no permission to %s %s: run as root", action, path);
	else
		log_error("cannot %s %s: %s", action, path, strerror(-error));
	return EXIT_HOST;
}

/* Write @text to an attribute. 0, or EXIT_HOST after a message. */
static int attribute_write(const char *path, const char *text)
{
	int error = file_write_text(path, text);

	return error ? exit_code_explain(error, "write", path) : 0;
}

/* "" when the function has no driver, or is gone. */
static void driver_read(const char *root, const char *bdf, char *driver, size_t size)
{
	struct host_pci pci;

	driver[0] = '\0';
	if (host_pci_read(root, bdf, &pci) == 0)
		snprintf(driver, size, "%s", pci.driver);
}

/* ---- the override ---- */

static void override_path_set(char path[PATH_MAX], const char *root, const char *bdf)
{
	snprintf(path, PATH_MAX, "%s/sys/bus/pci/devices/%s/driver_override", root, bdf);
}

static void override_read(const char *root, const char *bdf, char *override, size_t size)
{
	char path[PATH_MAX];

	override_path_set(path, root, bdf);
	if (file_read_text(path, override, size) < 0 || !strcmp(override, "(null)"))
		override[0] = '\0';
}

/* An empty @driver clears the override: the kernel takes a bare newline for that. */
static int override_write(const char *root, const char *bdf, const char *driver)
{
	char path[PATH_MAX];

	override_path_set(path, root, bdf);
	return attribute_write(path, driver[0] ? driver : "\n");
}

/* ---- what is remembered ---- */

static void former_path_set(char path[PATH_MAX], const char *root, const char *bdf)
{
	snprintf(path, PATH_MAX, "%s/run/posthorn/%s", root, bdf);
}

static void former_forget(const char *root, const char *bdf)
{
	char path[PATH_MAX];

	former_path_set(path, root, bdf);
	unlink(path);
}

/* Returns whether something is remembered. */
static bool former_read(const char *root, const char *bdf, struct former *former)
{
	char path[PATH_MAX], text[sizeof(*former)];
	const char *end;

	*former = (struct former){ .driver = "" };
	former_path_set(path, root, bdf);
	if (file_read_text(path, text, sizeof(text)) < 0)
		return false;
	end = strchrnul(text, '\n');
	if (!memchr(text, '/', (size_t)(end - text)))
		snprintf(former->driver, sizeof(former->driver), "%.*s", (int)(end - text), text);
	if (*end)
		snprintf(former->override, sizeof(former->override), "%s", end + 1);
	return true;
}

/* Two lines, the second only if there was an override. 0, or EXIT_HOST after a message. */
static int former_remember(const char *root, const char *bdf, const struct former *former)
{
	char path[PATH_MAX], text[sizeof(*former)];
	int fd, error;

	snprintf(path, sizeof(path), "%s/run/posthorn", root);
	if (mkdir(path, 0755) && errno != EEXIST)
		return exit_code_explain(-errno, "make the directory", path);
	former_path_set(path, root, bdf);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return exit_code_explain(-errno, "write", path);
	snprintf(text, sizeof(text), "%s%s%s", former->driver, former->override[0] ? "\n" : "",
		 former->override);
	error = fd_write_all(fd, text, strlen(text));
	close(fd);
	return error ? exit_code_explain(error, "write", path) : 0;
}

/* Did a bind of the function @pci end in the middle? Then what it had before is remembered. */
static bool is_half_bound(const char *root, const struct host_pci *pci, struct former *former)
{
	char override[sizeof(former->override)];

	override_read(root, pci->bdf, override, sizeof(override));
	return !strcmp(override, HOST_PCI_VFIO) && former_read(root, pci->bdf, former) &&
	       (!pci->driver[0] || !strcmp(pci->driver, former->driver));
}

/* ---- the steps of bind and unbind ---- */

/* Take the function from the driver that it has. */
static int driver_leave(const char *root, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver/unbind", root, bdf);
	return attribute_write(path, bdf);
}

/* Let the kernel look for a driver; the override decides if there is one. 0 or -errno. */
static int driver_probe(const char *root, const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers_probe", root);
	return file_write_text(path, bdf);
}

/*
 * Give a function without a driver to @former, or let the kernel choose when that is "" or does not
 * take it. Returns whether it ended up there, after a message if not.
 */
static bool driver_restore(const char *root, const char *bdf, const char *former)
{
	char path[PATH_MAX], driver[32];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/%s/bind", root, former);
	if (!former[0] || file_write_text(path, bdf))
		driver_probe(root, bdf);
	driver_read(root, bdf, driver, sizeof(driver));
	if (!former[0] || !strcmp(driver, former))
		return true;
	log_error("%s does not take %s back: modprobe %s, then echo %s >%s", former, bdf, former,
		  bdf, path);
	return false;
}

/*
 * Give a function without a driver what it had. 0, or EXIT_HOST after a message. An override may
 * name another driver than the one that the function had: that one takes it only while it does not.
 */
static int former_restore(const char *root, const char *bdf, const struct former *former)
{
	bool differs = former->override[0] && former->driver[0] &&
		       strcmp(former->override, former->driver);
	int code;

	code = override_write(root, bdf, differs ? former->driver : former->override);
	if (code)
		return code;
	if (!driver_restore(root, bdf, former->driver))
		code = EXIT_HOST;
	if (differs && override_write(root, bdf, former->override))
		code = EXIT_HOST;
	return code;
}

/* Run modprobe and wait for it. Whether the driver is there then is what tells of its success. */
static void modprobe_run(const char *module)
{
	char command[] = "modprobe", name[32];
	char *const arguments[] = { command, name, NULL };
	pid_t pid;

	snprintf(name, sizeof(name), "%s", module);
	if (posix_spawnp(&pid, command, NULL, NULL, arguments, environ))
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* See to it that the driver vfio-pci is there. 0, or EXIT_HOST after a message. */
static int vfio_pci_load(const char *root)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers/" HOST_PCI_VFIO, root);
	if (access(path, F_OK))
		modprobe_run(HOST_PCI_VFIO);
	if (!access(path, F_OK))
		return 0;
	log_error("the kernel's driver " HOST_PCI_VFIO " is not there and `modprobe " HOST_PCI_VFIO
		  "` does not load it: install the module (CONFIG_VFIO_PCI) of the running kernel");
	return EXIT_HOST;
}

/* Have the kernel probe a function whose override is vfio-pci. 0, or EXIT_HOST after a message. */
static int vfio_pci_probe(const char *root, const char *bdf)
{
	char driver[32];
	int error;

	/* Older kernels return 0 here though the driver's probe failed: the link is what counts. */
	error = driver_probe(root, bdf);
	driver_read(root, bdf, driver, sizeof(driver));
	if (!strcmp(driver, HOST_PCI_VFIO))
		return 0;
	if (error == -EINVAL)
		log_error(HOST_PCI_VFIO " refuses %s, as it does where no IOMMU guards "
					"it: " HOST_PCI_NO_IOMMU_REMEDY,
			  bdf);
	else
		log_error(HOST_PCI_VFIO
			  " does not take %s (%s): the kernel's log, `dmesg`, says why",
			  bdf, error ? strerror(-error) : "its probe failed");
	return EXIT_HOST;
}

/*
 * Is a guest, or another user of VFIO, at work in the group? The kernel lets a group be open only
 * once, so another open of it fails with EBUSY. (Nothing is written: the text is empty.)
 */
static bool group_is_open(const char *root, int iommu_group)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dev/vfio/%d", root, iommu_group);
	return file_write_text(path, "") == -EBUSY;
}

/* A driver may take seconds to let a function go: what ends posthorn waits until all is done. */
static void signals_hold(sigset_t *before)
{
	sigset_t ending;

	sigemptyset(&ending);
	sigaddset(&ending, SIGHUP);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGPIPE); /* nobody reads a message */
	sigaddset(&ending, SIGQUIT);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, before);
}

/* ---- bind ---- */

/* Is there a reason not to bind? An exit code after a message, or 0. */
static int bind_check(const char *root, const struct host_pci *pci)
{
	char why[512];

	if (host_pci_is_bridge(pci)) {
		log_error("%s: a bridge: only endpoints can be assigned", pci->bdf);
		return EXIT_USAGE;
	}
	if (pci->iommu_group < 0 && !host_pci_group_may_come(root, pci)) {
		log_error("%s: no IOMMU group: " HOST_PCI_NO_IOMMU_REMEDY, pci->bdf);
		return EXIT_HOST;
	}
	if (host_pci_in_use(root, pci, why, sizeof(why))) {
		log_error("%s: in use by this host: %s", pci->bdf, why);
		return EXIT_HOST;
	}
	return 0;
}

/* All that changes something. */
static int bind_steps(const char *root, const struct host_pci *pci)
{
	const char *bdf = pci->bdf;
	struct former former;
	int code;

	if (!is_half_bound(root, pci, &former)) {
		snprintf(former.driver, sizeof(former.driver), "%s", pci->driver);
		override_read(root, bdf, former.override, sizeof(former.override));
		/* With it vfio-pci would get the function back at once. */
		if (!strcmp(former.override, HOST_PCI_VFIO))
			former.override[0] = '\0';
		code = former_remember(root, bdf, &former);
		if (code)
			return code;
	}
	code = override_write(root, bdf, HOST_PCI_VFIO);
	if (code)
		goto err_former;
	if (pci->driver[0]) {
		code = driver_leave(root, bdf);
		if (code)
			goto err_override;
	}
	code = vfio_pci_probe(root, bdf);
	if (code)
		goto err_driver;
	log_info("%s is bound to " HOST_PCI_VFIO " (before: %s)", bdf,
		 former.driver[0] ? former.driver : "no driver");
	return 0;

err_driver:
	if (former.driver[0]) {
		former_restore(root, bdf, &former);
		goto err_former;
	}
err_override:
	override_write(root, bdf, former.override);
err_former:
	former_forget(root, bdf);
	return code;
}

int host_pci_bind(const char *root, const char *bdf)
{
	struct host_pci pci;
	sigset_t before;
	int code;

	code = host_pci_named_read(root, bdf, &pci);
	if (code || !strcmp(pci.driver, HOST_PCI_VFIO))
		return code;
	code = bind_check(root, &pci);
	if (code)
		return code;
	code = vfio_pci_load(root);
	if (code)
		return code;
	signals_hold(&before);
	code = bind_steps(root, &pci);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* ---- unbind ---- */

/* The function has no driver any more. */
static int give_back(const char *root, const struct host_pci *pci, const struct former *former)
{
	const char *bdf = pci->bdf;
	char driver[32];
	int code;

	code = former_restore(root, bdf, former);
	driver_read(root, bdf, driver, sizeof(driver));
	/* Without a driver there is something left to do, for which it is remembered. */
	if (!code || driver[0])
		former_forget(root, bdf);
	if (code)
		return code;
	if (strcmp(driver, HOST_PCI_VFIO)) {
		log_info("%s is bound to %s", bdf, driver[0] ? driver : "no driver");
		return 0;
	}
	log_error(HOST_PCI_VFIO " took %s again, by an id it was given: echo %04x %04x "
				">/sys/bus/pci/drivers/" HOST_PCI_VFIO
				"/remove_id, then unbind again",
		  bdf, pci->vendor, pci->device);
	return EXIT_HOST;
}

/* The function is not bound to vfio-pci: is there something to do from a time before? */
static int leftover_undo(const char *root, const struct host_pci *pci)
{
	struct former former;
	int code;

	if (!pci->driver[0] && former_read(root, pci->bdf, &former))
		return give_back(root, pci, &former);
	if (!is_half_bound(root, pci, &former))
		return 0;
	code = override_write(root, pci->bdf, former.override);
	if (!code)
		former_forget(root, pci->bdf);
	return code;
}

static int unbind_steps(const char *root, const struct host_pci *pci)
{
	struct former former;
	int code;

	if (strcmp(pci->driver, HOST_PCI_VFIO))
		return leftover_undo(root, pci);
	/* The kernel would wait for the user to finish, or find the group half taken away. */
	if (group_is_open(root, pci->iommu_group)) {
		log_error("IOMMU group %d of %s is in use by a guest: end the guest first",
			  pci->iommu_group, pci->bdf);
		return EXIT_HOST;
	}
	former_read(root, pci->bdf, &former);
	code = driver_leave(root, pci->bdf);
	return code ? code : give_back(root, pci, &former);
}

int host_pci_unbind(const char *root, const char *bdf)
{
	struct host_pci pci;
	sigset_t before;
	int code;

	code = host_pci_named_read(root, bdf, &pci);
	if (code)
		return code;
	signals_hold(&before);
	code = unbind_steps(root, &pci);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* ---- the commands ---- */

struct bind_options {
	char bdf[HOST_PCI_BDF_SIZE]; /* first: see operand_bdf() */
};

static int bind_run(const void *opaque)
{
	const struct bind_options *options = opaque;
	char why[1024];
	struct host_pci pci;
	int code;

	code = host_pci_bind("", options->bdf);
	if (code)
		return code;
	/* Bound, and yet not ready: others of its group are in the way. */
	if (!host_pci_read("", options->bdf, &pci) && host_pci_blocker("", &pci, why, sizeof(why)))
		log_warn("%s: %s", options->bdf, why);
	return EXIT_OK;
}

static int unbind_run(const void *opaque)
{
	const struct bind_options *options = opaque;

	return host_pci_unbind("", options->bdf);
}

const struct command command_bind = {
	.name = "bind",
	.synopsis = "BDF",
	.help = "take a PCI function from its driver, for a guest",
	.operand = operand_bdf,
	.operands = 1,
	.needed = "the address of a PCI function",
	.options_size = sizeof(struct bind_options),
	.run = bind_run,
};

const struct command command_unbind = {
	.name = "unbind",
	.synopsis = "BDF",
	.help = "give a PCI function back to its driver",
	.operand = operand_bdf,
	.operands = 1,
	.needed = "the address of a PCI function",
	.options_size = sizeof(struct bind_options),
	.run = unbind_run,
};
