# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2034,SC2154 # variables of and for those who load it
#
# What a run of posthorn calls once it is under its seccomp filters, by strace(1), against the lists
# in vmm/seccomp.c. For tests/kvm/seccomp.bats and tests/lab/seccomp.bats, which set $rows, the
# program build/ARCH/tests/seccomp_rows.

trace_setup() {
	command -v strace >/dev/null || skip "there is no strace"
	trace=$BATS_TEST_TMPDIR/trace
	# The arguments of ioctl as numbers; those of what is read and written are nobody's business.
	tracer=(strace -f -qq -s 16 -o "$trace" -e 'raw=ioctl,seccomp' -e signal=none)
}

# traced: the system calls that were made under a filter, as "THREAD CALL REQUEST". A thread is what
# it calls itself, and the main thread nothing.
traced() {
	awk '{
		thread = $1
		sub(/^[0-9]+ +/, "")
		if ($0 ~ /^prctl\(PR_SET_NAME, "/)
			split($0, name, /[" ]+/)
		if ($0 ~ /^prctl\(PR_SET_NAME, "/)
			kind[thread] = name[2]
		if ($0 ~ /^seccomp\(0x1, 0, 0x/) {
			filtered[thread] = 1
			next
		}
		if (!filtered[thread] || !match($0, /^[a-z_0-9]+\(/))
			next
		call = substr($0, 1, RLENGTH - 1)
		split($0, argument, ", ")
		print (thread in kind) ? kind[thread] : "main", call, call == "ioctl" ? argument[2] : 0
	}' "$@" | sort -u
}

# expect_listed: is each call in $calls in the lists?
expect_listed() {
	local stray
	stray=$(comm -23 <(echo "$calls") <("$rows" | cut -d ' ' -f 1-3 | sort -u))
	[ -z "$stray" ] && return
	echo "called and not in vmm/seccomp.c: $stray"
	return 1
}

# expect_needed SHOWN: were the rows that a test of this name is to see in $calls?
expect_needed() {
	local missing
	missing=$(comm -13 <(echo "$calls") \
		<("$rows" | sed -n "s/ $1\$//p" | sort -u))
	[ -z "$missing" ] && return
	echo "in vmm/seccomp.c as $1, and not called: $missing"
	return 1
}
