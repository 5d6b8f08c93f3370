# SPDX-License-Identifier: BSD-2-Clause
# bats file_tags=kvm
# What the start of a run took its time for.

load helpers

setup() {
	posthorn_setup
	file=$BATS_TEST_TMPDIR/timeline
	mark=0xe0210000
	[ "$arch" = x86_64 ] || mark=0xb310000
}

@test "steps of the start, and what came first after it, in order" {
	run_payload hello --timeline "$file" --cmdline "mark=$mark"
	expect_status 0
	cat "$file"
	jq -e '[.steps[].what] | index("open KVM") < index("VM and RAM") and
		index("VM and RAM") < index("kernel") and index("kernel") < index("threads and their filters")' "$file"
	jq -e '[.steps[] | select(.what == "kernel").object] | .[0] | endswith("hello.'"$kind"'")' "$file"
	jq -e '[.steps[0].begin_ns == 0, (.steps | [.[1:], .[:-1]] | transpose |
		all(.[0].begin_ns == .[1].end_ns))] | all' "$file"
	[ "$(jq -r '[.events | sort_by(.ns)[].what] | join(", ")' "$file")" = \
		"first KVM_RUN, first exit, mark 7, first console byte" ]
	# The steps are the whole start: nothing of it comes after the last.
	jq -e '(.events | map(select(.what == "first exit").ns)[0]) >= .steps[-1].begin_ns' "$file"
}

@test "posthorn timeline shows the file, and draws it" {
	run_payload hello --timeline "$file"
	run "$posthorn" timeline "$file" --plot "$BATS_TEST_TMPDIR/plot.gp"
	expect_status 0
	expect_text "VM and RAM" "$output"
	expect_text "all steps" "$output"
	grep -q 'first KVM_RUN' "$BATS_TEST_TMPDIR/plot.gp"
	command -v gnuplot >/dev/null || skip "there is no gnuplot"
	for kind in svg png; do
		"$posthorn" timeline "$file" --plot "$BATS_TEST_TMPDIR/plot.$kind"
		[ -s "$BATS_TEST_TMPDIR/plot.$kind" ]
	done
}

@test "a file that cannot be made: exit code 2, before anything else; a full disk: exit code 1" {
	run_payload hello --timeline "$BATS_TEST_TMPDIR/none/timeline"
	expect_status 2
	expect_text "--timeline $BATS_TEST_TMPDIR/none/timeline: No such file" "$stderr"
	run_payload hello --timeline /dev/full
	expect_status 1
	expect_text "--timeline /dev/full: cannot be written: No space left" "$stderr"
}
