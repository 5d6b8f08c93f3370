# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# posthorn check on a host as it is: whether what it says of KVM and the IOMMU is true.

load helpers

setup() {
	posthorn_setup
}

teardown() {
	posthorn_teardown
}


@test "KVM: ok, and a guest runs" {
	"$posthorn" check --json >"$BATS_TEST_TMPDIR/json" || [ $? -eq 3 ]
	jq -e '.findings[] | select(.object == "KVM") | .severity == "ok" and .remedy == null' \
		"$BATS_TEST_TMPDIR/json"
	run_payload hello
	expect_status 0
}

@test "a host without an IOMMU: exit code 3, and what turns one on" {
	[ -z "$(ls /sys/class/iommu 2>/dev/null)" ] || skip "this host has an IOMMU"
	run --separate-stderr "$posthorn" check
	expect_status 3
	[ -z "$stderr" ]
	grep -A 1 '^stops    IOMMU: ' <<<"$output" | grep -E '^ +-> .*(iommu|AMD-Vi|SMMU)'
	run --separate-stderr "$posthorn" check --json
	expect_status 3
	jq -e '.findings | map(select(.severity == "stops")) | length > 0 and
		all(.remedy != null)' <<<"$output"
}

@test "a function of a host without an IOMMU: its group stops it too; info: exit code 3" {
	[ -z "$(ls /sys/class/iommu 2>/dev/null)" ] || skip "this host has an IOMMU"
	local bdf
	bdf=$("$posthorn" devices --json | jq -r 'map(select(.bridge | not))[0].bdf // ""')
	[ -n "$bdf" ] || skip "this host has no PCI function"
	run --separate-stderr "$posthorn" check "$bdf"
	expect_status 3
	expect_text "stops    $bdf group: in no IOMMU group" "$output"
	run --separate-stderr "$posthorn" info "$bdf"
	expect_status 3
	[ -z "$output" ]
	expect_text "no IOMMU group" "$stderr"
}

@test "findings that cannot be written: a message, and no exit code 0" {
	local format
	for format in '' --json; do
		# shellcheck disable=SC2086 # none or one
		run ! sh -c '"$@" >/dev/full' sh "$posthorn" check $format
		expect_text "cannot write to standard output" "$output"
	done
}

@test "a function that does not exist: exit code 2" {
	for command in check info; do
		run --separate-stderr "$posthorn" "$command" ffff:00:1f.7
		expect_status 2
		expect_text "ffff:00:1f.7" "$stderr"
	done
}

# What the shell commands $1 make of /sys/bus/pci/devices, for the command that follows only.
with_devices() {
	local why
	why=$(unshare --mount true 2>&1) || skip "no mount namespace of its own: $why"
	# shellcheck disable=SC2016 # of the inner shell
	run --separate-stderr unshare --mount sh -c 'mount -t tmpfs none /sys/bus/pci &&
		cd /sys/bus/pci && eval "$1" && shift && exec "$@"' sh "$@"
}

@test "a function that cannot be read: exit code 3, the error, and not that it is missing" {
	local command
	for command in "check" "latency --count 10 --device"; do
		# shellcheck disable=SC2086 # a command and its options
		with_devices "mkdir -p devices/ffff:00:1f.7/vendor" "$posthorn" $command ffff:00:1f.7
		expect_status 3
		expect_text "ffff:00:1f.7: sysfs cannot be read: Is a directory" "$stderr"
	done
}

@test "functions that cannot be listed: a finding that stops" {
	with_devices : "$posthorn" check
	expect_status 3
	expect_text "stops    functions: /sys/bus/pci/devices: No such file" "$output"
}

@test "the memory lock of a user without rights: needed, allowed and the command" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give up its rights"
	run --separate-stderr setpriv --bounding-set=-ipc_lock prlimit --memlock=65536 \
		"$posthorn" check --memory 1G
	expect_status 3
	expect_text "needed 1048576 KiB for a guest with a device, allowed 64 KiB" "$output"
	expect_text "-> ulimit -l 1048576" "$output"
	run --separate-stderr prlimit --memlock=65536 "$posthorn" check --memory 1G
	expect_text "ok       memory lock: needed 1048576 KiB" "$output"
}

@test "the right to lock memory counts in the initial user namespace alone" {
	unshare -Ur true || skip "this process may not make user namespaces"
	run --separate-stderr unshare -Ur prlimit --memlock=65536 "$posthorn" check --memory 1G
	expect_text "stops    memory lock: needed 1048576 KiB for a guest with a device, allowed 64" \
		"$output"
	expect_text "-> ulimit -l 1048576 where this user namespace is made" "$output"
}

@test "a limit of the control group's memory below the guest's: it stops a run" {
	local group=/sys/fs/cgroup/memory/posthorn-$$ limit=memory.limit_in_bytes
	[ -d "${group%/*}" ] || group=/sys/fs/cgroup/posthorn-$$ limit=memory.max
	mkdir "$group" || skip "this process may not make control groups"
	echo 64M >"$group/$limit" || limit=
	# shellcheck disable=SC2016 # the shell that enters the group
	run --separate-stderr sh -c 'echo $$ >"$1/cgroup.procs" && shift && "$@"' - "$group" \
		"$posthorn" check --memory 256M
	rmdir "$group"
	[ -n "$limit" ] || skip "control groups here have no memory controller"
	expect_status 3
	expect_text "stops    memory: 256 MiB for the guest, a control group leaves" "$output"
	expect_text "(limit: 64 MiB, $group/$limit)" "$output"
}
