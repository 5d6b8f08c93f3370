# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# Hosts that are not ready: exit code 3, and what mends it. Each test changes /dev/kvm in a mount
# namespace of its own, which only the test's own processes see.

load helpers

setup() {
	build=$(realpath "${POSTHORN_BUILD:-$BATS_TEST_DIRNAME/../../build/$arch}")
	unshare="unshare --mount"
	[ "$(id -u)" -eq 0 ] || unshare="unshare --mount --map-root-user"
	local why
	why=$($unshare true 2>&1) || skip "no mount namespace of its own: $why"
}

# run_where COMMANDS [PREFIX]...: run a payload after COMMANDS, by way of the program PREFIX.
run_where() {
	local commands=$1
	shift
	run --separate-stderr $unshare sh -c "set -e; $commands; shift; exec \"\$@\"" \
		sh "$BATS_TEST_TMPDIR" "$@" timeout 60 \
		"$build/posthorn" run --kernel "$build/guest/payload/hello.$kind"
}

@test "/dev/kvm is missing: exit code 3, and what it takes to have one" {
	# An empty /dev but for what the shell needs.
	run_where 'touch "$1/null"; mount --bind /dev/null "$1/null"; mount -t tmpfs none /dev
		touch /dev/null; mount --bind "$1/null" /dev/null; exec </dev/null'
	expect_status 3
	[ -z "$output" ]
	expect_text "/dev/kvm: No such file or directory" "$stderr"
	local remedy="kvm_intel or kvm_amd"
	[ "$arch" != arm64 ] || remedy="must start in EL2"
	expect_text "$remedy" "$stderr"
}

@test "/dev/kvm is not permitted: exit code 3, and which group to join" {
	[ -e /dev/kvm ] || skip "there is no /dev/kvm"
	# Root may do it all, but for the capabilities that it gives up here.
	run_where 'touch "$1/kvm"; chmod 0 "$1/kvm"; mount --bind "$1/kvm" /dev/kvm' \
		setpriv --bounding-set=-dac_override,-dac_read_search
	expect_status 3
	[ -z "$output" ]
	expect_text "/dev/kvm: permission denied" "$stderr"
	expect_text "group kvm" "$stderr"
}

@test "/dev/kvm is something else: exit code 3" {
	[ -e /dev/kvm ] || skip "there is no /dev/kvm"
	run_where 'mount --bind /dev/null /dev/kvm'
	expect_status 3
	expect_text "/dev/kvm" "$stderr"
}

# run_host_kernel COMMANDS [PREFIX]...: run posthorn without --kernel, after COMMANDS, on a host with
# nothing but what they put there in /boot and where modules are. $kernel is what they may copy.
run_host_kernel() {
	local commands=$1 folder hide=
	shift
	for folder in /boot /lib/modules /usr/lib/modules; do
		[ ! -d "$folder" ] || hide="$hide mount -t tmpfs none $folder;"
	done
	run --separate-stderr env kernel="$build/guest/payload/hello.$kind" \
		$unshare sh -c "set -e; $hide $commands; exec \"\$@\"" sh "$@" timeout 60 \
		"$build/posthorn" run --memory 64M
}

@test "without --kernel the host's own is booted, and stderr names it" {
	[ -e /dev/kvm ] || skip "there is no /dev/kvm"
	[ -d /boot ] || skip "there is no /boot to put one in"
	run_host_kernel 'cp "$kernel" "/boot/vmlinuz-$(uname -r)"'
	expect_status 0
	[ "$output" = $'hello from the guest\r\npayload: pass\r' ]
	[ "$stderr" = "posthorn: no --kernel was given: the guest boots this host's own, /boot/vmlinuz-$(uname -r)" ]
}

@test "without --kernel, on a host that has none: exit code 2, where it should be, and the remedy" {
	run_host_kernel :
	expect_status 2
	local file
	for file in /boot/vmlinuz-"$(uname -r)" {,/usr}/lib/modules/"$(uname -r)"/vmlinuz; do
		expect_text "$file: No such file or directory" "$stderr"
	done
	expect_text "--kernel FILE" "$stderr"
}

@test "without --kernel, when the host's own may not be read: exit code 2, and the remedy" {
	[ -d /boot ] || skip "there is no /boot to put one in"
	run_host_kernel 'install -m 0 "$kernel" "/boot/vmlinuz-$(uname -r)"' \
		setpriv --bounding-set=-dac_override,-dac_read_search
	expect_status 2
	expect_text "make /boot/vmlinuz-$(uname -r) readable, or give" "$stderr"
}
