# SPDX-License-Identifier: BSD-2-Clause
# The Debian packages of `make deb`, for each architecture that they can be built for here.

bats_require_minimum_version 1.5.0

setup_file() {
	local tree
	tree=$(realpath "$BATS_TEST_DIRNAME/../..")
	export skip=''
	if ! command -v dh >/dev/null; then
		skip="there is no debhelper"
	elif [ -e "$tree/.git" ] && ! git -C "$tree" rev-parse 2>/dev/null; then
		skip="there is no git, or it cannot read this working tree"
	else
		make -s -C "$tree" deb
	fi
}

setup() {
	[ -z "$skip" ] || skip "$skip"
	build=$(realpath "$BATS_TEST_DIRNAME/../../build")
	version=$(sed -n 's/^VERSION := //p' "$build/../Makefile")
	native=$(dpkg --print-architecture)
	architectures=$native
	[ "$native" != amd64 ] || architectures="amd64 arm64"
}

# field ARCHITECTURE PACKAGE NAME
field() {
	dpkg-deb -f "$build/$2_${version}_$1.deb" "$3"
}

@test "lintian finds neither errors nor warnings" {
	command -v lintian >/dev/null || skip "there is no lintian"
	local arch
	for arch in $architectures; do
		run lintian --no-cfg --fail-on error,warning "$build/posthorn_${version}_$arch.changes"
		echo "$arch: $output"
		[ "$status" = 0 ]
	done
}

@test "posthorn has the program, its manual page, completion, a unit and documentation" {
	local arch file files
	for arch in $architectures; do
		[ "$(field "$arch" posthorn Architecture)" = "$arch" ]
		files=$(dpkg-deb --fsys-tarfile "$build/posthorn_${version}_$arch.deb" | tar -t)
		for file in bin/posthorn share/man/man1/posthorn.1.gz \
			share/bash-completion/completions/posthorn \
			share/zsh/vendor-completions/_posthorn share/doc/posthorn/README.md \
			share/doc/posthorn/docs/interrupt.md share/doc/posthorn/copyright \
			lib/systemd/system/posthorn@.service; do
			grep -qxF "./usr/$file" <<<"$files" || {
				echo "$arch: no $file"
				return 1
			}
		done
	done
}

@test "posthorn-lab has the lab, its manual page, and guests" {
	local arch file files kind
	for arch in $architectures; do
		[ "$(field "$arch" posthorn-lab Architecture)" = "$arch" ]
		files=$(dpkg-deb --fsys-tarfile "$build/posthorn-lab_${version}_$arch.deb" | tar -t)
		kind=elf
		[ "$arch" != arm64 ] || kind=image
		for file in bin/posthorn-lab share/man/man1/posthorn-lab.1.gz share/doc/posthorn-lab/lab.md \
			share/posthorn-lab/guest/linux/build "lib/posthorn-lab/hello.$kind"; do
			grep -qxF "./usr/$file" <<<"$files" || {
				echo "$arch: no $file"
				return 1
			}
		done
		# All that the lab's script calls or reads.
		while read -r file; do
			grep -qxF "./usr/share/posthorn-lab/scripts/$file" <<<"$files" || {
				echo "$arch: no $file"
				return 1
			}
		done < <(grep -o 'lab\.d/[a-z-]*' "$build/../scripts/lab" | sort -u)
	done
}

@test "posthorn-lab says its own name" {
	dpkg-deb -x "$build/posthorn-lab_${version}_$native.deb" "$BATS_TEST_TMPDIR"
	run "$BATS_TEST_TMPDIR/usr/bin/posthorn-lab" --help
	[ "$status" = 0 ]
	[[ ${lines[0]} == "Usage: posthorn-lab x86_64|arm64 "* ]]
	[[ $output != *" scripts/lab"* ]]
	run "$BATS_TEST_TMPDIR/usr/bin/posthorn-lab"
	[ "$status" = 2 ]
	[[ $output == *"see posthorn-lab --help"* ]]
}

@test "posthorn-lab boots, builds a guest, and keeps what is written to --output" {
	local arch=${native/amd64/x86_64} program=qemu-system-x86_64
	[ "$arch" != arm64 ] || program=qemu-system-aarch64
	command -v $program >/dev/null || skip "there is no $program"
	dpkg-deb -x "$build/posthorn-lab_${version}_$native.deb" "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	run "usr/bin/posthorn-lab" "$arch" --device e1000e --output results -- sh -c '
		gzip -t "$LAB_GUEST_INITRD" && echo "$LAB_DEVICES" >"$LAB_OUTPUT/devices"'
	echo "$output"
	[ "$status" = 0 ]
	[ "$(cat results/devices)" = 0000:00:10.0 ]
}

@test "posthorn depends on libraries that Debian 12 and 13 both have" {
	local arch names
	for arch in $architectures; do
		names=$(field "$arch" posthorn Depends | sed 's/([^)]*)//g' | tr -d ' ' | tr , '\n' |
			sort | xargs)
		case $arch in
		amd64) [ "$names" = "libc6 libjansson4 libpci3 libseccomp2" ] ;;
		arm64) [ "$names" = "libc6 libfdt1 libjansson4 libpci3 libseccomp2 zlib1g" ] ;;
		esac
	done
}

@test "the program of the package runs" {
	dpkg-deb -x "$build/posthorn_${version}_$native.deb" "$BATS_TEST_TMPDIR"
	[ "$("$BATS_TEST_TMPDIR/usr/bin/posthorn" version)" = "posthorn $version" ]
}
