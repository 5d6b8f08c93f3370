#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab arm64:
# Guests without a device: more CPUs than this host has, a packed kernel, the device tree for people.

load helpers

setup() {
	lab_setup
	minimal=$root/build/$arch/guest/minimal.cpio.gz
}

@test "17 CPUs, one more than the lowest part of their address counts, all run at once" {
	run --separate-stderr timeout 300 "$posthorn" run --memory 64M --cpus 17 \
		--kernel "$root/build/$arch/guest/payload/cpus.image" </dev/null
	expect_status 0
	expect_text "all 17 CPUs met" "$output"
	expect_text "payload: pass" "$output"
}

# Not more of them: where virtual CPUs that wait for a spin lock hold the host's CPUs, each costs the
# square, and QEMU has no trap for WFE that would let KVM run another.
@test "Linux on 4 CPUs, its Image packed with gzip; --dump-fdt has what it was told" {
	gzip -1 <"$LAB_GUEST_KERNEL/vmlinuz" >"$BATS_TEST_TMPDIR/Image.gz"
	run --separate-stderr timeout 400 "$posthorn" run --kernel "$BATS_TEST_TMPDIR/Image.gz" \
		--initrd "$minimal" --memory 512M --cpus 4 --cmdline "end=poweroff $guest_quick" \
		--dump-fdt "$BATS_TEST_TMPDIR/tree" </dev/null
	expect_status 0
	expect_text "smp: Brought up 1 node, 4 CPUs" "$output"
	expect_text "posthorn-guest: init" "$output"
	[ "$(grep -ac 'cpu@' "$BATS_TEST_TMPDIR/tree")" -ge 1 ]
	[ "$(grep -ao 'cpu@[0-9a-f]*' "$BATS_TEST_TMPDIR/tree" | sort -u | wc -l)" -eq 4 ]
}
