# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # variables for the tests; those of helpers.bash and bats
#
# What the tests share that make each call of posthorn fail that an assigned device is the reason for.
# The lab has an edu and an e1000e.

setup() {
	lab_setup
	edu=${devices[0]}
	nic=${devices[1]}
	faulty=$root/build/$arch-sanitize/tests/fault/posthorn
	[ -x "$faulty" ] || faulty=$root/build/$arch/tests/fault/posthorn
	kernel=$root/build/$arch/guest/payload/faults
	[ "$arch" = arm64 ] && kernel=$kernel.image || kernel=$kernel.elf
}

# inject NAME DEVICE[,OPTION] [OPTION]... [-- OPTION]: the options after the first are for
# tests/fault/inject, those after -- for posthorn.
inject() {
	local name=$1 device=$2 options=()
	shift 2
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	"$root/tests/fault/inject" --name "$arch: $name" --device "${device%%,*}" "${options[@]}" \
		-- "$faulty" run --kernel "$kernel" --memory 32M --seccomp off --device "$device" \
		--console "$BATS_TEST_TMPDIR/console" "${@:2}" >"$BATS_TEST_TMPDIR/table" || {
		cat "$BATS_TEST_TMPDIR/table"
		return 1
	}
	sed 's/^/# /' "$BATS_TEST_TMPDIR/table" >&3
}

# What happens before the first instruction of the guest and is because of the device.
start=(--only 'start * */sys/*' --only 'start * *vfio*' --only 'start ioctl VFIO_*'
	--only 'start ioctl KVM_CREATE_DEVICE:4' --only 'start ioctl KVM_SET_DEVICE_ATTR:1.1'
	--only 'start [mcr]*alloc *')
