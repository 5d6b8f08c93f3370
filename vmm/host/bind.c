/* SPDX-License-Identifier: BSD-2-Clause */
#include "vmm/host/bind.h"

#include <dirent.h>
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
#include "vfio/iommu.h"
#include "vmm/commands.h"
#include "vmm/host/in_use.h"
#include "vmm/host/sysfs.h"
#include "vmm/host/variant.h"

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
	if (mkdir(path, 0755) && errno != EEXIST) {
		if (errno != ENOENT)
			return exit_code_explain(-errno, "make the directory", path);
		log_warn("%s: what it had is not remembered, since there is no /run: posthorn "
			 "unbind will let the kernel choose a driver",
			 bdf);
		return 0;
	}
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
	return host_pci_driver_is_vfio(override) && former_read(root, pci->bdf, former) &&
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

/* Run a program and wait for it. What is there then is what tells of its success. */
static void program_run(const char *program, const char *argument)
{
	char command[32], name[32];
	char *const arguments[] = { command, name, NULL };
	pid_t pid;

	snprintf(command, sizeof(command), "%s", program);
	snprintf(name, sizeof(name), "%s", argument);
	if (posix_spawnp(&pid, command, NULL, NULL, arguments, environ))
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The driver @wanted, as sysfs spells it, into @driver. Returns whether it is there. */
static bool driver_find(const char *root, const char *wanted, char *driver, size_t size)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	bool found = false;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/drivers", root);
	directory = opendir(path);
	if (!directory)
		return false;
	while (!found && (entry = readdir(directory)))
		found = host_pci_driver_is(entry->d_name, wanted);
	if (found)
		snprintf(driver, size, "%.*s", (int)size - 1, entry->d_name);
	closedir(directory);
	return found;
}

/* See to it that the driver @wanted is there: @driver. 0, or EXIT_HOST after a message. */
static int driver_load(const char *root, const char *wanted, char *driver, size_t size)
{
	if (driver_find(root, wanted, driver, size))
		return 0;
	program_run("modprobe", wanted);
	if (driver_find(root, wanted, driver, size))
		return 0;
	log_error("the kernel's driver %s is not there and `modprobe %s` does not load it: install "
		  "the module%s of the running kernel",
		  wanted, wanted, strcmp(wanted, HOST_PCI_VFIO) ? "" : " (CONFIG_VFIO_PCI)");
	return EXIT_HOST;
}

/* Have the kernel probe a function whose override is @driver. 0, or EXIT_HOST after a message. */
static int vfio_probe(const char *root, const char *bdf, const char *driver)
{
	struct host_pci pci = { .driver = "" };
	int error;

	/* Older kernels return 0 here though the driver's probe failed: the link is what counts. */
	error = driver_probe(root, bdf);
	if (host_pci_read(root, bdf, &pci) == 0 && !strcmp(pci.driver, driver) && pci.is_vfio)
		return 0;
	if (!strcmp(pci.driver, driver)) {
		log_error("%s does not give %s to VFIO: it is a driver of the host's", driver, bdf);
		driver_leave(root, bdf);
	} else if (error == -EINVAL) {
		log_error("%s refuses %s, as it does where no IOMMU guards "
			  "it: " IOMMU_MISSING_REMEDY,
			  driver, bdf);
	} else {
		log_error("%s does not take %s (%s): the kernel's log, `dmesg`, says why", driver,
			  bdf, error ? strerror(-error) : "its probe failed");
	}
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

/* Can it not be assigned at all? An exit code after a message, or 0. */
static int kind_check(const char *root, const struct host_pci *pci)
{
	if (host_pci_is_bridge(pci)) {
		log_error("%s: a bridge: only endpoints can be assigned", pci->bdf);
		return EXIT_USAGE;
	}
	if (pci->iommu_group < 0 && !host_pci_group_may_come(root, pci)) {
		log_error("%s: no IOMMU group: " IOMMU_MISSING_REMEDY, pci->bdf);
		return EXIT_HOST;
	}
	return 0;
}

/* Would somebody miss it? An exit code after a message, or 0. */
static int use_check(const char *root, const struct host_pci *pci)
{
	char why[512];

	if (pci->is_vfio && group_is_open(root, pci->iommu_group)) {
		log_error("IOMMU group %d of %s is in use by a guest: end the guest first",
			  pci->iommu_group, pci->bdf);
		return EXIT_HOST;
	}
	if (host_pci_in_use(root, pci, why, sizeof(why))) {
		log_error("%s: in use by this host: %s", pci->bdf, why);
		return EXIT_HOST;
	}
	return 0;
}

/*
 * All that changes something. What the function had before posthorn is remembered, and so not
 * again when it goes from one driver of VFIO to another.
 */
static int bind_steps(const char *root, const struct host_pci *pci, const char *driver)
{
	const char *bdf = pci->bdf;
	struct former former; /* what comes back on failure */
	bool is_kept = pci->is_vfio && former_read(root, bdf, &former);
	int code;

	if (is_kept || !is_half_bound(root, pci, &former)) {
		snprintf(former.driver, sizeof(former.driver), "%s", pci->driver);
		override_read(root, bdf, former.override, sizeof(former.override));
		/* With it VFIO would get the function back at once. */
		if (!is_kept && host_pci_driver_is_vfio(former.override))
			former.override[0] = '\0';
		code = is_kept ? 0 : former_remember(root, bdf, &former);
		if (code)
			return code;
	}
	code = override_write(root, bdf, driver);
	if (code)
		goto err_former;
	if (pci->driver[0]) {
		code = driver_leave(root, bdf);
		if (code)
			goto err_override;
	}
	code = vfio_probe(root, bdf, driver);
	if (code)
		goto err_driver;
	log_info("%s is bound to %s (before: %s)", bdf, driver,
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
	if (!is_kept)
		former_forget(root, bdf);
	return code;
}

int host_pci_bind(const char *root, const char *bdf, const char *wanted)
{
	char driver[sizeof(((struct host_pci *)0)->driver)];
	struct host_pci pci;
	sigset_t before;
	int code;

	code = host_pci_named_read(root, bdf, &pci);
	if (code || (pci.is_vfio && (!wanted || host_pci_driver_is(pci.driver, wanted))))
		return code;
	code = kind_check(root, &pci);
	if (code)
		return code;
	/* Before it is looked who uses the function: it may take a while. */
	code = driver_load(root, wanted ? wanted : HOST_PCI_VFIO, driver, sizeof(driver));
	if (!code)
		code = use_check(root, &pci);
	if (code)
		return code;
	signals_hold(&before);
	code = bind_steps(root, &pci, driver);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* ---- the files in /dev ---- */

/* Give the file @path, if there is one that is somebody else's; then @found is set. 0 or -errno. */
static int file_give(const char *path, const struct host_owner *owner, bool *found)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return errno == ENOENT ? 0 : -errno;
	*found = true;
	if (status.st_uid == owner->user && status.st_gid == owner->group)
		return 0;
	return chown(path, owner->user, owner->group) == 0 ? 0 : -errno;
}

/* Of a function that VFIO has. Sets @found if there is any. 0, or EXIT_HOST after a message. */
static int files_give(const char *root, const struct host_pci *pci, const struct host_owner *owner,
		      bool *found)
{
	char path[PATH_MAX];
	int error;

	file_path_set(path, root, "/dev/vfio/%d", pci->iommu_group);
	error = file_give(path, owner, found);
	if (error == 0 && iommu_device_file_find(root, pci->bdf, path) == 0)
		error = file_give(path, owner, found);
	return error ? exit_code_explain(error, "change the owner of", path) : 0;
}

int host_pci_give(const char *root, const char *bdf, const struct host_owner *owner)
{
	struct host_pci pci;
	int code = host_pci_named_read(root, bdf, &pci);
	bool found = false;

	/* For a new file udev makes its own owner, a moment after the driver has made it. */
	if (!code) {
		program_run("udevadm", "settle");
		code = files_give(root, &pci, owner, &found);
	}
	if (!code && !found) {
		log_error("%s: there is no file to give, neither /dev/vfio/%d nor one in "
			  "/dev/vfio/devices: is /dev that of the host?",
			  bdf, pci.iommu_group);
		code = EXIT_HOST;
	}
	return code;
}

/* ---- unbind ---- */

/* The function has no driver any more. */
static int give_back(const char *root, const struct host_pci *pci, const struct former *former)
{
	struct host_pci now = { .driver = "" };
	const char *bdf = pci->bdf, *driver = "";
	int code;

	code = former_restore(root, bdf, former);
	if (host_pci_read(root, bdf, &now) == 0)
		driver = now.driver;
	/* Without a driver there is something left to do, for which it is remembered. */
	if (!code || driver[0])
		former_forget(root, bdf);
	if (code)
		return code;
	if (!now.is_vfio || !strcmp(driver, former->driver)) {
		log_info("%s is bound to %s", bdf, driver[0] ? driver : "no driver");
		return 0;
	}
	log_error("%s took %s again, by an id it was given: echo %04x %04x "
		  ">/sys/bus/pci/drivers/%s/remove_id, then unbind again",
		  driver, bdf, pci->vendor, pci->device, driver);
	return EXIT_HOST;
}

/* VFIO does not have the function: is there something to do from a time before? */
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
	static const struct host_owner nobody_else = { 0, 0 };
	struct former former;
	bool found = false;
	int code, given;

	if (!pci->is_vfio)
		return leftover_undo(root, pci);
	/* The kernel would wait for the user to finish, or find the group half taken away. */
	if (group_is_open(root, pci->iommu_group)) {
		log_error("IOMMU group %d of %s is in use by a guest: end the guest first",
			  pci->iommu_group, pci->bdf);
		return EXIT_HOST;
	}
	former_read(root, pci->bdf, &former);
	code = driver_leave(root, pci->bdf);
	if (code)
		return code;
	/* Its own file is gone. Its group's stays if others of the group are bound. */
	given = files_give(root, pci, &nobody_else, &found);
	code = give_back(root, pci, &former);
	return code ? code : given;
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
	char bdf[BDF_SIZE]; /* first: see operand_bdf() */
	const char *driver; /* bind: which one; NULL: any of VFIO's */
	const char *owner;  /* bind: whose the files become, "USER[:GROUP]"; NULL: nobody's */
};

/* It becomes a part of paths, and goes to modprobe. */
static int driver_option(struct parser *parser, const struct option_rule *rule, const char *value)
{
	if (!*value || *value == '-' || strlen(value) > 31 ||
	    value[strspn(value,
			 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")])
		return wrong(parser, "%s: '%s' is not the name of a driver", rule->name, value);
	return option_text(parser, rule, value);
}

static int bind_run(const void *opaque)
{
	const struct bind_options *options = opaque;
	struct host_owner owner;
	char why[1024], module[64];
	struct host_pci pci;
	int code = options->owner ? host_owner_find("", options->owner, &owner) : 0;

	if (!code)
		code = host_pci_bind("", options->bdf, options->driver);
	if (!code && options->owner)
		code = host_pci_give("", options->bdf, &owner);
	if (!code)
		code = host_pci_named_read("", options->bdf, &pci);
	if (code)
		return code;
	/* Bound, and yet not ready: others of its group are in the way, say. */
	if (host_pci_blocker("", &pci, why, sizeof(why)))
		log_warn("%s: %s", options->bdf, why);
	if (!options->driver && host_pci_variant_find("", &pci, module, sizeof(module)) &&
	    !host_pci_driver_is(pci.driver, module))
		log_notice(
			"%s: bound to %s; %s gives it to VFIO too, and knows what it is: posthorn "
			"bind --driver %s %s",
			options->bdf, pci.driver, module, module, options->bdf);
	return EXIT_OK;
}

static int unbind_run(const void *opaque)
{
	const struct bind_options *options = opaque;

	return host_pci_unbind("", options->bdf);
}

static const struct option_rule bind_rules[] = {
	{ "--driver", "NAME", "by this driver of VFIO (vfio-pci)", driver_option,
	  .offset = offsetof(struct bind_options, driver) },
	{ "--owner", "USER[:GROUP]", "give the files in /dev/vfio to this user", option_file,
	  .offset = offsetof(struct bind_options, owner) },
	{ 0 },
};

const struct command command_bind = {
	.name = "bind",
	.synopsis = "BDF",
	.help = "take a PCI function from its driver, for a guest",
	.rules = bind_rules,
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
