# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# A guest that does what it can to do harm, without a device: see scripts/lab.d/hostile, which is
# what fails. What it does depends on the seed, which is fixed here; `make hostile` takes any.

load helpers

setup() {
	posthorn_setup
}

teardown() {
	posthorn_teardown
}

# hostile [OPTION]...
hostile() {
	run "$BATS_TEST_DIRNAME/../../scripts/lab.d/hostile" "$@" "$posthorn" \
		"$payloads/hostile.$kind"
	expect_status 0
	expect_text "hostile: pass" "$output"
}

@test "20,000 operations of two CPUs at random: nothing but what the guest may do happens" {
	hostile --operations 20000 --seed 2
	expect_text ": 1 rested, 0 crashed, 0 went astray" "$output"
}

@test "guests that end themselves at random, in each of the ways: an exit code for it each time" {
	hostile --operations 20000 --seed 1 --ends 4000
}
