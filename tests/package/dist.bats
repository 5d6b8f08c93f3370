# SPDX-License-Identifier: BSD-2-Clause
# The tarball of `make dist`: the same bytes each time, with all that is needed and nothing else.

bats_require_minimum_version 1.5.0

setup() {
	tree=$(realpath "$BATS_TEST_DIRNAME/../..")
	version=$(sed -n 's/^VERSION := //p' "$tree/Makefile")
	tarball=$tree/build/posthorn-$version.tar.gz
	[ ! -e "$tree/.git" ] || git -C "$tree" rev-parse 2>/dev/null ||
		skip "there is no git, or it cannot read this working tree"
}

# The checksum of the tarball that FOLDER makes, in the environment that is given.
checksum() {
	local folder=$1
	shift
	env "$@" make -s -C "$folder" dist | cut -d ' ' -f 1
}

@test "the same source gives the same tarball, wherever and whenever it is packed" {
	local first second
	first=$(checksum "$tree")
	sleep 1.1
	umask 077
	second=$(checksum "$tree" TZ=Asia/Tokyo LC_ALL=C.UTF-8)
	[ "${#first}" = 64 ]
	[ "$first" = "$second" ]
}

@test "an unpacked tarball packs itself again, without git and what was built there" {
	local first second
	first=$(checksum "$tree")
	tar -C "$BATS_TEST_TMPDIR" -xf "$tarball"
	cd "$BATS_TEST_TMPDIR/posthorn-$version"
	[ ! -e .git ]
	mkdir -p build debian/posthorn
	touch build/some.o debian/posthorn/file debian/files
	second=$(checksum .)
	[ "$first" = "$second" ]
	# But what belongs to it counts.
	echo >>README.md
	second=$(checksum .)
	[ "$first" != "$second" ]
}

@test "SOURCE_DATE_EPOCH is the time of all files, or else it is that of debian/changelog" {
	local written
	checksum "$tree" SOURCE_DATE_EPOCH=86400
	[ "$(TZ=UTC tar -tvf "$tarball" | awk '{ print $4, $5 }' | sort -u)" = "1970-01-02 00:00" ]
	checksum "$tree"
	written=$(date -u -d "$(sed -n 's/^ -- .*>  //p' "$tree/debian/changelog" | head -n 1)" '+%F %R')
	[ "$(TZ=UTC tar -tvf "$tarball" | awk '{ print $4, $5 }' | sort -u)" = "$written" ]
}

@test "the lab runs from an unpacked tarball" {
	local arch
	arch=$(uname -m)
	arch=${arch/aarch64/arm64}
	command -v "qemu-system-$(uname -m)" >/dev/null || skip "there is no qemu-system-$(uname -m)"
	checksum "$tree"
	tar -C "$BATS_TEST_TMPDIR" -xf "$tarball"
	cd "$BATS_TEST_TMPDIR/posthorn-$version"
	run scripts/lab "$arch" -- sh -c 'pwd >build/where'
	echo "$output"
	[ "$status" = 0 ]
	[ "$(cat build/where)" = "$PWD" ]
}

@test "debian/changelog has the version of the Makefile" {
	head -n 1 "$tree/debian/changelog" | grep -F "posthorn ($version) "
}
