#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016,SC2154 # the guest's variables; those of helpers.bash and bats
# lab: --device e1000e --device nvme
# With an assigned device: the system calls of a run, and a run without privileges.

load helpers
load ../seccomp

setup_file() {
	lab_setup_file
	files_open
}

# Mend what a test gave away.
teardown() {
	chown 0:0 /dev/kvm
	chmod 600 /dev/vfio/vfio
	lab_teardown
}

setup() {
	lab_setup
	nic=${devices[0]}
	rows=$root/build/$arch/tests/seccomp_rows
}

@test "every system call of a run with a device is in the lists, and the rows for it are needed" {
	trace_setup
	guest_prefix=("${tracer[@]}")
	# Two, so that each can reach the other's BARs by DMA.
	guest_start --device "$nic" --device "${devices[1]}" --irq-report "$BATS_TEST_TMPDIR/report"
	guest net-up
	guest_pings 5
	# All is turned off, and on again.
	guest 'd=0000:00:01.0; driver_unbind $d; config_set $d 4 0 0; driver_bind $d && net-up'
	guest_pings 5
	pkill -USR1 -P "$pid"
	timeout "$patience" sh -c \
		"until grep -q DELIVERY '$BATS_TEST_TMPDIR/errors'; do sleep 0.1; done"
	# A guest that has no time to turn anything off.
	pkill -TERM -P "$pid"
	guest_wait
	expect_status 143
	calls=$(traced "$trace")
	expect_listed
	expect_needed device
}

@test "--user nobody: the guest has its device, and the host has it back afterwards" {
	local state
	for _ in 1 2; do
		guest_start --device "$nic" --user nobody -v
		expect_text "no file can be reached by its path" "$(<"$BATS_TEST_TMPDIR/errors")"
		state=$(</proc/"$pid"/status)
		expect_text "CapPrm:	0000000000000000" "$state"
		expect_text "Uid:	$(id -u nobody)" "$state"
		guest net-up
		guest_pings 5
		guest_end
		expect_status 0
	done
	"$posthorn" unbind "$nic"
	host_pings "$nic"
	"$posthorn" bind "$nic"
}

# unit_line KEY: the value of KEY=VALUE in the unit for systemd, for $nic.
unit_line() {
	sed -n "s/^$1=+\{0,1\}//p" "$root/systemd/posthorn@.service" | sed "s/%i/$nic/"
}

# A command of the unit, which systemd runs as root.
unit_run() {
	local words
	read -ra words <<<"$(unit_line "$1")"
	[ "${words[0]}" = posthorn ]
	run --separate-stderr "$posthorn" "${words[@]:1}"
	expect_status 0
}

@test "as systemd runs posthorn@.service: a user without rights, in a user namespace, has a card" {
	local file
	"$posthorn" unbind "$nic"
	[ "$(unit_line User)" = posthorn ]
	echo "posthorn:x:5000:5000::/:/bin/false" >>/etc/passwd
	# As udev does it.
	chgrp 5001 /dev/kvm
	chmod 660 /dev/kvm
	chmod 666 /dev/vfio/vfio
	unit_run ExecStartPre
	file=/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$nic/iommu_group")")
	[ "$(stat -c %u "$file")" = 5000 ]
	# ProcSubset=, ProtectProc=, ProtectKernelTunables=, LimitMEMLOCK=, User=, SupplementaryGroups=,
	# CapabilityBoundingSet= and PrivateUsers=.
	guest_prefix=("${mounts_own[@]}" 'mount -o bind,remount,ro /sys &&
		mount -t proc -o subset=pid,hidepid=invisible none /proc && exec "$@"' - prlimit --memlock=unlimited
		setpriv --reuid 5000 --regid 5000 --groups 5001 --inh-caps=-all --bounding-set=-all
		"${userns[@]}")
	run --separate-stderr "${guest_prefix[@]}" "$posthorn" check "$nic" --memory 256M
	expect_status 0
	expect_text "interrupt remapping: not known" "$output"
	expect_text "$nic interrupts: not known: only root may read" "$output"
	[ "$(unit_line ExecStart)" = "posthorn run --device $nic \$OPTIONS" ]
	: >/run/report
	chmod 666 /run/report
	guest_start --device "$nic" --irq-report /run/report -v
	expect_no_rights
	expect_text "Uid:	5000	5000	5000	5000" "$state"
	guest net-up
	guest_pings 5
	guest_end
	expect_status 0
	# The counts of the host are not there, and it is said why nothing else is known.
	jq -c '.interrupts[0]' /run/report | sed 's/^/# /' >&3
	jq -e '.interrupts | length > 0 and all(.host == null and .reason != "")' \
		/run/report
	unit_run ExecStopPost
	driver_is "$nic" e1000e
	"$posthorn" bind "$nic"
	[ "$(stat -c %u "$file")" = 0 ]
}
