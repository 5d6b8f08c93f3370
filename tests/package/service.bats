# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2016 # systemd's variables
# The unit for systemd: posthorn@.service. What it starts is run in tests/lab/seccomp.bats.

bats_require_minimum_version 1.5.0

setup() {
	tree=$(realpath "$BATS_TEST_DIRNAME/../..")
	arch=$(uname -m)
	posthorn=$tree/build/${arch/aarch64/arm64}/posthorn
	unit=$tree/systemd/posthorn@.service
}

# values KEY: of the lines KEY=VALUE.
values() {
	sed -n "s/^$1=//p" "$unit"
}

@test "systemd finds nothing wrong with it" {
	command -v systemd-analyze >/dev/null || skip "there is no systemd-analyze"
	# As if it were installed; the manual page is not.
	sed "s|=\(+\{0,1\}\)posthorn |=\1$posthorn |" "$unit" >"$BATS_TEST_TMPDIR/posthorn@.service"
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/posthorn@.service"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
	# The control: it looks at all keys.
	echo PrivateUser=yes >>"$BATS_TEST_TMPDIR/posthorn@.service"
	sed -i 's/^PrivateUsers=/PrivateUser=/' "$BATS_TEST_TMPDIR/posthorn@.service"
	run systemd-analyze verify --man=no "$BATS_TEST_TMPDIR/posthorn@.service"
	[[ $output == *PrivateUser* ]]
}

@test "its commands are posthorn's, and the options that they have" {
	local line words word
	[ "$(values 'Exec[A-Za-z]*' | wc -l)" = 3 ]
	while read -r line; do
		read -ra words <<<"${line#+}"
		[ "${words[0]}" = posthorn ]
		run "$posthorn" help "${words[1]}"
		[ "$status" -eq 0 ]
		for word in "${words[@]:2}"; do
			case $word in
			--*) grep -q -- "^ *$word " <<<"$output" || {
				echo "posthorn ${words[1]} has no $word"
				return 1
			} ;;
			posthorn) [ "$(values User)" = "$word" ] ;;
			%i | '$OPTIONS') ;;
			*) return 1 ;;
			esac
		done
	done < <(values 'Exec[A-Za-z]*')
}

@test "only what binds and unbinds has rights, and the guest's user has none" {
	[ "$(values ExecStartPre)" = "+posthorn bind --owner posthorn %i" ]
	[ "$(values ExecStart)" = 'posthorn run --device %i $OPTIONS' ]
	[ "$(values ExecStopPost)" = "+posthorn unbind %i" ]
	[ "$(values PrivateUsers) $(values NoNewPrivileges)" = "yes yes" ]
	grep -qx CapabilityBoundingSet= "$unit"
	! grep -q AmbientCapabilities "$unit"
}

@test "the modules whose files it may open are there before it starts" {
	local modules='modprobe@vfio_pci.service modprobe@vfio_iommu_type1.service modprobe@iommufd.service'
	[ "$(values Wants)" = "$modules" ]
	[ "$(values After)" = "$modules" ]
}
