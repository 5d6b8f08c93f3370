#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # variables of helpers.bash and bats
# lab: --device e1000e
# What the guest finds in the ROM of a device: what the host does, a file, or nothing.

load helpers

setup() {
	lab_setup
	nic=${devices[0]}
	rom=$BATS_TEST_TMPDIR/rom
}

# guest_rom_sum: $output is the checksum of the ROM as the guest's Linux reads it.
guest_rom_sum() {
	# A driver turns the memory on, if there is one.
	guest 'cd /sys/bus/pci/devices/0000:00:01.0 && { [ -e driver ] || echo 1 >enable; }; until [ $(($(config_byte 0000:00:01.0 4) & 2)) -ne 0 ]; do usleep 10000; done; echo 1 >rom && sha256sum <rom'
}

# bytes OFFSET HEX...: write bytes of $rom.
bytes() {
	local offset=$1
	shift
	printf '%b' "${@/#/\\x}" | dd of="$rom" bs=1 seek="$offset" conv=notrunc status=none
}

# An image of 1 KiB in a file of as many bytes, or of the number that is given.
rom_make() {
	head -c "${1-1024}" /dev/urandom >"$rom"
	bytes 0 55 aa 02
	bytes $((0x18)) 40 00
	bytes $((0x40)) 50 43 49 52
	# The structure's own length, which Linux looks at since 2025.
	bytes $((0x4a)) 18 00
	bytes $((0x50)) 02 00
	# The last image.
	bytes $((0x55)) 80
}

# warned_once TEXT: posthorn has said this of the ROM, and nothing else of it.
warned_once() {
	[ "$(grep -c ' its ROM ' "$BATS_TEST_TMPDIR/errors")" = 1 ]
	expect_text "$nic: its ROM $1" "$(<"$BATS_TEST_TMPDIR/errors")"
}

@test "the guest reads the ROM that the host reads" {
	local host
	"$posthorn" unbind "$nic"
	host=$(cd "/sys/bus/pci/devices/$nic" && echo 1 >rom && sha256sum <rom && echo 0 >rom)
	"$posthorn" bind "$nic"
	guest_start --device "$nic"
	guest_rom_sum
	[ "$output" = "$host" ]
	guest_end
	expect_status 0
	[ "$(grep -c ' its ROM ' "$BATS_TEST_TMPDIR/errors")" = 0 ]
	echo "# $host" >&3
}

@test "romfile: the guest reads the file in its place" {
	rom_make
	guest_start --device "$nic,romfile=$rom"
	guest_rom_sum
	[ "$output" = "$(sha256sum <"$rom")" ]
	guest_end
	expect_status 0
}

@test "rombar=off: the guest finds none" {
	guest_start --device "$nic,rombar=off"
	guest '[ -d /sys/bus/pci/devices/0000:00:01.0 ] && [ ! -e /sys/bus/pci/devices/0000:00:01.0/rom ]'
	guest_end
	expect_status 0
}

@test "three broken ROMs: each is said once, and the guest starts" {
	rom_make
	bytes 0 00 00
	guest_start --device "$nic,romfile=$rom"
	guest_end
	expect_status 0
	warned_once "does not begin with 55 aa, as a ROM does"

	rom_make 2048
	bytes $((0x50)) 05 00
	guest_start --device "$nic,romfile=$rom"
	guest_end
	expect_status 0
	warned_once "says that its first image has 2560 bytes, and has 2048 in all"

	head -c 4096 /dev/zero | tr '\0' '\377' >"$rom"
	guest_start --device "$nic,romfile=$rom"
	guest_end
	expect_status 0
	warned_once "reads as all-ones"
}

@test "a file that cannot be a ROM is refused" {
	run -2 --separate-stderr "$posthorn" run --kernel "$guest_kernel" \
		--device "$nic,romfile=$BATS_TEST_TMPDIR"
	expect_text "romfile=$BATS_TEST_TMPDIR: give a regular file of 1 byte to 16 MiB" "$stderr"
}
